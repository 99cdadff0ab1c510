# SPDX-License-Identifier: Apache-2.0
"""Runs a suite: recordings to one board or many, each result on disk as soon as it is there.

Whatever happens on the way, the result is put together from the log: in the order of the suite, whichever board heard
what, and whether the run went through at once or was resumed. So all these give the same bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kws.bundle import Bundle
from kws.errors import (
    AudioError,
    BoardLostError,
    BoardNotFoundError,
    BoardRefusedError,
    ConfigError,
    DeviceError,
    EvaluationError,
    note,
)
from kws.evaluation.listening import Listening, describe_operating_point, listening_of
from kws.evaluation.recordings import Recording
from kws.harness.entry import outcome_of
from kws.harness.listener import Identity, StageTotal, add_stages
from kws.harness.result import BundleIdentity, ReplayResult
from kws.suite.log import Log, Measurement, state_of
from kws.suite.pool import Place, read_pool, several
from kws.suite.sources import recordings_of
from kws.suite.suite import Suite
from kws.suite.workers import Answer, Engine, Seat, Task, seat
from kws.version import VERSION

OnMeasured = Callable[[int, int], None]
"""Called after each recording with how many are done, and how many there are."""
_MOST_LOSSES = 3
"""A recording during which so many boards were lost is given up."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a suite is run."""

    log: Path
    resume: bool = False
    """Go on where an interrupted run's log ends."""
    jobs: int = 1
    """So many boards of a kind that is a program, or so many processes."""
    engine: Engine = "process"
    """Where more than one board's worker works."""
    retries: int = 0
    """How often a board that was lost is opened again before it is left alone."""
    count_cycles: bool = True


def run_suite(suite: Suite, options: RunOptions, *, on_measured: OnMeasured = lambda done, total: None) -> ReplayResult:
    """Run a suite.

    Parameters
    ----------
    suite : Suite
    options : RunOptions
    on_measured : callable
        Told of progress.

    Returns
    -------
    ReplayResult
        In the order of the suite. A recording that cannot be read, or that its truth does not fit, is among its
        ``unheard``, and the rest goes on.

    Raises
    ------
    BoardLostError
        If recordings are left and no board is; its ``partial`` is the result until then, and the log goes on from it.
    AudioError, BundleError, ConfigError, DeviceError, EvaluationError, ToolMissingError
        If a path, the bundle, the suite, every board, the truth or a tool fails before anything was heard.
    """
    plan = Plan.of(suite)
    places = places_of(suite, options.jobs)
    with Log(options.log, plan.header(places), resume=options.resume) as log:
        run = _Run(plan, log, options)
        run.take_up()
        on_measured(len(run.measured), len(plan.recordings))
        try:
            run.hear(places, on_measured)
        except DeviceError as error:
            if not run.measured:
                raise
            problem = f"{error}; {len(run.measured)} of {len(plan.recordings)} recordings were replayed"
            raise BoardLostError(f"{problem}; --resume goes on from there", run.result()) from error
        return run.result()


