# SPDX-License-Identifier: Apache-2.0
"""A suite's run on disk, resumed and accepted, and the commands that do it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from random_bundles import speech_like
from suite_fixtures import SUITE, run, suite_of, write_recordings
from typer.testing import CliRunner

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.cli import VERBS, build_app
from kws.errors import ConfigError, EvaluationError, KwsWarning
from kws.evaluation.recordings import Recording
from kws.suite.rehear import with_scores
from kws.suite.run import RunOptions, run_suite


@pytest.fixture
def folder(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    return write_recordings(tmp_path, streaming_bundle)


def kws(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(build_app({"suite": VERBS["suite"]}), ["suite", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


# -- on disk ------------------------------------------------------------------------------------------------------


def test_a_run_that_is_resumed_hears_only_what_is_left_and_gives_the_same_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, whole = run(folder)
    log = folder / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:4]) + lines[4][:40])  # three recordings, and a line cut off
    heard: list[str] = []
    load = Recording.load

    def listen(self: Recording, sample_rate_hz: int) -> Any:
        heard.append(self.name)
        return load(self, sample_rate_hz)

    monkeypatch.setattr(Recording, "load", listen)
    again = run_suite(suite, RunOptions(log=log, resume=True))
    assert heard == [outcome.recording.name for outcome in whole.outcomes[3:]]
    one, other = again.to_json(), whole.to_json()
    for result in (one, other):
        assert result.pop("costs")["times_real_time"] > 0  # the clock's, never the same but by chance
    assert json.dumps(one) == json.dumps(other)
    assert log.read_bytes().splitlines()[:4] == [line.rstrip(b"\n") for line in lines[:4]]


@pytest.mark.parametrize("change", ["file", "truth", "tags"])
def test_a_recording_that_changed_meanwhile_is_heard_again(folder: Path, change: str) -> None:
    run(folder)
    changes: dict[str, Callable[[], object]] = {
        "file": lambda: write_wav(folder / "long.wav", speech_like(5.0, seed=10)),
        "truth": lambda: (folder / "truth.csv").write_text("file,label,start_s,end_s\nlong.wav,left,1,2\n"),
        "tags": lambda: None,
    }
    changes[change]()
    suite = suite_of(folder, text=SUITE.replace("kitchen", "street") if change == "tags" else SUITE)
    again = run_suite(suite, RunOptions(log=folder / "log.jsonl", resume=True)).to_json()
    fresh = run_suite(suite, RunOptions(log=folder / "other.jsonl")).to_json()
    assert again["recordings"] == fresh["recordings"]


def test_the_log_of_another_run_is_refused(folder: Path, window_bundle: Bundle) -> None:
    suite, _ = run(folder)
    window_bundle.save(folder / "random.kws")
    with pytest.raises(ConfigError, match=r"log of another run \(bundle_crc32 was .* run without --resume"):
        run_suite(suite, RunOptions(log=folder / "log.jsonl", resume=True))
    (folder / "log.jsonl").write_text("something else\n")
    with pytest.raises(ConfigError, match="is no log of kws suite run"):
        run_suite(suite, RunOptions(log=folder / "log.jsonl", resume=True))


def test_scores_for_the_page_are_heard_again_and_drawn_only_where_they_are_the_same(folder: Path) -> None:
    suite, result = run(folder)
    assert all(len(outcome.heard.scores.smoothed) == 0 for outcome in result.outcomes)
    assert all(len(outcome.heard.scores.smoothed) > 0 for outcome in with_scores(suite, result).outcomes)
    first = result.outcomes[0]
    assert first.stored is not None
    odd = replace(first, stored={**first.stored, "peaks": {"left": 255}})
    with pytest.warns(KwsWarning, match="1 recording .* sounded otherwise to host"):
        seen = with_scores(suite, replace(result, outcomes=(odd, *result.outcomes[1:]))).outcomes
    assert len(seen[0].heard.scores.smoothed) == 0
    assert len(seen[1].heard.scores.smoothed) > 0


# -- the command line ---------------------------------------------------------------------------------------------


def test_from_the_first_file_to_a_regression_that_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    code, said = kws("init", "random.kws", "clips", "long.wav", "--out", "s.toml")
    (folder / "long.csv").write_text((folder / "truth.csv").read_text())
    assert (code, "6 clips of 3 labels" in said) == (0, True)
    (folder / "s.toml").unlink()
    code, said = kws("init", "random.kws", "clips", "long.wav", "--out", "s.toml")
    assert "1 long recording with 2 words in the truth" in said.replace("\n", " ")
    jsonschema.validate(
        tomllib.loads((folder / "s.toml").read_text()), json.loads((folder / "suite.schema.json").read_text())
    )
    with pytest.raises(ConfigError, match="is there already"):
        kws("init", "random.kws", "clips", "--out", "s.toml")
    code, said = kws("run", "s.toml")
    assert (code, "failed no_mistakes" in said) == (1, True)
    with pytest.raises(ConfigError, match="--why"):
        kws("accept", "s.toml", "--why", " ")
    assert kws("accept", "s.toml", "--why", "the first one", "--by", "ann")[0] == 0
    accepted = json.loads((folder / "baseline.json").read_text())["accepted"]
    assert (accepted["by"], accepted["why"]) == ("ann", "the first one")
    code, said = kws("run", "s.toml")
    assert (code, "identical to the baseline: every event and every score" in said) == (0, True)
    assert kws("compare", "s.toml")[0] == 0

    wrong = json.loads((folder / "out/s/result.json").read_text())
    right = next(e for e in wrong["recordings"] if e["expected"] is not None and e["predicted"] != e["expected"])
    baseline = json.loads((folder / "baseline.json").read_text())
    next(e for e in baseline["recordings"] if e["name"] == right["name"])["predicted"] = right["expected"]
    (folder / "baseline.json").write_text(json.dumps(baseline))
    code, said = kws("compare", "s.toml")
    assert (code, "accepted by ann" in said, right["name"] in said) == (1, True, True)
    code, said = kws("run", "s.toml", "--report")
    assert (code, "failed baseline" in said) == (1, True)
    assert right["name"] in (folder / "out/s/report.html").read_text()
    assert right["name"].replace("_", "\\_") in (folder / "out/s/summary.md").read_text()


def test_what_is_no_complete_result_of_this_bundle_is_not_accepted(
    folder: Path, window_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    suite_of(folder)
    with pytest.raises(EvaluationError, match="there is no result"):
        kws("accept", "suite.toml", "--why", "x")
    kws("run", "suite.toml")
    window_bundle.save(folder / "random.kws")
    with pytest.raises(EvaluationError, match="run the suite again"):
        kws("accept", "suite.toml", "--why", "x")
    part = json.loads((folder / "out/suite/result.json").read_text()) | {"complete": False}
    (folder / "out/suite/result.json").write_text(json.dumps(part))
    with pytest.raises(EvaluationError, match="finish the run first"):
        kws("accept", "suite.toml", "--why", "x")


def test_truth_deeper_in_a_folder_is_told_and_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "clips" / "stream").mkdir()
    (folder / "long.wav").rename(folder / "clips" / "stream" / "long.wav")
    (folder / "clips" / "stream" / "long.txt").write_text("0.5\t0.9\tleft\n")
    with pytest.warns(KwsWarning, match=r"clips/stream/long.txt: not taken for the truth of what lies beside"):
        kws("init", "random.kws", "clips", "--out", "s.toml")
    code, said = kws("init", "random.kws", "clips/stream/long.wav", "--out", "t.toml")
    assert (code, "1 long recording with 1 word in the truth" in said) == (0, True)


def test_a_step_summary_is_added_where_github_wants_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    suite_of(folder, "[gates]\nno_mistakes = false\n")
    (folder / "step.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "step.md"))
    assert kws("run", "suite.toml")[0] == 0
    assert (folder / "step.md").read_text() == "before\n" + (folder / "out/suite/summary.md").read_text()


def test_outputs_that_cannot_be_written_are_refused_before_the_first_sample(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite_of(folder)
    monkeypatch.setattr(Recording, "load", lambda self, rate: pytest.fail("a sample was read"))
    with pytest.raises(ConfigError, match="cannot be written"):
        kws("run", str(folder / "suite.toml"), "--out", str(folder / "truth.csv"))
