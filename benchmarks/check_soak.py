# SPDX-License-Identifier: Apache-2.0
"""One hour of audio through the native board in one stream: no sample lost, no drift, no memory that grows.

    make soak                # about a minute; writes benchmarks/soak.json

Sound and pauses of ever other loudness, so that the gate opens and closes thousands of times. Every event must be the
host library's, at the same sample; the board's and this program's memory is read from the system every minute of audio.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from kws.audio import SAMPLE_RATE_HZ, Samples, read_audio
from kws.audio_files import find_audio
from kws.bundle import Bundle
from kws.device import open_board
from kws.device.launch import start_native
from kws.pipeline import Pipeline
from kws.progress import one_bar

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models/speech_commands_12.kws"
MINUTES = 60
SETTLED_MINUTE = 5
"""From here on memory is compared: caches and logs have found their size."""
MAX_GROWTH_KB = 1024


def minute_of(number: int, sounds: list[Samples]) -> Samples:
    """One minute: a sound every four seconds, each at its own loudness, over faint noise that is sometimes silence."""
    random = np.random.default_rng(number)
    minute = random.normal(0.0, random.choice([0.0, 2.0, 20.0]), 60 * SAMPLE_RATE_HZ)
    for start_s in range(1, 56, 4):
        sound = sounds[int(random.integers(len(sounds)))][: 4 * SAMPLE_RATE_HZ]
        minute[start_s * SAMPLE_RATE_HZ :][: sound.size] += sound * 10.0 ** random.uniform(-1.5, 0.2)
    return np.clip(minute, -32768, 32767).astype(np.int16)


def memory_kb(pid: int | str) -> int:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1])


def main() -> None:
    """Stream the hour and compare; fails with what is not as it should be."""
    sounds = [read_audio(path) for path in find_audio([ROOT / "examples"])]
    host, events, dropped, repeated, slept, different = Pipeline(Bundle.load(MODEL)), 0, 0, 0, 0, 0
    board_kb, own_kb = [], []
    child, started_s, board_s = start_native(MODEL), time.perf_counter(), 0.0
    try:
        with open_board(child.url) as board, one_bar(Console(), "minutes of audio", transient=True) as show:
            board.reset()
            for number in range(MINUTES):
                samples = minute_of(number, sounds)
                result, expected = board.stream(samples), host.feed(samples)
                events += len(expected)
                different += result.detections != expected or not np.array_equal(
                    result.scores.smoothed, host.scores.smoothed
                )
                dropped, repeated = dropped + result.dropped_samples, repeated + result.repeated_samples
                board_s += result.seconds
                board_kb.append(memory_kb(child.process.pid))
                own_kb.append(memory_kb("self"))
                show(number + 1, MINUTES)
            slept = board.stats().gated_frames
    finally:
        child.stop()
    row = {
        "audio_s": 60 * MINUTES,
        "board_s": round(board_s, 1),
        "wall_s": round(time.perf_counter() - started_s, 1),
        "events": events,
        "frames_asleep": slept,
        "minutes_that_differ_from_the_host": different,
        "dropped_samples": dropped,
        "repeated_samples": repeated,
        "board_memory_kb": [board_kb[SETTLED_MINUTE], board_kb[-1]],
        "host_memory_kb": [own_kb[SETTLED_MINUTE], own_kb[-1]],
    }
    print(json.dumps(row, indent=1))
    Path(__file__).with_name("soak.json").write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    grown = max(series[-1] - series[SETTLED_MINUTE] for series in (board_kb, own_kb))
    if different or dropped or not events or not slept or grown > MAX_GROWTH_KB:
        raise SystemExit("the hour did not pass as it should: see the figures above")


if __name__ == "__main__":
    main()
