# SPDX-License-Identifier: Apache-2.0
"""JUnit XML of a verdict, which fails exactly where the command does: gates and recordings that fail, nothing else.

A recording that could not be heard is an error, not a failure: it was not judged.

One test case per gate, with a name that stays, and one per recording. A mistake that no gate forbids is told in the
case's output, and does not turn a CI system red whose command passed; one that is known is a skipped case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from kws.errors import EvaluationError
from kws.files import StrPath
from kws.harness.entry import entry_of
from kws.harness.mistakes import mistakes_of
from kws.harness.replay import Outcome
from kws.harness.result import ReplayResult
from kws.harness.verdict import Verdict

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Control characters, no letters, and halves of letters, which bytes of another encoding are to Python."""


def junit_xml(verdict: Verdict) -> str:
    """Return the XML of a verdict; characters that XML has no way to say are written out, as ``\\x1b``."""
    result = verdict.result
    suite = ElementTree.Element("testsuite", name=f"kws replay {result.bundle.name} on {result.identity.board}")
    _properties(suite, result)
    for gate in verdict.gates:
        case = _case(suite, "kws.gates", gate.name, "0")
        if gate.problem is not None:
            ElementTree.SubElement(case, "failure", message=gate.problem)
    for outcome in result.outcomes:
        _recording_case(suite, outcome, verdict)
    heard = {outcome.recording.name for outcome in result.outcomes}
    for name in (*result.unheard, *(name for name in verdict.failures if name not in result.unheard)):
        if name not in heard:
            _judge_case(_case(suite, "kws.recordings", name, "0"), name, verdict)
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    suite.set("time", f"{result.wall_s:.3f}")
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
    return _NOT_IN_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def write_junit(path: StrPath, verdict: Verdict) -> None:
    """Write the XML to a file.

    Raises
    ------
    EvaluationError
        If the file cannot be written.
    """
    try:
        Path(path).write_text(junit_xml(verdict), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}); check the folder") from error


def _properties(suite: ElementTree.Element, result: ReplayResult) -> None:
    _property_list(
        suite,
        {
            "board": result.identity.board,
            "bundle": result.bundle.name,
            "bundle_crc32": f"{result.bundle.crc32:08x}",
            "operating_point": result.bundle.operating_point,
            "complete": str(len(result.outcomes) == result.num_planned).lower(),
        },
    )


def _recording_case(suite: ElementTree.Element, outcome: Outcome, verdict: Verdict) -> None:
    name, listening = outcome.recording.name, verdict.result.listening
    case = _case(suite, "kws.recordings", name, f"{outcome.heard.wall_s:.3f}")
    if outcome.recording.tags:
        _property_list(case, outcome.recording.tags)
    _judge_case(case, name, verdict)
    rate_hz = listening.sample_rate_hz
    events = ", ".join(
        f"{event.label} {event.score} at {(event.sample_index - outcome.start_sample) / rate_hz:.2f} s"
        for event in outcome.heard.events
    )
    peaks = ", ".join(f"{label} {peak}" for label, peak in entry_of(outcome, listening)["peaks"].items())
    lines = [str(outcome.recording.path), f"events: {events or 'none'}", f"highest scores: {peaks}"]
    ElementTree.SubElement(case, "system-out").text = "\n".join([*lines, *mistakes_of(outcome, rate_hz)])


def _judge_case(case: ElementTree.Element, name: str, verdict: Verdict) -> None:
    unheard = verdict.result.unheard
    if name in unheard and name not in verdict.known:
        ElementTree.SubElement(case, "error", message=unheard[name])
    elif name in verdict.failures:
        ElementTree.SubElement(case, "failure", message="; ".join(verdict.failures[name]))
    elif name in verdict.known:
        ElementTree.SubElement(case, "skipped", message=f"known failure: {verdict.known[name]}")


def _property_list(element: ElementTree.Element, values: Mapping[str, str]) -> None:
    properties = ElementTree.SubElement(element, "properties")
    for name, value in values.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)


def _case(suite: ElementTree.Element, classname: str, name: str, time_s: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=classname, name=name, time=time_s)
