# SPDX-License-Identifier: Apache-2.0
"""Damaged .tflite files for the importer: one sentence, or a network; no traceback, no hang, no gigabytes.

``python tests/fuzz_import.py --out benchmarks/fuzz_import.json`` runs 100,000; the tests run a few hundred.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kws.errors import KwsError
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.model import Model

INTERESTING = np.array([0, 1, 2, 4, 7, 8, 0x7F, 0x80, 0xFF], np.uint8)
SLOW_S = 5.0


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the file with some bytes altered, moved or cut off."""
    altered = np.frombuffer(data, np.uint8).copy()
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(8, len(altered)))
        kind = rng.integers(5)
        if kind == 0:
            altered[at] = rng.integers(256)
        elif kind == 1:
            altered[at] = rng.choice(INTERESTING)
        elif kind == 2:
            altered[at] ^= 1 << rng.integers(8)
        elif kind == 3:
            altered[at : at + 4] = rng.integers(0, 256, len(altered[at : at + 4]))
        else:
            source, count = int(rng.integers(8, len(altered))), int(rng.integers(1, 33))
            part = altered[source : source + count].copy()
            altered[at : at + len(part)] = part[: len(altered) - at]
    return altered[: rng.integers(8, len(altered))].tobytes() if rng.random() < 0.05 else altered.tobytes()


def try_one(data: bytes, path: Path) -> str:
    """Import the bytes; return "accepted" or "refused"."""
    path.write_bytes(data)
    try:
        network = import_tflite(path)
        Model(model_section(network))
    except KwsError as error:
        if "\n" in str(error):
            raise ValueError(f"more than a sentence: {error}") from error
        return "refused"
    return "accepted"


def run(originals: Sequence[bytes], count: int, seed: int, path: Path) -> dict[str, int]:
    """Import ``count`` damaged files, or fewer when interrupted; return how they ended."""
    rng, ends = np.random.default_rng(seed), {"accepted": 0, "refused": 0, "slow": 0}
    for number in range(count):
        began = time.process_time()
        try:
            ends[try_one(damaged(originals[number % len(originals)], rng), path)] += 1
        except KeyboardInterrupt:
            break
        except Exception:
            kept = path.with_suffix(f".{number}.tflite")
            kept.write_bytes(path.read_bytes())
            print(f"seed {seed}, number {number}: kept as {kept}")
            raise
        ends["slow"] += time.process_time() - began > SLOW_S
    return ends


def main() -> None:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", help="networks to damage; random ones by default")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    originals = [file.read_bytes() for file in arguments.files]
    if not originals:
        sys.path.insert(0, str(Path(__file__).parent / "parity"))
        from random_tflite import random_graph_model, random_model

        originals = [make(seed) for seed in range(40) for make in (random_model, random_graph_model)]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-import-"))
    ends = run(originals, arguments.count, arguments.seed, folder / "net.tflite")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    done = ends["accepted"] + ends["refused"]
    print(f"{done} damaged files: {ends}, at most {memory} MB")
    if arguments.out is not None:
        figures = {"damaged_files": done, "seed": arguments.seed, **ends, "most_memory_mb": memory}
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
