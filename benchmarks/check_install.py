# SPDX-License-Identifier: Apache-2.0
"""Install the wheel as a stranger would, from the package index, and use it in an empty folder.

    python benchmarks/check_install.py python3.11 python3.12 ...      (or: make check-install PYTHONS=...)

For every Python: a new virtual environment, the wheel with its dependencies and CMake, then inspect, listen, replay
with --verify on host, native and (where QEMU is) netduinoplus2. With the first one also beside Hugging Face's
`datasets`, which is large, in both orders of installation. Writes ``benchmarks/check_install.json``. ``make test`` does
the same without the index (``tests/system/test_package.py``).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).with_name("check_install.json")
BOTH = """
from datasets import Dataset, load_dataset
import datasets, kws.datasets.speech_commands
print(datasets.__version__)
"""


def run(*command: object, cwd: Path) -> str:
    """Return what a command prints; it must succeed."""
    environment = os.environ | {"KWS_CACHE": str(cwd / "cache"), "PYTHONPATH": ""}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def make_wheel(folder: Path) -> Path:
    """Build the wheel from the source distribution."""
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    run(sys.executable, "-c", build, cwd=ROOT)
    source = next(folder.glob("*.tar.gz"))
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    run(*pip, "-w", folder, source, cwd=folder)
    return next(folder.glob("*.whl"))


def new_environment(python: str, folder: Path, *packages: str) -> Path:
    """Make an environment, install packages one after the other, return its folder of programs."""
    run(python, "-m", "venv", folder, cwd=folder.parent)
    for package in packages:
        run(folder / "bin" / "python", "-m", "pip", "install", "-q", package, cwd=folder)
    return folder / "bin"


def use(programs: Path, folder: Path) -> dict[str, object]:
    """Inspect, listen and replay; return what was found."""
    folder.mkdir()
    where = (
        "import sys, kws.places as p; print(sys.version.split()[0], p.models() / 'speech_commands_12.kws', sep='\\n')"
    )
    version, bundle = run(programs / "python", "-c", where, cwd=folder).splitlines()
    run("espeak-ng", "-v", "en-us", "-w", "stop.wav", "stop", cwd=folder)
    run(programs / "kws", "inspect", bundle, cwd=folder)
    heard = " s  stop" in run(programs / "kws", "listen", bundle, "stop.wav", cwd=folder)
    boards = ["host", "native", *(["netduinoplus2"] if shutil.which("qemu-system-arm") else [])]
    equal = {
        board: "1 of 1, bit for bit"
        in run(programs / "kws", "replay", bundle, "stop.wav", "--board", board, "--verify", cwd=folder)
        for board in boards
    }
    packages = json.loads(run(programs / "python", "-m", "pip", "list", "--format=json", cwd=folder))
    return {"python": version, "listen": heard, "equal_to_host": equal, "packages": len(packages)}


def main() -> None:
    """Check every Python that was given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="+", help="interpreters to install for")
    pythons = parser.parse_args().pythons
    with tempfile.TemporaryDirectory(prefix="kws-install-") as name:
        folder = Path(name)
        wheel = make_wheel(folder)
        ours = f"{wheel}[firmware]"
        figures: dict[str, object] = {"wheel": wheel.name, "bytes": wheel.stat().st_size}
        rows = []
        for number, python in enumerate(pythons):
            programs = new_environment(python, folder / f"environment{number}", ours)
            rows.append(use(programs, folder / f"empty{number}"))
            print(rows[-1], flush=True)
        figures["alone"] = rows
        orders = {"datasets, kws": ("datasets", ours), "kws, datasets": (ours, "datasets")}
        beside = {}
        for number, (order, packages) in enumerate(orders.items()):
            programs = new_environment(pythons[0], folder / f"beside{number}", *packages)
            beside[order] = {"hugging_face": run(programs / "python", "-c", BOTH, cwd=folder).strip()}
            beside[order] |= use(programs, folder / f"used{number}")
            print(order, beside[order], flush=True)
        figures["beside_hugging_face_datasets"] = beside
    RESULT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
