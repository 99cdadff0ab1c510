# SPDX-License-Identifier: Apache-2.0
"""A recording that cannot be heard fails by itself: a broken file, a truth that does not fit; the rest goes on."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from random_bundles import speech_like
from typer.testing import CliRunner

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.cli import VERBS, build_app
from kws.errors import AudioError, EvaluationError
from kws.harness.run import ReplayRequest, run_replay
from kws.suite.run import RunOptions, run_suite
from kws.suite.suite import read_suite

SUITE = """
bundle = "random.kws"
[[recordings]]
paths = ["clips"]
[[recordings]]
paths = ["long.wav"]
truth = "truth.csv"
[gates]
no_mistakes = false
"""
BROKEN = "clips/right/1.wav"


@pytest.fixture
def folder(tmp_path: Path, streaming_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Path:
    streaming_bundle.save(tmp_path / "random.kws")
    for word in ("left", "right"):
        (tmp_path / "clips" / word).mkdir(parents=True)
        for take in range(2):
            write_wav(tmp_path / "clips" / word / f"{take}.wav", speech_like(0.5, seed=take))
    (tmp_path / BROKEN).write_bytes(b"RIFF, and no more")
    write_wav(tmp_path / "long.wav", speech_like(2.0, seed=9))
    (tmp_path / "truth.csv").write_text("file,label,start_s,end_s\nlong.wav,left,90,91\n")
    (tmp_path / "suite.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kws(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(build_app({"suite": VERBS["suite"]}), ["suite", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output.replace("\n", " ")


def cases(folder: Path) -> dict[str, ElementTree.Element]:
    root = ElementTree.parse(folder / "out/suite/junit.xml").getroot()
    return {str(case.get("name")): case for case in root.iter("testcase")}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_cannot_be_heard_is_a_failing_case_with_its_reason_and_the_rest_is_heard(folder: Path, jobs: str) -> None:
    code, said = kws("run", "suite.toml", "--jobs", jobs, "--report")
    assert code == 1
    assert "could not be heard (2)" in said
    assert f"failed heard: expected every recording heard and got {BROKEN}, long.wav that could not be" in said
    result = json.loads((folder / "out/suite/result.json").read_text())
    assert (result["complete"], len(result["recordings"]), list(result["unheard"])) == (False, 3, [BROKEN, "long.wav"])
    messages = {
        name: str(error.get("message")) for name, case in cases(folder).items() for error in case.findall("error")
    }
    assert set(messages) == {BROKEN, "long.wav"}
    assert cases(folder)["heard"].find("failure") is not None
    assert "not readable as audio" in messages[BROKEN]
    assert "its truth reaches to 91 s" in messages["long.wav"]
    for file in ("summary.md", "report.html"):
        assert BROKEN in (folder / "out/suite" / file).read_text()
    with pytest.raises(EvaluationError, match=r"1.wav, long.wav could not be heard; mend"):
        kws("accept", "suite.toml", "--why", "x")


def test_a_recording_that_was_mended_is_heard_when_the_run_goes_on(folder: Path) -> None:
    assert kws("run", "suite.toml")[0] == 1
    write_wav(folder / BROKEN, speech_like(0.5, seed=1))
    (folder / "truth.csv").write_text("file,label,start_s,end_s\nlong.wav,left,0.5,1\n")
    assert kws("run", "suite.toml", "--resume")[0] == 0
    resumed = (folder / "out/suite/result.json").read_bytes()
    assert kws("run", "suite.toml")[0] == 0
    assert (folder / "out/suite/result.json").read_bytes() == resumed


def test_one_that_is_known_fails_nothing(folder: Path) -> None:
    (folder / "suite.toml").write_text(SUITE + '[[known_failures]]\nrecording = "*"\nreason = "the disk was full"\n')
    assert kws("run", "suite.toml")[0] == 0
    skipped = cases(folder)[BROKEN].find("skipped")
    assert skipped is not None
    assert "the disk was full" in str(skipped.get("message"))


def test_a_suite_of_which_nothing_can_be_heard_fails(folder: Path) -> None:
    (folder / "suite.toml").write_text(f'bundle = "random.kws"\n[[recordings]]\npaths = ["{BROKEN}"]\n')
    result = run_suite(read_suite("suite.toml"), RunOptions(log=folder / "log.jsonl"))
    assert (result.outcomes, list(result.unheard)) == ((), [BROKEN])
    assert kws("run", "suite.toml", "--report")[0] == 1


def test_one_that_is_taken_away_while_the_run_goes_is_named_and_the_rest_is_heard(folder: Path) -> None:
    suite = read_suite("suite.toml")

    def take_away(done: int, total: int) -> None:
        (folder / "clips/left/1.wav").unlink(missing_ok=True)

    result = run_suite(suite, RunOptions(log=folder / "log.jsonl"), on_measured=take_away)
    assert "no such file" in result.unheard["clips/left/1.wav"]
    assert len(result.outcomes) == 2


def test_a_replay_goes_past_what_cannot_be_heard_names_it_everywhere_and_exits_with_2(folder: Path) -> None:
    files = ["--json", "r.json", "--junit", "r.xml", "--report", "r.html"]
    done = CliRunner().invoke(build_app({"replay": VERBS["replay"]}), ["replay", "random.kws", "clips", *files])
    assert done.exit_code == 2
    assert "could not be heard (1)" in done.output
    result = json.loads(Path("r.json").read_text())
    assert (result["complete"], len(result["recordings"])) == (False, 3)
    assert list(result["unheard"]) == ["right/1.wav"]
    suite = ElementTree.parse("r.xml").getroot()
    assert suite.get("errors") == "1"
    error = suite.find("testcase[@name='right/1.wav']/error")
    assert error is not None
    assert "not readable as audio" in str(error.get("message"))
    assert "right/1.wav" in Path("r.html").read_text()


@pytest.mark.parametrize("board", ["host", "native"])
def test_a_replay_of_which_nothing_can_be_heard_still_writes_what_was_asked_for(folder: Path, board: str) -> None:
    asked = ["replay", "random.kws", BROKEN, "--board", board, "--report", "r.html"]
    done = CliRunner().invoke(build_app({"replay": VERBS["replay"]}), asked)
    assert done.exit_code == 2
    assert "1.wav that could not be" in Path("r.html").read_text()


def test_in_python_a_replay_goes_past_it_only_when_told(folder: Path) -> None:
    with pytest.raises(AudioError, match="not readable as audio"):
        run_replay(ReplayRequest(paths="clips", bundle="random.kws"))
    result = run_replay(ReplayRequest(paths="clips", bundle="random.kws", keep_going=True))
    assert "1 could not be heard" in repr(result)
