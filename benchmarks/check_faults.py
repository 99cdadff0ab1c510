# SPDX-License-Identifier: Apache-2.0
"""A thousand faults of each kind on the line to the native board: results are right, or an error says why not.

    make check-faults        # some ten minutes on two cores; writes benchmarks/faults.json

A trial opens the board through a faulty line, streams recorded speech and compares every feature, score and event with
the host library. It is *recovered* if all are equal, *reported* if a sentence came instead, *wrong* if anything else
came, and *hung* if it took longer than a minute. After a trial that was reported the board must hear another rightly.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from kws.audio import Samples, read_audio
from kws.bundle import Bundle
from kws.device import open_board
from kws.device.launch import Child, start_native
from kws.errors import DeviceError
from kws.harness.faults import Faults, FaultyLine
from kws.harness.listener import BoardListener, HostListener
from kws.harness.replay import same_bits
from kws.progress import one_bar

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models/speech_commands_12.kws"
SOUND = ROOT / "examples/stream.flac"
HANG_S = 60.0
TIMEOUT_S = 0.5
"""Of the host: shorter than usual, so that stalls fall on both sides of it."""
RATES = {
    "drop": Faults(drop=2e-4),
    "corrupt": Faults(corrupt=2e-4),
    "duplicate": Faults(duplicate=2e-4),
    "reorder": Faults(reorder=2e-4),
    "delay": Faults(delay=0.05, delay_s=0.02),
}
ONCE = ("stall", "unplug", "restart")
WORKERS = 8
"""Processes, each with a board of its own; they mostly wait."""
SHARES = 4
"""Of each kind."""


@dataclass
class Tally:
    """What became of the trials of one kind."""

    injected: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    sentences: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    after: int = 0
    """Second streams that were heard rightly."""

    def add(self, other: Tally) -> None:
        """Take the trials of another process."""
        self.injected += other.injected
        self.after += other.after
        self.ends += other.ends
        self.sentences += other.sentences
        self.seconds += other.seconds

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "faults": self.injected,
            "streams": sum(self.ends.values()),
            **{end: self.ends[end] for end in ("recovered", "reported", "wrong", "hung")},
            "heard_rightly_afterwards": self.after,
            "median_s": round(statistics.median(self.seconds), 3),
            "longest_s": round(max(self.seconds), 3),
            "sentences": dict(self.sentences.most_common(8)),
        }


class Rig:
    """The board, what it should hear, and how a trial goes."""

    def __init__(self, seed: int) -> None:
        self.samples: Samples = read_audio(SOUND)[:24000]
        self._expected = HostListener(Bundle.load(MODEL), None).hear(self.samples)
        self._child = start_native(MODEL)
        self._random = random.Random(seed)

    def close(self) -> None:
        """End the board."""
        self._child.stop()

    def restart(self) -> str:
        """Start the board anew, as a watchdog or a loose plug does."""
        self._child.stop()
        self._child: Child = start_native(MODEL)
        return self._child.url

    def faults(self, kind: str) -> Faults:
        """The faults of one trial."""
        if kind in RATES:
            return RATES[kind]
        after = self._random.randrange(200, 2 * self.samples.size)
        if kind == "stall":
            return Faults(stall_after_bytes=after, stall_s=self._random.uniform(0.0, 2 * TIMEOUT_S))
        return Faults(unplug_after_bytes=after) if kind == "unplug" else Faults(restart_after_bytes=after)

    def trial(self, kind: str, seed: int, tally: Tally) -> None:
        """One stream over a line with faults of one kind, and one without if it was not heard."""
        line = FaultyLine(self._child.url, self.faults(kind), restart=self.restart, seed=seed)
        hung = threading.Event()
        watch = threading.Timer(HANG_S, lambda: (hung.set(), line.close()))
        started_s = time.monotonic()
        with line:
            watch.start()
            end = self._hear(line.url, tally)
            tally.seconds.append(time.monotonic() - started_s)
            watch.cancel()
            if end == "reported" and not hung.is_set():
                after = self._hear(line.url if kind in ONCE else self._child.url, Tally())
                tally.after += after == "recovered"
                end = "wrong" if after == "wrong" else end
        tally.ends["hung" if hung.is_set() else end] += 1
        tally.injected += line.injected[kind]

    def _hear(self, url: str, tally: Tally) -> str:
        try:
            with open_board(url, timeout_s=TIMEOUT_S) as board:
                heard = BoardListener(board, url, None, features=True).hear(self.samples)
        except DeviceError as error:
            tally.sentences[re.sub(r"socket://[\d.:]+|\d[\d.]*", "#", str(error))[:110]] += 1
            return "reported"
        return "recovered" if same_bits(heard, self._expected) else "wrong"


def trials(kind: str, count: int, first_seed: int) -> Tally:
    """Trials until so many faults of a kind have been injected, on a board of their own."""
    rig, tally = Rig(first_seed), Tally()
    try:
        while tally.injected < count:
            rig.trial(kind, first_seed + len(tally.seconds), tally)
    finally:
        rig.close()
    return tally


def main() -> None:
    """Run the trials; fails if a result was wrong or anything hung."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("faults.json"))
    options = parser.parse_args()
    console, kinds, share = Console(), (*RATES, *ONCE), -(-options.count // SHARES)
    tallies = {kind: Tally() for kind in kinds}
    with ProcessPoolExecutor(WORKERS) as pool, one_bar(console, "shares of faults", transient=True) as show:
        work = {pool.submit(trials, kind, share, 100_000 * n): kind for n in range(SHARES) for kind in kinds}
        for done, future in enumerate(as_completed(work), 1):
            tallies[work[future]].add(future.result())
            show(done, len(work))
    rows = {kind: tally.to_json() for kind, tally in tallies.items()}
    for kind, row in rows.items():
        console.print(kind, row)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if any(row["wrong"] or row["hung"] or row["reported"] > row["heard_rightly_afterwards"] for row in rows.values()):
        raise SystemExit("a result was wrong, a stream hung, or a board did not hear rightly after a fault")


if __name__ == "__main__":
    main()