def places_of(suite: Suite, jobs: int) -> list[Place]:
    """Return the boards that a run may use: its pool's, or so many of its one kind.

    Raises
    ------
    ConfigError
        If the pool cannot be read, or several of what is one board are asked for.
    """
    if suite.boards is not None:
        places = read_pool(suite.boards)
        return places[:jobs] if jobs > 1 else places
    place = Place(name=suite.board, board=suite.board)
    if jobs > 1 and not place.is_program:
        raise ConfigError(
            f"--jobs {jobs}: {suite.board} is one board; name more of them in a pool: --boards boards.toml"
        )
    return [place] if jobs == 1 else several(place, jobs)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run is to hear, and with which bundle."""

    suite: Suite
    bundle: Bundle
    listening: Listening
    recordings: tuple[Recording, ...]

    @classmethod
    def of(cls, suite: Suite) -> Plan:
        """Load the bundle, hold the suite's words against it, and find the recordings."""
        bundle = Bundle.load(suite.bundle)
        listening = listening_of(bundle, suite.operating_point)
        suite.gates.words(listening)  # refused before anything is heard
        return cls(suite=suite, bundle=bundle, listening=listening, recordings=tuple(recordings_of(suite, listening)))

    def task(self, *, count_cycles: bool) -> Task:
        """Return what workers must know of it."""
        suite = self.suite
        return Task(
            bundle=suite.bundle.resolve(),
            operating_point=suite.operating_point,
            verify=suite.gates.equal_to_host,
            count_cycles=count_cycles,
        )

    def header(self, places: Sequence[Place]) -> dict[str, Any]:
        """Return what makes it this run and no other."""
        return {
            "kws_version": VERSION,
            "bundle_crc32": f"{self.bundle.crc32:08x}",
            "operating_point": describe_operating_point(self.bundle, self.suite.operating_point),
            "boards": sorted({place.board or place.name for place in places}),
            "equal_to_host": self.suite.gates.equal_to_host,
        }


@dataclass
class _Seated:
    """A worker and its board."""

    place: Place
    seat: Seat
    losses: int = 0


@dataclass
class _Run:
    """A run under way."""

    plan: Plan
    log: Log
    options: RunOptions
    measured: dict[str, Measurement] = field(default_factory=dict)
    unheard: dict[str, str] = field(default_factory=dict)
    counts: list[Mapping[str, Any]] = field(default_factory=list)
    _left: deque[Recording] = field(default_factory=deque)
    _losses: dict[str, int] = field(default_factory=dict)
    _last: DeviceError | None = None

    def take_up(self) -> None:
        """Take from the log what was heard before, as far as it is of the recordings as they are now."""
        states = {recording.name: state_of(recording) for recording in self.plan.recordings}
        for measurement, state in self.log.measured():
            if states.get(measurement.entry["name"]) == state:
                self.measured[measurement.entry["name"]] = measurement
        self.counts = self.log.counts()
        self._left.extend(r for r in self.plan.recordings if r.name not in self.measured)

    def hear(self, places: Sequence[Place], on_measured: OnMeasured) -> None:
        """Hear what is left on all boards; raises what the last board was lost to, if recordings are left then."""
        seats = [_Seated(place, self._seat(place, len(places))) for place in places[: len(self._left)]]
        busy: dict[Future[Answer], tuple[_Seated, Recording]] = {}
        try:
            while self._left or busy:
                for one in [one for one in seats if not any(one is other for other, _ in busy.values())]:
                    if self._left:
                        recording = self._left.popleft()
                        busy[one.seat.hear(recording)] = one, recording
                if not busy:
                    break
                for future in wait(busy, return_when=FIRST_COMPLETED).done:
                    one, recording = busy.pop(future)
                    if not self._took(future, one, recording):
                        seats = self._after_loss(seats, one)
                    on_measured(len(self.measured) + len(self.unheard), len(self.plan.recordings))
        finally:
            self._close(seats)
        if len(self.measured) + len(self.unheard) < len(self.plan.recordings):
            assert self._last is not None
            raise self._last

    def _took(self, future: Future[Answer], one: _Seated, recording: Recording) -> bool:
        """Take a worker's answer; returns whether its board is still there."""
        try:
            answer = future.result()
        except (DeviceError, BrokenExecutor) as error:
            lost = error if isinstance(error, DeviceError) else DeviceError(f"{one.place.name}: its process ended")
            self._lose(one, recording, lost)
            return False
        except (AudioError, EvaluationError) as error:
            self.unheard[recording.name] = str(error)
            self.log.add_unheard(recording.name, str(error))
            return True
        for text in answer.notes:
            note(text)
        self.measured[recording.name] = answer.measurement
        self.log.add(answer.measurement, recording)
        return True

    def _lose(self, one: _Seated, recording: Recording, error: DeviceError) -> None:
        self._last = error
        one.losses += 1
        self.log.add_loss(one.place.name, recording.name, str(error))
        self._losses[recording.name] = self._losses.get(recording.name, 0) + 1
        if self._losses[recording.name] < _MOST_LOSSES:
            self._left.appendleft(recording)
        else:
            note(f"{recording.name}: {_MOST_LOSSES} boards were lost while hearing it; it is left out")

    def _seat(self, place: Place, num_places: int) -> Seat:
        task = self.plan.task(count_cycles=self.options.count_cycles)
        return seat(self.options.engine if num_places > 1 else None, task, place)

    def _after_loss(self, seats: list[_Seated], one: _Seated) -> list[_Seated]:
        """Give the board another chance, or leave it alone."""
        self._close([one])
        others = [other for other in seats if other is not one]
        never_answers = isinstance(self._last, (BoardNotFoundError, BoardRefusedError))
        if one.losses <= self.options.retries and not never_answers:
            return [*others, _Seated(one.place, self._seat(one.place, len(seats)), one.losses)]
        if others:
            note(f"{one.place.name} is left alone from now on: {self._last}")
        return others

    def _close(self, seats: Sequence[_Seated]) -> None:
        for one in seats:
            try:
                counted = one.seat.close()
            except (DeviceError, BrokenExecutor):  # what it said has been taken
                continue
            if counted is not None:
                self.counts.append(counted)
                self.log.add_counts(counted)

    def result(self) -> ReplayResult:
        """Put the result together."""
        return result_of(self.plan, list(self.measured.values()), self.counts, unheard=self.unheard)


