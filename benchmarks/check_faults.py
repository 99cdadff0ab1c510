# SPDX-License-Identifier: Apache-2.0
"""A thousand faults of each kind on the line to the native board: results are right, or an error says why not.

    make check-faults        # writes benchmarks/faults.json; what is done lies in build/faults and is not done again

A trial opens the board through a faulty line, streams recorded speech and compares every feature, score and event with
the host library. It is *recovered* if all are equal, *reported* if a sentence came instead, *wrong* if anything else
came, and *hung* if it took longer than a minute. It was *detected* if it was reported, or if either end counted damaged
packets or sent samples again; faults that harm nothing, such as a message that arrives twice, need not be. After a
trial that was reported the board must hear another rightly.

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
TIMEOUT_S = 0.5
"""Of the host: shorter than usual, so that stalls fall on both sides of it."""
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
WORKERS = 8
"""Processes, each with a board of its own; they mostly wait."""
SHARES = 4
"""Of each kind."""


class Rig:
    """The board, what it should hear, and how a trial goes."""

    def __init__(self, seed: int) -> None:
        self.samples: Samples = read_audio(SOUND)[:24000]
        self._expected = HostListener(Bundle.load(MODEL), None).hear(self.samples)
        self._program = build_firmware("native") / "kws.elf"
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

    def faults(self, kind: str) -> Faults:
        """The faults of one trial."""
        if kind in RATES:
            return RATES[kind]
        after = self._random.randrange(200, 2 * self.samples.size)
        if kind == "stall":
            return Faults(stall_after_bytes=after, stall_s=self._random.uniform(0.0, 2 * TIMEOUT_S))
        return Faults(unplug_after_bytes=after) if kind == "unplug" else Faults(restart_after_bytes=after)

    def trial(self, kind: str, seed: int) -> dict[str, Any]:
        """One stream over a line with faults of one kind, and one without if it was not heard."""
        line = FaultyLine(self._child.url, self.faults(kind), restart=self.restart, seed=seed)
        hung = threading.Event()
        watch = threading.Timer(HANG_S, lambda: (hung.set(), line.close()))
        watch.daemon = True
        started_s = time.monotonic()
        with line:
            watch.start()
            row = self._hear(line.url, TIMEOUT_S)
            row["seconds"] = time.monotonic() - started_s
            watch.cancel()
            if row["end"] == "reported" and not hung.is_set():
                after = self._hear(line.url if kind in ONCE else self._child.url, DEFAULT_TIMEOUT_S)["end"]
                row["after"] = after
                row["end"] = "wrong" if after == "wrong" else "reported"
        if hung.is_set():
            row["end"] = "hung"
        return row | {"faults": line.injected[kind]}

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


def do_share(kind: str, number: int, count: int, file: Path) -> None:
    """Trials until so many faults of a kind have been injected, on a board of their own."""
    rig, seed = Rig(100_000 * number), 100_000 * number
    rows: list[dict[str, Any]] = []
    while sum(row["faults"] for row in rows) < count:
        faulthandler.dump_traceback_later(3 * HANG_S, exit=True)
        rows.append(rig.trial(kind, seed + len(rows)))
    faulthandler.cancel_dump_traceback_later()
    rig.close()
    used = os.times()
    cpu_s = used.user + used.system + used.children_user + used.children_system
    file.write_text(json.dumps({"cpu_s": cpu_s, "trials": rows}), encoding="utf-8")


def share_of(kind: str, number: int, count: int, folder: Path) -> dict[str, Any] | None:
    """What a share found out, now or before; None if it ended without."""
    file = folder / f"{kind}-{number}-of-{count}.json"
    if not file.exists():
        command = [
            sys.executable,
            __file__,
            "--share",
            kind,
            str(number),
            "--count",
            str(count),
            "--folder",
            str(folder),
        ]
        subprocess.run(command, check=False)
        print(file.stem, "done" if file.exists() else "ENDED WITHOUT A RESULT", flush=True)
    return json.loads(file.read_text()) if file.exists() else None


def row_of(shares: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of a kind."""
    trials = [trial for share in shares for trial in share["trials"]]
    ends = Counter(trial["end"] for trial in trials)
    seconds = [trial["seconds"] for trial in trials]
    return {
        "faults": sum(trial["faults"] for trial in trials),
        "streams": len(trials),
        "detected": sum(trial["detected"] for trial in trials),
        **{end: ends[end] for end in ENDS},
        "heard_rightly_afterwards": sum(trial.get("after") == "recovered" for trial in trials),
        "median_s": round(statistics.median(seconds), 3),
        "longest_s": round(max(seconds), 3),
        "cpu_s": round(sum(share["cpu_s"] for share in shares), 1),
        "sentences": dict(Counter(t["sentence"] for t in trials if "sentence" in t).most_common(8)),
    }


def main() -> None:
    """Run the trials; fails if a result was wrong, anything hung, or a share ended without a result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="faults of each kind")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "faults", help="of what is done")
    parser.add_argument("--share", nargs=2, help="run this share alone: kind and number")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("faults.json"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.share:
        kind, number = options.share
        do_share(kind, int(number), options.count, options.folder / f"{kind}-{number}-of-{options.count}.json")
        return
    kinds, count = (*RATES, *ONCE), -(-options.count // SHARES)
    work = [(kind, number) for number in range(SHARES) for kind in kinds]
    with ThreadPoolExecutor(WORKERS) as pool:
        shares = list(pool.map(lambda one: share_of(one[0], one[1], count, options.folder), work))
    if None in shares:
        raise SystemExit("shares ended without a result: what is written above says where; run it again")
    rows = {kind: row_of([s for s, one in zip(shares, work, strict=True) if s and one[0] == kind]) for kind in kinds}
    for kind, row in rows.items():
        print(kind, row)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if any(row["wrong"] or row["hung"] or row["reported"] > row["heard_rightly_afterwards"] for row in rows.values()):
        raise SystemExit("a result was wrong, a stream hung, or a board did not hear rightly after a fault")


if __name__ == "__main__":
    main()
