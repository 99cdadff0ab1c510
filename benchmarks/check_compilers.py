# SPDX-License-Identifier: Apache-2.0
"""Every pairing of compiler, processor and options: does the core compile without a warning and give the same bits?

    make check-compilers     # some three minutes on two cores; writes benchmarks/compilers.json

`make test` builds the first rows of the table (``tests/parity/compilers.py``): every compiler, level, mode and
instruction set once. Here are their other pairings too.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "parity")]

import compilers  # noqa: E402
from compiled_core import BUNDLES, expected, printed, write_inputs  # noqa: E402

OUT = ROOT / "benchmarks" / "compilers.json"


def children_s() -> float:
    """Return the processor time of the compilers and emulators so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check(row: tuple[str, str, str], folder: Path) -> dict[str, Any]:
    """Return what one row of the table gave."""
    before = children_s()
    heard = printed(*row, folder)
    differing = [name for name in BUNDLES if heard[name] != expected(folder)[name]]
    family, processor, options = row
    found = {"compiler": family, "processor": processor, "options": options, "differing": differing}
    return {**found, "cpu_s": round(children_s() - before, 1)}


def main() -> int:
    """Build every row and write what came of it; a warning of a compiler ends the run."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        write_inputs(Path(name))
        for row in [*compilers.BUILDS, *compilers.MORE_BUILDS]:
            rows.append(check(row, Path(name)))
            print(*row, "differing:", rows[-1]["differing"] or "none", flush=True)
    wrong = sum(bool(row["differing"]) for row in rows)
    result = {"command": "make check-compilers", "bundles": list(BUNDLES), "differing_builds": wrong, "builds": rows}
    OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} builds, {wrong} with other bits than this machine's library; written to {OUT}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
