# SPDX-License-Identifier: Apache-2.0
"""JUnit XML of a replay, which fails exactly where the command does: gates and regressions, nothing else.

One test case per gate, with a name that stays, and one per recording. A recording fails when the baseline, or equality
with the host, makes it fail. A mistake that no gate forbids is told in the case's output, and does not turn a CI system
red whose command passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from kws.errors import EvaluationError
from kws.files import StrPath
from kws.harness.baseline import Change, Comparison
from kws.harness.mistakes import mistakes_of
from kws.harness.replay import Outcome
from kws.harness.result import ReplayResult
from kws.harness.verdict import Gate


def junit_xml(result: ReplayResult, gates: Sequence[Gate] = (), comparison: Comparison | None = None) -> str:
    """Make the XML.

    Parameters
    ----------
    result : ReplayResult
    gates : sequence of Gate
        Judged conditions on the whole; see `kws.harness.suite.Suite.gates`.
    comparison : Comparison, optional
        With a baseline: recordings that got worse fail, and so do those that are missing.
    """
    suite = ElementTree.Element("testsuite", name=f"kws replay {result.bundle.name} on {result.identity.board}")
    _properties(suite, result)
    for gate in gates:
        case = _case(suite, "kws.gates", gate.name, "0")
        if gate.problem is not None:
            ElementTree.SubElement(case, "failure", message=gate.problem)
    must_equal = any(gate.name == "equal_to_host" for gate in gates)
    worse = comparison.worse if comparison is not None else ()
    for outcome in result.outcomes:
        _recording_case(suite, outcome, result, must_equal=must_equal, worse=worse)
    names = {outcome.recording.name for outcome in result.outcomes}
    for change in worse:
        if change.now == "missing" and change.recording not in names:
            ElementTree.SubElement(_case(suite, "kws.recordings", change.recording, "0"), "failure", message="missing")
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("time", f"{result.wall_s:.3f}")
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def write_junit(
    path: StrPath, result: ReplayResult, gates: Sequence[Gate] = (), comparison: Comparison | None = None
) -> None:
    """Write the XML to a file.

    Raises
    ------
    EvaluationError
        If the file cannot be written.
    """
    try:
        Path(path).write_text(junit_xml(result, gates, comparison), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}); check the folder") from error


def _properties(suite: ElementTree.Element, result: ReplayResult) -> None:
    properties = ElementTree.SubElement(suite, "properties")
    values = {
        "board": result.identity.board,
        "bundle": result.bundle.name,
        "bundle_crc32": f"{result.bundle.crc32:08x}",
        "operating_point": result.bundle.operating_point,
        "complete": str(len(result.outcomes) == result.num_planned).lower(),
    }
    for name, value in values.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)


def _recording_case(
    suite: ElementTree.Element, outcome: Outcome, result: ReplayResult, *, must_equal: bool, worse: Sequence[Change]
) -> None:
    name = outcome.recording.name
    case = _case(suite, "kws.recordings", name, f"{outcome.heard.wall_s:.3f}")
    regressions = [
        f"{change.what}: was {change.before}, now {change.now}" for change in worse if change.recording == name
    ]
    if must_equal and outcome.equals_host is False:
        regressions.append("features, scores or events differ from the host library")
    if regressions:
        ElementTree.SubElement(case, "failure", message="; ".join(regressions))
    rate_hz = result.listening.sample_rate_hz
    events = ", ".join(
        f"{event.label} {event.score} at {(event.sample_index - outcome.start_sample) / rate_hz:.2f} s"
        for event in outcome.heard.events
    )
    lines = [str(outcome.recording.path), f"events: {events or 'none'}", *mistakes_of(outcome, rate_hz)]
    ElementTree.SubElement(case, "system-out").text = "\n".join(lines)


def _case(suite: ElementTree.Element, classname: str, name: str, time_s: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=classname, name=name, time=time_s)
