# SPDX-License-Identifier: Apache-2.0
"""How fast suites run, side by side and sharded, and that all ways give the same events: `make eval KWS_DATA=DIR`.

Validation clips on the host library, the native board and emulated boards, one and two at a time, and by two local
workers of Ray where it is installed. Wall times depend on what else the computer does; processor time (of all processes
but Ray's, which are no children) hardly does, and is what docs/scale.md computes with. Writes
benchmarks/suite_scale.json; fails if one way heard anything else than the host library in any recording: every event,
every highest score.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kws.datasets.speech_commands import open_folder
from kws.evaluation.intervals import binomial_interval, poisson_interval
from kws.labels import Labels

BUNDLE = Path(__file__).parents[1] / "models" / "speech_commands_12.kws"
SUITE = 'bundle = "shipped.kws"\n[[recordings]]\npaths = ["clips"]\n[gates]\nno_mistakes = false\n'
WAYS = (
    ("host",),
    ("host", "--jobs", "2"),
    ("host", "--jobs", "2", "--ray"),
    ("native",),
    ("native", "--jobs", "2"),
    ("netduinoplus2", "--no-cycles"),
    ("netduinoplus2", "--no-cycles", "--jobs", "2"),
)


def lay_out(folder: Path, data: Path, num_clips: int) -> None:
    """Write a suite of so many validation clips, taken evenly from all."""
    from kws.bundle import Bundle

    bundle = Bundle.load(BUNDLE)
    labels = Labels(bundle.labels)
    clips = [c for c in open_folder(data).clips if c.split == "validation" and labels.of_word(c.word)]
    clips.sort(key=lambda clip: clip.path.name)
    (folder / "clips").mkdir(parents=True)
    for clip in clips[:: max(1, len(clips) // num_clips)][:num_clips]:
        target = folder / "clips" / clip.word / clip.path.name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(clip.path, target)
    bundle.save(folder / "shipped.kws")
    (folder / "suite.toml").write_text(SUITE, encoding="utf-8")


def run(folder: Path, minutes: float, board: str, *more: str) -> dict[str, Any]:
    """Run the suite one way, or begin to: it is ended after so many minutes."""
    out = folder / "-".join(["out", board, *(word.strip("-") for word in more)])
    if (out / "row.json").exists():
        return dict(json.loads((out / "row.json").read_text()))
    command = [sys.executable, "-m", "kws", "suite", "run", "suite.toml", "--board", board, "--out", str(out), *more]
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    watch = threading.Timer(60.0 * minutes, process.send_signal, [signal.SIGINT])
    watch.start()
    _, status, used = os.wait4(process.pid, 0)
    watch.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    entries = heard(out)
    row = {
        "board": board,
        "options": list(more),
        "exit_code": process.returncode,
        "recordings": len(entries),
        "audio_s": sum(entry["streamed_samples"] for entry in entries.values()) / 16000,
        "wall_s": round(time.monotonic() - started, 1),
        "cpu_s": None if "--ray" in more else round(used.ru_utime + used.ru_stime, 1),
        "log_bytes_per_recording": round((out / "log.jsonl").stat().st_size / max(1, len(entries))),
        "out": out.name,
    }
    (out / "row.json").write_text(json.dumps(row))
    return row


def heard(out: Path) -> dict[str, Any]:
    """What a run's log says of each recording."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return {line["entry"]["name"]: line["entry"] for line in lines if "entry" in line}


def intervals_ms() -> dict[str, float]:
    """Milliseconds for exact intervals of a million trials."""
    started = time.perf_counter()
    binomial_interval(123_456, 1_000_000)
    middle = time.perf_counter()
    poisson_interval(1_000_000)
    return {
        "binomial_123456_of_1000000": round(1000 * (middle - started), 2),
        "poisson_1000000": round(1000 * (time.perf_counter() - middle), 2),
    }


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--side-by-side", type=int, default=1, help="runs at a time; only processor time counts then")
    parser.add_argument("--folder", type=Path, help="suite and results stay there, and what is done is not done again")
    parser.add_argument("--minutes", type=float, default=600.0, help="each way is ended after so long")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("suite_scale.json"))
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have what runs in the background ignore it
    with tempfile.TemporaryDirectory(prefix="kws-scale-") as name:
        folder = arguments.folder or Path(name)
        if not (folder / "suite.toml").exists():
            lay_out(folder, arguments.data, arguments.clips)
        with ThreadPoolExecutor(arguments.side_by_side) as threads:
            ways = [way for way in WAYS if "--ray" not in way or find_spec("ray")]
            rows = list(threads.map(lambda way: run(folder, arguments.minutes, *way), ways))
        host = heard(folder / rows[0]["out"])
        for row in rows:
            entries = heard(folder / row.pop("out"))
            row["as_the_host"] = sum(entry == host[name] for name, entry in entries.items())
            print(json.dumps(row))
    same = all(row["recordings"] == row["as_the_host"] > 0 for row in rows)
    load = round(os.getloadavg()[0], 1)
    content = {
        "same_events_everywhere": same,
        "load": load,
        "side_by_side": arguments.side_by_side,
        "runs": rows,
        "intervals_ms": intervals_ms(),
    }
    arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
