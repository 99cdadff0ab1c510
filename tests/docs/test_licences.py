# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence, so that a copied file keeps it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINE = "SPDX-License-Identifier: Apache-2.0"
OTHERS = {"firmware/signature/monocypher"}
"""Folders of sources that are not ours, unaltered: with their licence, and a README beside them that says whence."""
SUFFIXES = {".c", ".h", ".cpp", ".S", ".ld", ".py", ".cmake", ".sh"}


def sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / line for line in listed.splitlines() if str(Path(line).parent) not in OTHERS]
    return [path for path in paths if path.suffix in SUFFIXES or path.name == "CMakeLists.txt"]


def test_every_source_file_names_its_licence() -> None:
    assert len(sources()) > 300
    without = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.is_file() and LINE not in "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:2])
    ]
    assert not without, f"write '{LINE}' as a comment into the first line (second after #!) of: {', '.join(without)}"


@pytest.mark.parametrize("folder", sorted(OTHERS))
def test_sources_of_others_are_as_they_came_with_their_licence(folder: str) -> None:
    assert (ROOT / folder / "LICENSE.txt").read_text(encoding="utf-8")
    told = (ROOT / folder).parent.joinpath("README.md").read_text(encoding="utf-8")
    for path in (ROOT / folder).glob("*.[ch]"):
        assert "SPDX-License-Identifier" in path.read_text(encoding="utf-8")
        assert f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {Path(folder).name}/{path.name}\n" in told
