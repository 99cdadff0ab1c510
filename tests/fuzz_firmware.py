# SPDX-License-Identifier: Apache-2.0
"""The firmware's parsers against bytes that nobody meant, under AddressSanitizer and UndefinedBehaviorSanitizer.

``make fuzz`` sends ten million bytes to the protocol and to the USB serial port each, loads and runs a million bundles
with bytes altered, and writes benchmarks/fuzz_firmware.json; the tests do a little of each. What the programs do and
check is said in ``tests/c/fuzz_*.c``: they make their input from a seed, so there is no corpus to keep, and a finding
is repeated by its command, which is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from random_bundles import random_bundle
from random_graphs import graph_bundle

from kws import places
from kws.bundle import Bundle
from kws.features import FeaturesConfig, MicroFeaturesConfig
from kws.gate import GateConfig
from kws.progress import track

HERE = Path(__file__).resolve().parent
BUNDLES: dict[str, Callable[[], Bundle]] = {
    "streaming": lambda: random_bundle(seed=1),
    "window": lambda: random_bundle(seed=2, streaming=False),
    "gated": lambda: random_bundle(seed=3, gate=GateConfig(hangover_frames=0), causal=True),
    "micro": lambda: random_bundle(seed=5, gate=GateConfig(hangover_frames=0), features=MicroFeaturesConfig()),
    "graph": lambda: graph_bundle(4, streaming=True),
    "graph_window": lambda: graph_bundle(9, streaming=False),
    "log_mel": lambda: random_bundle(seed=4, features=FeaturesConfig.mlperf_streaming()),
}
"""One of each kind that the loader knows."""
PROGRAMS = ("fuzz_bundle", "fuzz_requests", "fuzz_usb")
PIECES = 4
"""Of the bundles of a kind, each with a seed of its own."""


def build(folder: Path) -> None:
    """Compile the programs with sanitizers."""
    tools = Path(sys.executable).parent
    configure = [tools / "cmake", "-S", HERE / "c", "-B", folder, "-G", "Ninja"]
    make = [tools / "cmake", "--build", folder, "--target", *PROGRAMS]
    for command in ([*configure, f"-DCMAKE_MAKE_PROGRAM={tools / 'ninja'}"], make):
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def jobs(folder: Path, bundles: Path, num_bytes: int, num_bundles: int) -> list[list[str]]:
    """Return the commands that together do so much, at least."""
    commands = []
    bytes_each, bundles_each = -(-num_bytes // len(BUNDLES)), -(-num_bundles // (len(BUNDLES) * PIECES))
    for number, kind in enumerate(BUNDLES):
        path, seed = str(bundles / f"{kind}.kws"), 2 * PIECES * number + 1  # odd: the programs set the lowest bit
        commands.append([str(folder / "fuzz_requests"), path, str(bytes_each), str(seed)])
        commands.append([str(folder / "fuzz_usb"), str(bytes_each), str(seed)])
        for piece in range(PIECES):
            commands.append([str(folder / "fuzz_bundle"), path, str(bundles_each), str(seed + 2 * piece)])
    return commands


def fuzz(command: list[str]) -> dict[str, int]:
    """Run one command; returns what it says it did."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: found something\n{done.stderr[-4000:]}")
    numbers = [int(word) for word in done.stdout.split() if word.isdigit()]
    program = Path(command[0]).name
    names = {
        "fuzz_bundle": ("bundles_accepted_and_run", "bundles_altered"),
        "fuzz_requests": ("protocol_bytes", "protocol_frames_heard"),
        "fuzz_usb": ("usb_bytes",),
    }[program]
    return dict(zip(names, numbers, strict=True))


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=10_000_000, help="to the protocol, and to the USB device")
    parser.add_argument("--bundles", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    total: dict[str, int] = {}
    folder = places.build_folder() / "fuzz"
    build(folder)
    for kind, make in BUNDLES.items():
        make().save(folder / f"{kind}.kws")
    commands = jobs(folder, folder, arguments.bytes, arguments.bundles)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for figures in track(pool.map(fuzz, commands), "fuzzing", len(commands)):
            for key, value in figures.items():
                total[key] = total.get(key, 0) + value
    result = {**total, "findings": 0}
    print(json.dumps(result))
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
