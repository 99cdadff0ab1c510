# SPDX-License-Identifier: Apache-2.0
"""Kills the board at a random moment of a run, again and again, and resumes: results, exit code, bytes.

python benchmarks/suite_kills.py                                             # 200 clips on the native board
python benchmarks/suite_kills.py --board netduinoplus2 --clips 4 --times 4     # QEMU, at about real time

Each writes its part of benchmarks/suite_kills.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from random_bundles import random_bundle, speech_like

from kws.audio import write_wav

SUITE = 'bundle = "random.kws"\n[[recordings]]\npaths = ["clips"]\n[gates]\nno_mistakes = false\n'


def command(board: str, out: Path, *more: str) -> list[str]:
    """The run of the suite on a board, into a folder."""
    run = [sys.executable, "-m", "kws", "suite", "run", "suite.toml", "--board", board, "--no-cycles"]
    return [*run, "--out", str(out), *more]


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [other for child in children for other in descendants(child)]


def kill_board(process: subprocess.Popen[bytes]) -> bool:
    """Kill the native board, or the emulator, that a run started; False if there is none (yet, or any more)."""
    try:
        started = descendants(process.pid)
        boards = [pid for pid in started if os.readlink(f"/proc/{pid}/exe").endswith(("kws.elf", "qemu-system-arm"))]
    except OSError:
        return False
    for board in boards:
        os.kill(board, signal.SIGKILL)
    return bool(boards)


def heard(out: Path) -> int:
    """Recordings in the log of a run."""
    log = out / "log.jsonl"
    return log.read_bytes().count(b'{"entry"') if log.exists() else 0


def one_kill(folder: Path, board: str, clips: int, seed: int) -> dict[str, Any]:
    """Start a run, kill its board at a moment that chance decides, and finish the run."""
    out, chance = folder / f"kill{seed}", random.Random(seed)
    process = subprocess.Popen(command(board, out), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    first = chance.randrange(1, clips - 1)
    while heard(out) < first and process.poll() is None:
        time.sleep(0.01)
    time.sleep(chance.uniform(0.0, json.loads((folder / "whole" / "costs.json").read_text())["wall_s"] / clips))
    killed = kill_board(process)
    _, said = process.communicate()
    on_disk = len(json.loads((out / "result.json").read_bytes())["recordings"]) if (out / "result.json").exists() else 0
    logged = heard(out)
    resumed = subprocess.run(command(board, out, "--resume"), cwd=folder, stdout=subprocess.DEVNULL, check=False)
    return {
        "killed": killed,
        "exit_code": process.returncode,
        "recordings_on_disk": on_disk,
        "recordings_in_log": logged,
        "said": said.decode().strip().splitlines()[-1][:160] if said else "",
        "exit_code_resumed": resumed.returncode,
        "same_bytes": (out / "result.json").read_bytes() == (folder / "whole" / "result.json").read_bytes(),
    }


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", default="native")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--side-by-side", type=int, default=4, help="runs at a time")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kws-kills-") as name:
        folder = Path(name)
        random_bundle(seed=1).save(folder / "random.kws")
        for word in ("left", "right"):
            (folder / "clips" / word).mkdir(parents=True)
            for take in range(arguments.clips // 2):
                write_wav(folder / "clips" / word / f"{take:03}.wav", speech_like(1.0, seed=take))
        (folder / "suite.toml").write_text(SUITE)
        subprocess.run(command(arguments.board, folder / "whole"), cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with ThreadPoolExecutor(arguments.side_by_side) as threads:
            kill = partial(one_kill, folder, arguments.board, arguments.clips)
            kills = list(threads.map(kill, range(arguments.times)))
    struck = [kill for kill in kills if kill["killed"]]
    summary = {
        "clips": arguments.clips,
        "kills": len(struck),
        "exit_code_3": sum(kill["exit_code"] == 3 for kill in struck),
        "on_disk_all_that_was_heard": sum(kill["recordings_on_disk"] == kill["recordings_in_log"] for kill in struck),
        "resumed_to_the_same_bytes": sum(kill["same_bytes"] for kill in struck),
    }
    boards = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    boards[arguments.board] = {**summary, "each": kills}
    arguments.out.write_text(json.dumps(boards, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary))
    bad = len(struck) - min(summary["exit_code_3"], summary["resumed_to_the_same_bytes"])
    return int(bad > 0 or not struck)


if __name__ == "__main__":
    sys.exit(main())
