# SPDX-License-Identifier: Apache-2.0
"""What a replay tells: on the terminal, in JUnit, and mistake by mistake."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from random_bundles import speech_like
from replay_fixtures import LISTENING, Scripted, event, result_of
from rich.console import Console

from kws.audio import write_wav
from kws.evaluation.recordings import Recording
from kws.evaluation.truth import Window
from kws.harness.baseline import compare
from kws.harness.mistakes import mistakes
from kws.harness.replay import replay
from kws.harness.result import ReplayResult
from kws.harness.verdict import Gate, Verdict
from kws.report.junit import junit_xml, write_junit
from kws.report.markdown import verdict_markdown
from kws.report.page import replay_page, write_page
from kws.report.terminal import column_heads, print_replay, print_verdict


def test_junit_fails_where_the_command_does_and_tells_the_rest(result: ReplayResult) -> None:
    assert any(outcome.correct is False for outcome in result.outcomes), "there must be mistakes in it"
    gates = (Gate(name="min_accuracy", problem="expected 1 and got 0"), Gate(name="dropped_samples", problem=None))
    suite = ElementTree.fromstring(junit_xml(Verdict(result=result, gates=gates)))
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert len(cases) == len(result.outcomes) + 2 == int(suite.get("tests", "0"))
    assert [name for name, case in cases.items() if case.find("failure") is not None] == ["min_accuracy"]
    assert suite.get("failures") == "1"  # a mistake that no gate forbids fails nothing
    told = " ".join(case.findtext("system-out", "") for case in cases.values())
    assert all(mistake.split(": ")[1] in told for mistake in mistakes(result))
    properties = {entry.get("name"): entry.get("value") for entry in suite.findall("properties/property")}
    assert properties["bundle_crc32"] == f"{result.bundle.crc32:08x}"
    assert properties["complete"] == "true"


ODD_NAMES = (
    "[/]", "[/b].wav", "[red]x[/red].wav", "\x1b[31m.wav", "bell\x07.wav", "caf\udce9.wav", "\uffff.wav",
    "]]>&<b>\"'.wav", "|pipe`\nline.wav", "\u202egpj.wav",
)  # fmt: skip
"""As a file system has them: markup of all kinds, control characters, bytes of another encoding."""


@pytest.mark.parametrize("num_recordings", [1, len(ODD_NAMES)])
def test_whatever_recordings_are_called_everything_is_told(
    result: ReplayResult, tmp_path: Path, num_recordings: int
) -> None:
    outcomes = [
        replace(result.outcomes[0], recording=replace(result.outcomes[0].recording, name=name, expected=None))
        for name in ODD_NAMES[:num_recordings]
    ]
    odd = replace(result, outcomes=tuple(outcomes), unheard={"[/gone]": "[/gone]: \x00"})
    odd = replace(odd, identity=replace(odd.identity, board="[/dev]"), bundle=replace(odd.bundle, name="[/x].kws"))
    verdict = Verdict(result=odd, gates=(Gate(name="heard", problem="[/gone]"),))
    console = Console(width=200, record=True, file=io.StringIO())
    print_replay(odd, console)
    print_verdict(verdict, console, all_in=Path("[/out]"))
    text = console.export_text()
    assert all(name in text for name in ("[/]", "[/dev]", "[/x].kws", "[/gone]"))
    write_junit(tmp_path / "r.xml", verdict)
    suite = ElementTree.parse(tmp_path / "r.xml").getroot()
    names = [case.get("name") for case in suite.iterfind("testcase[@classname='kws.recordings']")]
    shown = {"\x1b[31m.wav": "\\x1b[31m.wav", "bell\x07.wav": "bell\\x07.wav", "caf\udce9.wav": "caf\\xdce9.wav",
             "\uffff.wav": "\\xffff.wav"}  # fmt: skip
    assert names == [*(shown.get(name, name) for name in ODD_NAMES[:num_recordings]), "[/gone]"]
    write_page(tmp_path / "r.html", replay_page(odd, gates=verdict.gates, audio=False))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    told = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert [one["name"] for one in told["recordings"]][:num_recordings] == list(ODD_NAMES[:num_recordings])
    for row in verdict_markdown(verdict, "[/]|").splitlines():
        assert not row.startswith("|") or len(re.findall(r"(?<!\\)\|", row)) == 3


def test_the_terminal_shows_confusion_and_figures_in_80_columns(result: ReplayResult) -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_replay(result, console, comparison=compare(result, json.loads(json.dumps(result.to_json()))))
    text = console.export_text()
    assert all(words in text for words in ("confusion", "accuracy", "equal to host", "dropped samples", "identical"))
    assert max(map(len, text.splitlines())) <= 80


def test_labels_above_columns_stay_different_or_are_numbers() -> None:
    assert column_heads(("yes", "no"), 80) == ["yes", "no"]
    similar = ("silence", "turn on", "turn off", "turn around", "hey nova", "hey jarvis")
    heads = column_heads(similar, 80)
    assert len(set(heads)) == len(similar)
    assert all(label.startswith(head) for label, head in zip(similar, heads, strict=True))
    assert column_heads(similar, 60) == ["1", "2", "3", "4", "5", "6"]


def test_numbered_columns_are_named_in_the_rows(result: ReplayResult) -> None:
    console = Console(width=30, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_replay(result, console)
    assert "4 right" in console.export_text()


def test_every_mistake_is_named_and_the_terminal_shows_the_first_twenty(result: ReplayResult) -> None:
    wrong = [outcome for outcome in result.outcomes if outcome.correct is False]
    named = mistakes(result)
    assert wrong
    for outcome in wrong:
        line = f"{outcome.recording.name}: {outcome.recording.expected} taken for {outcome.predicted}"
        assert any(mistake.startswith(line) for mistake in named)
    many = replace(result, outcomes=result.outcomes * 20)
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_replay(many, console)
    text = console.export_text()
    assert sum(line.startswith("  ") and " taken for " in line for line in text.splitlines()) <= 20
    assert f"... and {len(mistakes(many)) - 20} more" in text


def test_mistakes_in_streams_have_their_time(tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", speech_like(10.0))
    window = Window(label="left", start_sample=16000, end_sample=24000)
    recording = Recording(path=tmp_path / "long.wav", name="long.wav", windows=(window,))
    board = Scripted(events=(event(20000, "right"), event(120000, "right")))
    assert mistakes(result_of(*replay(board, [recording], LISTENING))) == [
        "long.wav: missed left at 1.00 s",
        "long.wav: false accept of right at 7.50 s",
        "long.wav: wrong word right at 1.25 s",
    ]
