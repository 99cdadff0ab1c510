# SPDX-License-Identifier: Apache-2.0
"""Trainings side by side: a process and one thread for each, as many at once as cores and memory allow.

Two threads share a small network badly, two networks share two cores well. And floats are added in one order, however
many cores there are: the same project gives the same bytes with one core and with sixteen.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from kws.errors import KwsError, TrainingError
from kws.training.fit.quiet import load_tensorflow
from kws.training.fit.standing import Show, Standing

Job = Callable[[Show], None]
"""A training that leaves its result in a file; told where to show how far it is. It is pickled."""
_DONE = "done"
_BYTES_EACH = 2 << 30
"""Memory a training may take, and what waits for them as well."""


def load_with_one_thread() -> None:
    """Import TensorFlow, which then computes with one thread."""
    load_tensorflow(threads=1)


@dataclass(frozen=True, kw_only=True)
class _Worker:
    number: int
    process: BaseProcess


def run_side_by_side(
    jobs: Sequence[Job],
    show: Callable[[int, Standing], None],
    *,
    prepare: Callable[[], None] = load_with_one_thread,
) -> None:
    """Run trainings in processes of their own and return when all have ended; the rest are ended when one fails.

    Parameters
    ----------
    jobs : sequence of Job
    show : callable
        Called with the number of a job, from 0, and how far it is.
    prepare : callable
        Called in a process before its job is read.

    Raises
    ------
    KwsError
        What a job raised, or a `TrainingError` when its process ended without a word.
    """
    waiting = list(enumerate(jobs))
    working: dict[Connection, _Worker] = {}
    try:
        while waiting or working:
            while waiting and len(working) < at_once():
                connection, worker = _start(*waiting.pop(0), prepare)
                working[connection] = worker
            ready = wait(list(working))
            for connection in [one for one in working if one in ready]:
                said = _receive(connection, working[connection])
                if isinstance(said, Standing):
                    show(working[connection].number, said)
                elif isinstance(said, KwsError):
                    raise said
                else:
                    working.pop(connection).process.join()
    finally:
        for worker in working.values():
            worker.process.terminate()
            worker.process.join()


def at_once() -> int:
    """Trainings that this machine's cores and memory have room for."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count() or 1, memory // _BYTES_EACH - 1))


def _start(number: int, job: Job, prepare: Callable[[], None]) -> tuple[Connection, _Worker]:
    """Spawned, because TensorFlow does not survive a fork."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, prepare, pickle.dumps(job)), daemon=True)
    process.start()
    theirs.close()
    return ours, _Worker(number=number, process=process)


def _receive(connection: Connection, worker: _Worker) -> object:
    try:
        return connection.recv()
    except EOFError:
        worker.process.join()
        raise TrainingError(
            f"the process of training {worker.number + 1} ended without a word (exit code {worker.process.exitcode}; "
            "-9 is what a machine without memory left does); run the same again: it goes on after the last whole epoch"
        ) from None


def _work(connection: Connection, prepare: Callable[[], None], job: bytes) -> None:
    """What a process does; the job is read last, because that imports all that it needs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits, which ends this one
    prepare()
    with suppress(BrokenPipeError):  # nobody waits any more
        try:
            pickle.loads(job)(connection.send)
        except KwsError as error:
            connection.send(error)
        else:
            connection.send(_DONE)
