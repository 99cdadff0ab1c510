# SPDX-License-Identifier: Apache-2.0
"""Workers: each has one board, and hears recordings in this process, in one of its own, or wherever Ray puts it."""

from __future__ import annotations

import contextlib
import signal
import warnings
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, Protocol

from kws import extras
from kws.bundle import Bundle
from kws.errors import DeviceError, KwsError, KwsWarning
from kws.evaluation.listening import listening_of
from kws.evaluation.recordings import Recording
from kws.harness.entry import entry_of
from kws.harness.listener import HostListener, Listener
from kws.harness.replay import replay
from kws.suite.log import Measurement
from kws.suite.pool import Place, open_place

Engine = Literal["process", "ray"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What every worker of a run must know; it travels to other processes and computers."""

    bundle: Path
    operating_point: int | None
    verify: bool
    count_cycles: bool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a worker says of one recording."""

    measurement: Measurement
    notes: tuple[str, ...]
    """What the user should know (`kws.errors.note`), which would else stay in the other process."""


class Worker:
    """One board and what is needed to judge what it heard. The board is opened for the first recording."""

    def __init__(self, task: Task, place: Place) -> None:
        self._task, self._place = task, place
        bundle = Bundle.load(task.bundle)
        self._listening = listening_of(bundle, task.operating_point)
        self._host = HostListener(bundle, task.operating_point) if task.verify else None
        self._opened = ExitStack()
        self._listener: Listener | None = None
        self._streamed_samples = 0

    def hear(self, recording: Recording) -> Answer:
        """Replay one recording.

        Raises
        ------
        DeviceError
            If the board is lost; the next call opens it again.
        AudioError
            If the recording cannot be read.
        """
        with warnings.catch_warnings(record=True, category=KwsWarning) as notes:
            try:
                if self._listener is None:
                    self._listener = self._opened.enter_context(self._open())
                (outcome,) = replay(self._listener, [recording], self._listening, host=self._host)
            except DeviceError:
                with contextlib.suppress(KwsError):  # what is lost need not close well
                    self.close()
                raise
        self._streamed_samples += outcome.streamed_samples
        measurement = Measurement(
            entry=entry_of(outcome, self._listening),
            board=self._place.name,
            identity=asdict(self._listener.identity),
            wall_s=round(outcome.heard.wall_s, 4),
            stages=tuple(asdict(stage) for stage in outcome.heard.stages),
        )
        return Answer(measurement=measurement, notes=tuple(str(told.message) for told in notes))

    def close(self) -> Mapping[str, Any] | None:
        """Close the board; returns what an emulator counted, if one did."""
        listener, self._listener = self._listener, None
        self._opened.close()
        samples, self._streamed_samples = self._streamed_samples, 0
        if listener is None or not self._place.is_counted or not listener.stages:
            return None
        return {"stages": [asdict(stage) for stage in listener.stages], "samples": samples}

    def _open(self) -> contextlib.AbstractContextManager[Listener]:
        task = self._task
        return open_place(
            self._place,
            task.bundle,
            operating_point=task.operating_point,
            features=task.verify,
            count_cycles=task.count_cycles,
        )


class Seat(Protocol):
    """Where a worker works."""

    def hear(self, recording: Recording) -> Future[Answer]:
        """Have it hear a recording."""

    def close(self) -> Mapping[str, Any] | None:
        """End it; returns what `Worker.close` does."""


def seat(engine: Engine | None, task: Task, place: Place) -> Seat:
    """Give a worker a seat: in this process (None), in one of its own, or with Ray.

    Raises
    ------
    ToolMissingError
        If Ray is asked for and not installed.
    """
    if engine is None:
        return _HereSeat(task, place)
    return _ProcessSeat(task, place) if engine == "process" else _RaySeat(task, place)


class _HereSeat:
    def __init__(self, task: Task, place: Place) -> None:
        self._worker = Worker(task, place)

    def hear(self, recording: Recording) -> Future[Answer]:
        future: Future[Answer] = Future()
        try:
            future.set_result(self._worker.hear(recording))
        except KwsError as error:
            future.set_exception(error)
        return future

    def close(self) -> Mapping[str, Any] | None:
        return self._worker.close()


_worker: Worker
"""Of a process that is a worker's seat."""


def _sit_down(task: Task, place: Place) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that has the log
    _worker = Worker(task, place)


def _hear(recording: Recording) -> Answer:
    return _worker.hear(recording)


def _close() -> Mapping[str, Any] | None:
    return _worker.close()


class _ProcessSeat:
    def __init__(self, task: Task, place: Place) -> None:
        self._process = ProcessPoolExecutor(1, get_context("spawn"), _sit_down, (task, place))

    def hear(self, recording: Recording) -> Future[Answer]:
        return self._process.submit(_hear, recording)

    def close(self) -> Mapping[str, Any] | None:
        with self._process as process:
            return process.submit(_close).result()


class _RaySeat:
    """An actor, which Ray may put on any computer of its cluster that sees the same files."""

    def __init__(self, task: Task, place: Place) -> None:
        extras.require("sharding a suite with Ray", "ray")
        import ray

        if not ray.is_initialized():
            ray.init(log_to_driver=False, include_dashboard=False)
        self._actor: Any = ray.remote(num_cpus=1)(Worker).remote(task, place)
        self._ray: Any = ray

    def hear(self, recording: Recording) -> Future[Answer]:
        future: Future[Answer] = self._actor.hear.remote(recording).future()
        return future

    def close(self) -> Mapping[str, Any] | None:
        counted: Mapping[str, Any] | None = self._ray.get(self._actor.close.remote())
        self._ray.kill(self._actor)
        return counted