def result_of(
    plan: Plan,
    measured: Sequence[Measurement],
    counts: Sequence[Mapping[str, Any]] = (),
    *,
    unheard: Mapping[str, str] = MappingProxyType({}),
) -> ReplayResult:
    """Put a result together, in the order of the suite.

    Parameters
    ----------
    plan : Plan
    measured : sequence of Measurement
        In any order; what is missing was not heard.
    counts : sequence of mapping
        What emulators counted (`kws.suite.workers.Worker.close`).
    unheard : mapping
        Recordings that could not be heard, and why.
    """
    by_name = {measurement.entry["name"]: measurement for measurement in measured}
    heard = [(recording, by_name[recording.name]) for recording in plan.recordings if recording.name in by_name]
    outcomes = tuple(outcome_of(m.entry, recording, plan.listening, wall_s=m.wall_s) for recording, m in heard)
    counted = [[StageTotal(**stage) for stage in count["stages"]] for count in counts]
    told = [[StageTotal(**stage) for stage in measurement.stages] for _, measurement in heard]
    return ReplayResult(
        identity=_identity([measurement for _, measurement in heard]),
        bundle=BundleIdentity(
            name=plan.suite.bundle.name,
            crc32=plan.bundle.crc32,
            operating_point=describe_operating_point(plan.bundle, plan.suite.operating_point),
        ),
        listening=plan.listening,
        outcomes=outcomes,
        stages=add_stages(counted or told),
        dropped_samples=sum(outcome.heard.dropped_samples for outcome in outcomes),
        num_planned=len(plan.recordings),
        unheard={recording.name: unheard[recording.name] for recording in plan.recordings if recording.name in unheard},
        counted_samples=sum(count["samples"] for count in counts) if counted else None,
    )


def _identity(measured: Sequence[Measurement]) -> Identity:
    """Who listened; where boards differ, all of them."""
    identities = [Identity(**measurement.identity) for measurement in measured]
    clocks, ram = {one.clock_hz for one in identities}, [one.ram_bytes for one in identities if one.ram_bytes]
    return Identity(
        board=", ".join(sorted({one.board for one in identities})),
        name=", ".join(sorted({one.name for one in identities})),
        clock_hz=clocks.pop() if len(clocks) == 1 else None,
        ram_bytes=max(ram, default=None),
    )
