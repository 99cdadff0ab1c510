# SPDX-License-Identifier: Apache-2.0
"""Folders of stages are named by what their contents are made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kws.training.fit import work


def test_a_stage_is_found_again_by_what_decides_it_and_by_the_version_that_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = work.place(tmp_path, "scenes", {"near": 4}, 7)
    assert work.place(tmp_path, "scenes", {"near": 4}, 7) == first
    assert work.place(tmp_path, "scenes", {"near": 4}, 8) != first
    assert work.place(tmp_path, "train", {"near": 4}, 7) != first
    monkeypatch.setattr(work, "VERSION", "0.0.1")
    before = work.place(tmp_path, "scenes", {"near": 4}, 7)
    assert before != first
    assert json.loads((before / "depends_on.json").read_text()) == ["0.0.1", {"near": 4}, 7]
