# SPDX-License-Identifier: Apache-2.0
"""A suite as pytest collects it: a file, and a test for each of its recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from kws.errors import AudioError, EvaluationError, KwsError
from kws.evaluation.recordings import Recording
from kws.harness.mistakes import mistakes_of
from kws.harness.replay import Outcome
from kws.harness.verdict import Verdict
from kws.suite.baseline import baseline_of
from kws.suite.judge import gates_of, judge
from kws.suite.log import Measurement
from kws.suite.run import Plan, result_of
from kws.suite.shared import SharedBoards
from kws.suite.suite import Suite, read_suite

SHARED = pytest.StashKey[dict[Path, SharedBoards]]()
"""Boards of each suite, in this process."""
_MOST_SCORES = 4


class RecordingFailure(Exception):
    """A recording that fails; its text is what pytest shows."""


class SuiteFile(pytest.File):
    """A suite."""

    @cached_property
    def suite(self) -> Suite:
        """As the options of the command line have it."""
        option = self.config.getoption
        return read_suite(self.path).on(board=option("--kws-board"), boards=option("--kws-boards"))

    @cached_property
    def plan(self) -> Plan:
        """Its bundle and recordings."""
        return Plan.of(self.suite)

    @cached_property
    def baseline(self) -> Mapping[str, Any] | None:
        """What was accepted."""
        return baseline_of(self.suite)

    def collect(self) -> Iterable[RecordingItem]:
        """Return a test for each recording."""
        try:
            for recording in self.plan.recordings:
                yield RecordingItem.from_parent(self, name=recording.name, recording=recording)
        except KwsError as error:
            raise self.CollectError(str(error)) from error

    def judge_one(self, measurement: Measurement) -> Verdict:
        """Judge one recording: only its failures mean something, its gates do not."""
        name = measurement.entry["name"]
        baseline = self.baseline
        if baseline is not None:
            own = [entry for entry in baseline["recordings"] if entry["name"] == name]
            baseline = {**baseline, "recordings": own}
        result = result_of(self.plan, [measurement])
        return judge(result, gates_of(self.suite, self.baseline), baseline=baseline, reason_for=self.suite.reason_for)


class RecordingItem(pytest.Item):
    """A test that replays one recording."""

    heard: dict[str, Any] | None = None
    """The fields of its `Measurement`; or its name, and why it could not be heard."""

    def __init__(self, *, recording: Recording, **others: Any) -> None:
        super().__init__(**others)
        self._recording = recording

    @property
    def file(self) -> SuiteFile:
        """The suite."""
        assert isinstance(self.parent, SuiteFile)
        return self.parent

    def runtest(self) -> None:
        """Replay the recording and judge it as `kws suite run` does."""
        boards = self.config.stash[SHARED][self.path]
        try:
            measurement = boards.hear(self._recording).measurement
        except (AudioError, EvaluationError) as error:
            self.heard = {"name": self.name, "why": str(error)}
            if reason := self.file.suite.reason_for(self.name):
                pytest.xfail(f"known failure: {reason}")
            raise
        self.heard = asdict(measurement)
        verdict = self.file.judge_one(measurement)
        (outcome,) = verdict.result.outcomes
        if why := verdict.failures.get(self.name):
            raise RecordingFailure(explain(self, outcome, verdict, why))
        if self.name in verdict.known:
            pytest.xfail(f"known failure: {verdict.known[self.name]}")
        if outcome.is_wrong:
            wrong = "; ".join(mistakes_of(outcome, verdict.result.listening.sample_rate_hz))
            pytest.xfail(f"{wrong}; no gate and no baseline forbids it")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what was heard, or what became of the board, and no traceback of ours."""
        if isinstance(excinfo.value, (RecordingFailure, KwsError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return where the test is."""
        return self.path, None, self.name


def gate_reports(suite: str, verdict: Verdict, not_judged: str | None) -> Iterator[pytest.TestReport]:
    """Return each gate as the report of a test.

    Parameters
    ----------
    suite : str
        Node of the suite.
    verdict : Verdict
    not_judged : str or None
        Why nothing is judged; then all are skipped, under the names that they always have.
    """
    for gate in verdict.gates:
        report: dict[str, Any] = {"outcome": "passed", "longrepr": None}
        if not_judged is not None:
            report = {"outcome": "skipped", "longrepr": (suite, 0, f"Skipped: not judged: {not_judged}")}
        elif gate.problem is not None:
            report = {"outcome": "failed", "longrepr": f"{gate.name}: {gate.problem}"}
        node, location = f"{suite}::gates::{gate.name}", (suite, None, f"gates::{gate.name}")
        yield pytest.TestReport(node, location, {}, when="call", **report)
        yield pytest.TestReport(node, location, {}, outcome="passed", longrepr=None, when="teardown")


def explain(item: RecordingItem, outcome: Outcome, verdict: Verdict, why: Iterable[str]) -> str:
    """Return what was expected, what was heard with which scores, and the commands to hear it again."""
    result, plan = verdict.result, item.file.plan
    rate_hz, bundle = result.listening.sample_rate_hz, plan.suite.bundle
    events = ", ".join(
        f"{event.label} at {(event.sample_index - outcome.start_sample) / rate_hz:.2f} s ({event.score / 255:.2f})"
        for event in outcome.heard.events
    )
    taken = [] if outcome.predicted is None else [f"taken for {outcome.predicted}"]
    windows = ", ".join(
        f"{window.label} at {(window.start_sample - outcome.start_sample) / rate_hz:.2f} s"
        for window in (outcome.matching.truth.windows if outcome.matching is not None else ())
    )
    expected = outcome.recording.expected or windows or "no word"
    rows = {
        "expected": expected,
        "heard": "; ".join([*taken, f"events: {events or 'none'}"]),
        "scores": _scores(outcome, verdict),
        "fails": "; ".join(why),
        "file": str(outcome.recording.path),
        "board": f"{result.identity.board} ({result.identity.name}), {bundle.name} CRC {result.bundle.crc32:08x}, "
        f"operating point {result.bundle.operating_point}",
        "hear it": f"kws replay {bundle} {outcome.recording.path} --report out/again.html",
        "test it": f"pytest --kws-suite {item.path} --kws-board {result.identity.board} -k '{item.name}'",
    }
    return "\n".join(f"{name:9} {text}" for name, text in rows.items())


def _scores(outcome: Outcome, verdict: Verdict) -> str:
    """The highest scores, threshold or not, in order."""
    assert outcome.stored is not None
    listening = verdict.result.listening
    thresholds = dict(zip(listening.labels, listening.thresholds, strict=True))
    peaks = sorted(outcome.stored["peaks"].items(), key=lambda peak: -peak[1])[:_MOST_SCORES]
    return ", ".join(f"{label} {peak / 255:.2f} (fires at {thresholds[label] / 255:.2f})" for label, peak in peaks)
