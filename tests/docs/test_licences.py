# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence, so that a copied file keeps it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINE = "SPDX-License-Identifier: Apache-2.0"
SUFFIXES = {".c", ".h", ".cpp", ".S", ".ld", ".py", ".cmake", ".sh"}


def sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / line for line in listed.splitlines()]
    return [path for path in paths if path.suffix in SUFFIXES or path.name == "CMakeLists.txt"]


def test_every_source_file_names_its_licence() -> None:
    assert len(sources()) > 300
    without = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.is_file() and LINE not in "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:2])
    ]
    assert not without, f"write '{LINE}' as a comment into the first line (second after #!) of: {', '.join(without)}"
