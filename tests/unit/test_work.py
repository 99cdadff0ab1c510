# SPDX-License-Identifier: Apache-2.0
"""Folders of stages are named by what their contents are made from."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from kws.errors import TrainingError
from kws.files import open_array, written_whole
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


def test_what_a_killed_process_left_is_removed_a_day_later(tmp_path: Path) -> None:
    path, old, new = (tmp_path / name for name in ("takes.npy", ".takes.0123abcd.npy", ".takes.4567abcd.npy"))
    for left in (old, new):
        left.write_bytes(b"half of")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    with written_whole(path) as part:
        np.save(part, np.arange(3))
    assert sorted(tmp_path.iterdir()) == [new, path]


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


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Stands for a full disk: what is longer cannot be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("save", [np.save, np.savez, lambda path, array: path.write_bytes(array.tobytes())])
def test_a_full_disk_is_one_line_that_says_what_to_do(tmp_path: Path, save: Any) -> None:
    def write() -> None:
        with work.kept(tmp_path, Console(quiet=True)), files_of_at_most(10_000), written_whole(tmp_path / "x") as part:
            save(part, np.ones(10_000))

    with pytest.raises(TrainingError, match=r"cannot be written .*; free some space"):
        write()


def test_other_errors_of_the_system_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError), work.writing(tmp_path):
        raise ConnectionResetError(104, "reset")


def test_a_mapped_array_has_its_room_on_the_disk(tmp_path: Path) -> None:
    rows = open_array(tmp_path / "rows.npy", np.int16, (1000, 100))
    assert (tmp_path / "rows.npy").stat().st_blocks * 512 >= 200_000
    rows[7] = 3
    del rows
    assert np.load(tmp_path / "rows.npy").sum() == 300
    with pytest.raises(OSError, match="large"), files_of_at_most(10_000):
        open_array(tmp_path / "rows.npy", np.int16, (1000, 100))
