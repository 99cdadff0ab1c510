# SPDX-License-Identifier: Apache-2.0
"""Boards that several processes of one test session share: each is lent to one at a time, a dead one to nobody.

A process that shares nothing, and boards that are programs, keep their board open. A board on a port is lent for one
recording and given back, so that no process waits for a board that another one holds and does not use.
"""

from __future__ import annotations

import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from kws.errors import BoardNotFoundError, DeviceError
from kws.evaluation.recordings import Recording
from kws.suite.pool import Place
from kws.suite.workers import Answer, Task, Worker

_POLL_S = 0.05


@dataclass
class SharedBoards:
    """The boards of a session.

    Parameters
    ----------
    places : sequence of Place
    session : str
        What the processes of the session have in common and no other session has.
    task : Task
    retries : int
        How often a lost board is opened again before nobody gets it any more.
    alone : bool
        Whether no other process is in the session.
    """

    places: Sequence[Place]
    session: str
    task: Task
    retries: int
    alone: bool
    _kept: dict[str, tuple[Worker, FileLock]] = field(default_factory=dict)

    @property
    def keeps(self) -> bool:
        """Whether a board that was lent once stays with its process."""
        return self.alone or all(place.is_program for place in self.places)

    def hear(self, recording: Recording) -> Answer:
        """Have any board hear a recording.

        Raises
        ------
        DeviceError
            If every board is lost, or the last one that is left is another session's.
        """
        while True:
            with self._lent() as (place, worker):
                try:
                    return self._patiently(worker, recording)
                except DeviceError as problem:
                    self._leave_alone(place, problem)

    def _patiently(self, worker: Worker, recording: Recording) -> Answer:
        for _ in range(self.retries):
            try:
                return worker.hear(recording)
            except BoardNotFoundError:  # it would not be there the next time
                raise
            except DeviceError:
                continue
        return worker.hear(recording)

    def close(self) -> None:
        """Give everything back."""
        for worker, lock in self._kept.values():
            worker.close()
            lock.release()
        self._kept.clear()

    def lost(self) -> dict[str, str]:
        """Return the boards that nobody gets any more, and why."""
        return {
            place.name: self._tombstone(place).read_text(encoding="utf-8")
            for place in self.places
            if self._tombstone(place).is_file()
        }

    @contextmanager
    def _lent(self) -> Iterator[tuple[Place, Worker]]:
        place, worker, lock = self._take()
        if self.keeps:
            self._kept[place.name] = worker, lock
            yield place, worker
            return
        try:
            yield place, worker
        finally:
            worker.close()
            lock.release()

    def _take(self) -> tuple[Place, Worker, FileLock]:
        while True:
            lost = self.lost()
            left = [place for place in self.places if place.name not in lost]
            for place in left:
                if place.name in self._kept:
                    return place, *self._kept[place.name]
            for place in left:
                lock = FileLock(self.folder / f"{_number(place)}.lock")
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue
                return place, Worker(self.task, place), lock
            if not left:
                raise DeviceError("no board is left: " + "; ".join(f"{name}: {why}" for name, why in lost.items()))
            if self.keeps:
                raise DeviceError(
                    f"no board is free: {', '.join(place.name for place in left)} are with other processes of this "
                    "session; start as many processes (-n) as there are boards"
                )
            time.sleep(_POLL_S)

    def _leave_alone(self, place: Place, problem: DeviceError) -> None:
        self._tombstone(place).write_text(str(problem), encoding="utf-8")
        if place.name in self._kept:
            worker, lock = self._kept.pop(place.name)
            worker.close()
            lock.release()

    def _tombstone(self, place: Place) -> Path:
        return self.folder / f"{_number(place)}.lost"

    @property
    def folder(self) -> Path:
        """Where the processes of the session leave word for each other."""
        folder = Path(tempfile.gettempdir()) / f"kws-boards-{self.session}"
        folder.mkdir(exist_ok=True)
        return folder


def _number(place: Place) -> str:
    return f"{zlib.crc32(place.name.encode()):08x}"
