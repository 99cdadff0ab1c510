# SPDX-License-Identifier: Apache-2.0
"""A thousand faults of each kind on the line to the native board: results are right, or an error says why not.

    make check-faults        # writes benchmarks/faults.json; what is done lies in build/faults and is not done again

A trial opens the board through a faulty line, streams recorded speech and compares every feature, score and event with
the host library. It is *recovered* if all are equal, *reported* if a sentence came instead, *wrong* if anything else
came, and *hung* if it took longer than a minute. It was *detected* if it was reported, or if either end counted damaged
packets or sent samples again; faults that harm nothing, such as a message that arrives twice, need not be. After a
trial that was reported the board must hear another rightly: over the same line where the fault happens once, else over
one without faults.

The faults of a kind are shared out to processes. One that hangs as a whole writes where it hangs, and ends.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from kws.audio import Samples, read_audio
from kws.bundle import Bundle
from kws.device import open_board
from kws.device.boards import DEFAULT_TIMEOUT_S
from kws.device.build import build_firmware
from kws.device.launch import Child, start_native
from kws.errors import DeviceError
from kws.harness.faults import Faults, FaultyLine
from kws.harness.listener import HostListener

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models/speech_commands_12.kws"
SOUND = ROOT / "examples/stream.flac"
HANG_S = 60.0
TIMEOUT_S = 3.0
"""Of the host: shorter than usual, so that stalls fall on both sides of it; long enough for a busy computer."""
_VARIES = r"socket://[\d.:]+|\d[\d.]*"
"""Parts of a sentence that differ from fault to fault."""
RATES = {
    "drop": Faults(drop=2e-4),
    "corrupt": Faults(corrupt=2e-4),
    "duplicate": Faults(duplicate=2e-4),
    "reorder": Faults(reorder=2e-4),
    "delay": Faults(delay=0.05, delay_s=0.02),
}
ONCE = ("stall", "unplug", "restart")
ENDS = ("recovered", "reported", "wrong", "hung")
WORKERS = 12
"""Processes, each with a board of its own; they mostly wait."""
SHARES = 4
"""Of each kind."""


class Rig:
    """The board, what it should hear, and how a trial goes."""

    def __init__(self, kind: str, seed: int, program: Path) -> None:
        self._kind = kind
        self.samples: Samples = read_audio(SOUND)[: 12000 if kind in ONCE else 24000]
        self._expected = HostListener(Bundle.load(MODEL), None).hear(self.samples)
        self._program = program
        self._child = start_native(MODEL, program=self._program)
        self._random = random.Random(seed)

    def close(self) -> None:
        """End the board."""
        self._child.stop()

    def restart(self) -> str:
        """Start the board anew, as a watchdog or a loose plug does."""
        self._child.stop()
        self._child: Child = start_native(MODEL, program=self._program)
        return self._child.url

    def faults(self) -> Faults:
        """The faults of one trial."""
        kind = self._kind
        if kind in RATES:
            return RATES[kind]
        after = self._random.randrange(200, 2 * self.samples.size)
        if kind == "stall":
            return Faults(stall_after_bytes=after, stall_s=self._random.uniform(0.0, 2 * TIMEOUT_S))
        return Faults(unplug_after_bytes=after) if kind == "unplug" else Faults(restart_after_bytes=after)

    def trial(self, seed: int) -> dict[str, Any]:
        """One stream over a line with faults of one kind, and one without if it was not heard."""
        line = FaultyLine(self._child.url, self.faults(), restart=self.restart, seed=seed)
        hung = threading.Event()
        watch = threading.Timer(HANG_S, lambda: (hung.set(), line.close()))
        watch.daemon = True
        started_s = time.monotonic()
        with line:
            watch.start()
            row = self._hear(line.url, TIMEOUT_S)
            row["seconds"] = time.monotonic() - started_s
            watch.cancel()
            faults = line.injected[self._kind]
            if row["end"] == "reported" and self._kind in ONCE and faults and not hung.is_set():
                row["after"] = self._hear(line.url, DEFAULT_TIMEOUT_S)
        if row["end"] == "reported" and self._kind in RATES:
            row["after"] = self._hear(self._child.url, DEFAULT_TIMEOUT_S)
        if hung.is_set():
            row["end"] = "hung"
        return row | {"faults": faults}

    def _hear(self, url: str, timeout_s: float) -> dict[str, Any]:
        try:
            with open_board(url, timeout_s=timeout_s) as board:
                board.reset(scores=True, features=True)
                result = board.stream(self.samples)
        except DeviceError as error:
            return {"end": "reported", "detected": True, "sentence": re.sub(_VARIES, "#", str(error))[:110]}
        expected = self._expected
        equal = tuple(result.detections) == expected.events and np.array_equal(result.frames, expected.frames)
        for name in ("sample_index", "frame_index", "posteriors", "smoothed"):
            equal = equal and np.array_equal(getattr(result.scores, name), getattr(expected.scores, name))
        detected = bool(result.bad_packets or result.repeated_samples)
        return {"end": "recovered" if equal else "wrong", "detected": detected}


def read_trials(file: Path) -> list[dict[str, Any]]:
    """The trials of a share so far; a line that was cut off is none."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [json.loads(line) for line in lines]


