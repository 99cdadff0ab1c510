# SPDX-License-Identifier: Apache-2.0
"""Trainings in processes of their own: shown, never more than there are cores, ended when one fails or nobody waits."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from kws.errors import TrainingError
from kws.training.fit.side_by_side import at_once, run_side_by_side
from kws.training.fit.standing import Show, Standing


def standing(steps_done: int) -> Standing:
    return Standing(epoch=1, epochs=1, steps_done=steps_done, steps=2, figures="")


def leave_pid(folder: Path, number: int, show: Show) -> None:
    show(standing(1))
    (folder / str(number)).write_text(str(os.getpid()))
    show(standing(2))


def fail(beside: Path, _: Show) -> None:
    while not (beside / "pid").exists():
        time.sleep(0.01)
    raise TrainingError("no space left; free some")


def die(_: Show) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def go_on_for_ever(folder: Path, show: Show) -> None:
    (folder / "part").write_text(str(os.getpid()))
    (folder / "part").rename(folder / "pid")
    show(standing(1))
    time.sleep(1000)


def run(*jobs: object, show: object = lambda *_: None) -> None:
    run_side_by_side(jobs, show, prepare=int)  # type: ignore[arg-type]  # nothing to prepare


def assert_ended(folder: Path) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


def test_every_training_has_a_process_and_is_shown(tmp_path: Path) -> None:
    shown: list[tuple[int, int]] = []
    run(
        *(partial(leave_pid, tmp_path, number) for number in range(2)),
        show=lambda number, how_far: shown.append((number, how_far.steps_done)),
    )
    assert sorted(shown) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    pids = {(tmp_path / str(number)).read_text() for number in range(2)}
    assert len(pids - {str(os.getpid())}) == 2


def test_one_core_trains_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    shown: list[int] = []
    run(*(partial(leave_pid, tmp_path, number) for number in range(2)), show=lambda number, _: shown.append(number))
    assert shown == [0, 0, 1, 1]


def test_a_training_that_fails_says_why_and_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with pytest.raises(TrainingError, match="no space left; free some"):
        run(partial(go_on_for_ever, tmp_path), partial(fail, tmp_path))
    assert_ended(tmp_path)


def test_a_training_killed_from_outside_is_named() -> None:
    with pytest.raises(TrainingError, match=r"training 1 ended without a word \(exit code -9.*goes on"):
        run(die)


def test_an_interrupted_wait_ends_the_trainings(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(partial(go_on_for_ever, tmp_path), show=interrupt)
    assert_ended(tmp_path)


@pytest.mark.parametrize(("cores", "gigabytes", "most"), [(16, 8, 3), (2, 32, 2), (4, 3, 1), (1, 64, 1)])
def test_as_many_train_at_once_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch, cores: int, gigabytes: int, most: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": gigabytes << 18}.__getitem__)
    assert at_once() == most
