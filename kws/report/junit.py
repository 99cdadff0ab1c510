# SPDX-License-Identifier: Apache-2.0
"""JUnit XML of a replay: one test case per recording, for the test views of CI systems."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from kws.errors import EvaluationError
from kws.files import StrPath
from kws.harness.replay import Outcome
from kws.harness.result import ReplayResult


def junit_xml(result: ReplayResult, failures: Sequence[str] = ()) -> str:
    """Make the XML.

    Parameters
    ----------
    result : ReplayResult
        A clip fails when its label is wrong; a stream when a keyword is missed, or an event is a false accept or
        a wrong word; either when the board differs from the host.
    failures : sequence of str
        Expectations on the whole that were not met; each is a failed test case of its own.
    """
    suite = ElementTree.Element("testsuite", name=f"kws replay {result.bundle.name} on {result.listener.board}")
    num_failed = 0
    for outcome in result.outcomes:
        case = _case(suite, outcome.recording.name, f"{outcome.heard.wall_s:.3f}")
        problems = _problems(outcome)
        num_failed += bool(problems)
        if problems:
            ElementTree.SubElement(case, "failure", message="; ".join(problems))
    for failure in failures:
        ElementTree.SubElement(_case(suite, failure, "0"), "failure", message=failure)
    suite.set("tests", str(len(result.outcomes) + len(failures)))
    suite.set("failures", str(num_failed + len(failures)))
    suite.set("time", f"{result.wall_s:.3f}")
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def write_junit(path: StrPath, result: ReplayResult, failures: Sequence[str] = ()) -> None:
    """Write the XML to a file.

    Raises
    ------
    EvaluationError
        If the file cannot be written.
    """
    try:
        Path(path).write_text(junit_xml(result, failures), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}); check the folder") from error


def _case(suite: ElementTree.Element, name: str, time_s: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname="kws.replay", name=name, time=time_s)


def _problems(outcome: Outcome) -> list[str]:
    problems = []
    if outcome.correct is False:
        problems.append(f"expected {outcome.recording.expected}, taken for {outcome.predicted}")
    matching = outcome.matching
    if matching is not None and outcome.recording.windows is not None:
        problems += [f"missed {window.label} at sample {window.start_sample}" for window in matching.misses]
        problems += [
            f"false accept of {event.label} at sample {event.sample_index}" for event in matching.false_accepts
        ]
        problems += [f"wrong word {event.label} at sample {event.sample_index}" for event in matching.wrong_words]
    if outcome.equals_host is False:
        problems.append("scores or events differ from the host library")
    return problems
