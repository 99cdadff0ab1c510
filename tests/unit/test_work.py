# SPDX-License-Identifier: Apache-2.0
"""Folders of stages are named by what their contents are made from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kws.files import written_whole
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


def test_a_file_that_two_make_at_once_is_whole_whoever_ends_first(tmp_path: Path) -> None:
    path = tmp_path / "takes.npy"
    with written_whole(path) as slow:
        slow.write_bytes(b"half of")
        with written_whole(path) as quick:
            np.save(quick, np.arange(3))
        assert np.load(path).tolist() == [0, 1, 2]
        np.save(slow, np.arange(4))
    assert np.load(path).tolist() == [0, 1, 2, 3]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_could_not_be_finished_leaves_nothing_and_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "takes.npy"

    def fill_the_disk() -> None:
        with written_whole(path) as part:
            part.write_bytes(b"half of")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fill_the_disk()
    assert not list(tmp_path.iterdir())
    path.write_bytes(b"before")
    with pytest.raises(OSError, match="disk full"):
        fill_the_disk()
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"before"]