def is_done(trials: list[dict[str, Any]], count: int) -> bool:
    """Whether so many faults have been injected."""
    return sum(trial["faults"] for trial in trials) >= count


def do_share(kind: str, number: int, count: int, file: Path, program: Path) -> None:
    """Trials on a board of their own, until so many faults of a kind have been injected; each is on disk at once."""
    faulthandler.enable()
    trials = read_trials(file)
    rig = Rig(kind, 100_000 * number + len(trials), program)
    with file.open("a", encoding="utf-8") as out:
        while not is_done(trials, count):
            faulthandler.dump_traceback_later(5 * HANG_S, exit=True)
            before_s = sum(os.times()[:4])
            trial = rig.trial(100_000 * number + len(trials))
            trials.append(trial | {"cpu_s": round(sum(os.times()[:4]) - before_s, 3)})
            out.write(json.dumps(trials[-1]) + "\n")
            out.flush()
    faulthandler.cancel_dump_traceback_later()
    rig.close()


def share_of(kind: str, number: int, count: int, folder: Path, program: Path) -> list[dict[str, Any]] | None:
    """The trials of a share, done now or before; None if it ended before its time."""
    file = folder / f"{kind}-{number}.jsonl"
    if not is_done(read_trials(file), count):
        command = [sys.executable, __file__, "--share", kind, str(number), "--count", str(count)]
        command += ["--folder", str(folder), "--program", str(program)]
        code = subprocess.run(command, check=False).returncode
        print(
            file.stem, "done" if code == 0 else f"ended with code {code}; what is written above says where", flush=True
        )
    trials = read_trials(file)
    return trials if is_done(trials, count) else None


def row_of(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of a kind."""
    ends = Counter(trial["end"] for trial in trials)
    seconds = [trial["seconds"] for trial in trials]
    return {
        "faults": sum(trial["faults"] for trial in trials),
        "streams": len(trials),
        "detected": sum(trial["detected"] for trial in trials),
        **{end: ends[end] for end in ENDS},
        "heard_again": sum("after" in trial for trial in trials),
        "heard_again_rightly": sum("after" in trial and trial["after"]["end"] == "recovered" for trial in trials),
        "median_s": round(statistics.median(seconds), 3),
        "longest_s": round(max(seconds), 3),
        "cpu_s": round(sum(trial["cpu_s"] for trial in trials), 1),
        "sentences": dict(Counter(t["sentence"] for t in trials if "sentence" in t).most_common(8)),
    }


def main() -> None:
    """Run the trials; fails if a result was wrong, anything hung, or a share ended without a result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="faults of each kind")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "faults", help="of what is done")
    parser.add_argument("--share", nargs=2, help="run this share alone: kind and number")
    parser.add_argument("--program", type=Path, help="the native board; built when omitted")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("faults.json"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.share:
        kind, number = options.share
        do_share(kind, int(number), options.count, options.folder / f"{kind}-{number}.jsonl", options.program)
        return
    program = options.program or build_firmware("native") / "kws.elf"
    kinds, count = (*RATES, *ONCE), -(-options.count // SHARES)
    work = [(kind, number) for number in range(SHARES) for kind in kinds]
    with ThreadPoolExecutor(WORKERS) as pool:
        shares = list(pool.map(lambda one: share_of(*one, count, options.folder, program), work))
    if None in shares:
        raise SystemExit("shares ended before their time; run it again, it goes on from there")
    rows = {
        kind: row_of([t for i, s in zip(work, shares, strict=True) if i[0] == kind for t in s or ()]) for kind in kinds
    }
    for kind, row in rows.items():
        print(kind, row)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if any(row["wrong"] or row["hung"] or row["heard_again"] > row["heard_again_rightly"] for row in rows.values()):
        raise SystemExit("a result was wrong, a stream hung, or a board did not hear rightly after a fault")


if __name__ == "__main__":
    main()
