# SPDX-License-Identifier: Apache-2.0
"""Regression suites: what a suite may say, what its gates measure, what is on disk, and what was accepted."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from random_bundles import speech_like
from typer.testing import CliRunner

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.cli import VERBS, build_app
from kws.errors import ConfigError, EvaluationError, KwsWarning
from kws.evaluation.listening import listening_of
from kws.evaluation.recordings import Recording
from kws.harness.result import ReplayResult
from kws.report.junit import junit_xml
from kws.report.markdown import verdict_markdown
from kws.suite import gates as gates_module
from kws.suite.gates import Gates, figures_of, in_slice
from kws.suite.judge import judge, judge_suite
from kws.suite.keys import Key, check, json_schema
from kws.suite.pool import KEYS as POOL_KEYS
from kws.suite.pool import read_pool
from kws.suite.rehear import with_scores
from kws.suite.run import RunOptions, run_suite
from kws.suite.sources import recordings_of
from kws.suite.suite import KEYS, Suite, read_suite, suite_schema

ROOT = Path(__file__).parents[2]
SUITE = """
bundle = "random.kws"

[[recordings]]
paths = ["clips"]
tags_from_name = "{word}/{speaker}_{take}.wav"

[[recordings]]
paths = ["long.wav"]
truth = "truth.csv"
tags = { noise = "kitchen", distance_m = 2 }
"""


@pytest.fixture
def folder(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    streaming_bundle.save(tmp_path / "random.kws")
    for word in ("left", "right", "cat"):
        (tmp_path / "clips" / word).mkdir(parents=True)
        for speaker in ("ann", "bob"):
            write_wav(tmp_path / "clips" / word / f"{speaker}_0.wav", speech_like(1.0, seed=len(word + speaker)))
    write_wav(tmp_path / "long.wav", speech_like(4.0, seed=9))
    (tmp_path / "truth.csv").write_text("file,label,start_s,end_s\nlong.wav,left,0.5,1\nlong.wav,right,2,2.5\n")
    return tmp_path


def suite_of(folder: Path, more: str = "", text: str = SUITE) -> Suite:
    (folder / "suite.toml").write_text(text + more, encoding="utf-8")
    return read_suite(folder / "suite.toml")


def run(folder: Path, more: str = "") -> tuple[Suite, ReplayResult]:
    suite = suite_of(folder, more)
    return suite, run_suite(suite, RunOptions(log=folder / "log.jsonl"))


def kws(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(build_app({"suite": VERBS["suite"]}), ["suite", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


# -- what a suite may say -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recordings = []", "'bundle' (.*) and it is missing"),
        ('bundle = "m"', "'recordings' (.*) and it is missing"),
        ('bundle = "m"\nrecordings = []', "'recordings' (.*) and it is missing"),
        ('bundle = "m"\nbord = "host"', "unknown key 'bord', expected one of bundle, board"),
        ('bundle = "m"\nrecordings = "c"', "recordings: expected a list of tables and got 'c'"),
        ('bundle = "m"\n[[recordings]]\npaths = "c"', "number 1: paths: expected a list of texts and got 'c'"),
        ('bundle = "m"\n[[recordings]]\npaths = ["c"]\ntags = { a = true }', "tags: expected a table of texts or num"),
        (SUITE + "[gates]\nmin_accuracy = 'high'", "min_accuracy: expected a number and got 'high'"),
        (SUITE + "[gates]\nmin_accuracy = 95", "min_accuracy: expected 0 to 1 and got 95"),
        (SUITE + "[gates]\nmax_dropped_samples = true", "expected a whole number and got True"),
        (SUITE + "[gates.words.left]\nmax_ram_bytes = 5", r"words.left: unknown key 'max_ram_bytes'"),
        (SUITE + "[[gates.slices]]\nmin_accuracy = 1", "'where'"),
        (SUITE + "[[known_failures]]\nrecording = 'x'", "'reason'"),
        ('board = "host"\nboards = "b.toml"' + SUITE, "expected board, or boards, and got both"),
        ("not toml", "cannot be read as a suite"),
    ],
)
def test_a_wrong_suite_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        suite_of(tmp_path, text=text)


def test_the_schema_for_editors_judges_as_the_reader_does(tmp_path: Path) -> None:
    schema = suite_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    texts = [SUITE, SUITE + "[gates]\nmin_accuracy = 0.9", SUITE + "[gates]\nmin_accuracy = 95", SUITE + "x = 1"]
    texts += [SUITE + "[gates.words.left]\nmin_accuracy = 1", SUITE + "[[gates.slices]]\nmin_accuracy = 1"]
    texts += ['bundle = "m"', (ROOT / "examples/suite.toml").read_text(encoding="utf-8")]
    judged = []
    for text in texts:
        fits = jsonschema.Draft7Validator(schema).is_valid(tomllib.loads(text))
        try:
            suite_of(tmp_path, text=text)
        except ConfigError:
            assert not fits, text
        else:
            assert fits, text
        judged.append(fits)
    assert judged == [True, True, False, False, True, False, False, True]


def test_every_kind_of_key_is_checked_and_in_the_schema() -> None:
    right = {"text": "a", "texts": ["a"], "flag": True, "whole": 2, "number": 0.5, "tags": {"a": 1}}
    wrong = {"text": 1, "texts": [], "flag": 1, "whole": 1.5, "number": "1", "tags": {"a": [1]}}
    for kind, value in right.items():
        key = Key(name="k", kind=kind, what="w", required=True)  # type: ignore[arg-type]
        schema = json_schema([key], "t")
        check({"k": value}, [key], "file")
        assert jsonschema.Draft7Validator(schema).is_valid({"k": value})
        with pytest.raises(ConfigError, match="file: k: expected"):
            check({"k": wrong[kind]}, [key], "file")
        assert not jsonschema.Draft7Validator(schema).is_valid({"k": wrong[kind]})


def names_of(keys: tuple[Key, ...]) -> set[str]:
    return {key.name for key in keys} | {name for key in keys for name in names_of(key.inside)}


def test_every_key_is_documented() -> None:
    text = (ROOT / "kws/suite/README.md").read_text(encoding="utf-8")
    for name in names_of(KEYS) | names_of(POOL_KEYS):
        assert f"`{name}`" in text, name


# -- recordings and tags ------------------------------------------------------------------------------------------


def test_clips_and_long_recordings_stand_side_by_side_under_their_paths(folder: Path, streaming_bundle: Bundle) -> None:
    recordings = recordings_of(suite_of(folder), listening_of(streaming_bundle))
    assert [recording.name for recording in recordings][-3:] == [
        "clips/right/ann_0.wav",
        "clips/right/bob_0.wav",
        "long.wav",
    ]
    assert recordings[0].expected == "unknown"  # cat
    assert recordings[0].tags == {"word": "cat", "speaker": "ann", "take": "0"}
    assert [window.label for window in recordings[-1].windows or ()] == ["left", "right"]
    assert recordings[-1].tags == {"noise": "kitchen", "distance_m": "2"}


def test_names_are_paths_from_the_suite_wherever_it_is_called_from(
    folder: Path, streaming_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "suites").mkdir()
    text = SUITE.replace('"random', '"../random').replace('["', '["../').replace('"truth', '"../truth')
    suite = suite_of(folder / "suites", text=text)
    names = [recording.name for recording in recordings_of(suite, listening_of(streaming_bundle))]
    assert names[-1] == "../long.wav"
    monkeypatch.chdir(folder / "suites")
    again = recordings_of(read_suite("suite.toml"), listening_of(streaming_bundle))
    assert [recording.name for recording in again] == names


def test_columns_of_a_truth_file_may_be_tags(folder: Path, streaming_bundle: Bundle) -> None:
    (folder / "truth.csv").write_text("file,label,start_s,end_s,speaker\nlong.wav,left,0.5,1,ann\n")
    suite = suite_of(folder, text=SUITE.replace("tags = {", 'tags_file = "truth.csv"\ntags = {'))
    (long,) = [r for r in recordings_of(suite, listening_of(streaming_bundle)) if r.name == "long.wav"]
    assert long.tags == {"noise": "kitchen", "distance_m": "2", "speaker": "ann"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SUITE + '[[recordings]]\npaths = ["clips/left"]', "clips/left/ann_0.wav is in two tables"),
        (SUITE.replace("{take}", "{take}x"), "does not end like tags_from_name"),
        (SUITE.replace("tags = {", 'tags_file = "tags.csv"\ntags = {'), "expected a line for long.wav"),
        (SUITE + "[[gates.slices]]\nwhere = { moon = 1 }\nmin_accuracy = 1", "tag 'moon', which no recording has"),
    ],
)
def test_recordings_that_cannot_be_told_apart_or_tagged_are_refused(
    folder: Path, streaming_bundle: Bundle, text: str, message: str
) -> None:
    (folder / "tags.csv").write_text("file,speaker\nother.wav,ann\n")
    with pytest.raises(ConfigError, match=message):
        recordings_of(suite_of(folder, text=text), listening_of(streaming_bundle))


def test_a_known_failure_that_is_no_recording_is_told(folder: Path, streaming_bundle: Bundle) -> None:
    suite = suite_of(folder, '[[known_failures]]\nrecording = "clips/lost/*"\nreason = "x"\n')
    with pytest.warns(KwsWarning, match="no recording is the known failure 'clips/lost/\\*'"):
        recordings_of(suite, listening_of(streaming_bundle))


# -- gates --------------------------------------------------------------------------------------------------------


def test_a_gate_that_nothing_measured_fails_by_name(folder: Path) -> None:
    _, result = run(folder)
    limits: dict[str, Any] = {key.name: 1 for key in gates_module.KEYS if key.kind in ("number", "whole")}
    limits |= {"words": {"elephant": {"min_accuracy": 0, "max_p95_latency_ms": 9}}}
    limits |= {"stages": {"model": {"max_cycles_per_second": 1}}}
    limits |= {"slices": [{"where": {"noise": "street"}, "max_false_reject_rate": 1}]}
    gates = Gates(limits=limits).judge(replace(result, outcomes=()))
    unmeasured = {gate.name for gate in gates if "nothing replayed could measure it" in str(gate.problem)}
    assert unmeasured == {
        "min_accuracy", "max_false_reject_rate", "max_false_accepts_per_hour", "max_median_latency_ms",
        "max_p95_latency_ms", "max_cycles_per_second", "max_ram_bytes",
        "words.elephant.min_accuracy", "words.elephant.max_p95_latency_ms",
        "stages.model.max_cycles_per_second", "slices.noise=street.max_false_reject_rate",
        "median.max_latency_growth_ms", "p95.max_latency_growth_ms", "stages.every_stage.max_cycles_growth",
    }  # fmt: skip
    assert {gate.name for gate in gates} - unmeasured == {"max_dropped_samples"}


def test_figures_of_a_word_and_of_a_slice_count_what_is_theirs(folder: Path) -> None:
    _, result = run(folder)
    everything, left = figures_of(result.outcomes), figures_of(result.outcomes, word="left")
    clips = [outcome for outcome in result.outcomes if outcome.recording.expected == "left"]
    assert left["min_accuracy"] == sum(bool(clip.correct) for clip in clips) / 2
    matchings = [outcome.matching for outcome in result.outcomes if outcome.matching is not None]
    missed = sum(window.label == "left" for matching in matchings for window in matching.misses)
    assert left["max_false_reject_rate"] == missed / 3  # two clips, one window
    assert everything["max_false_reject_rate"] == result.false_rejects.value  # type: ignore[union-attr]
    assert everything["max_false_accepts_per_hour"] == result.false_accepts.per_hour  # type: ignore[union-attr]
    ann = in_slice(result.outcomes, {"speaker": "ann"})
    assert [outcome.recording.tags["speaker"] for outcome in ann] == ["ann"] * 3
    assert in_slice(result.outcomes, {"distance_m": 2, "noise": "kitchen"}) == [result.outcomes[-1]]


def test_growth_is_held_against_the_baseline(folder: Path) -> None:
    _, result = run(folder)
    now = result.to_json()
    assert now["summary"]["latency_ms"] is not None, "something must be heard"
    before = json.loads(json.dumps(now))
    before["summary"]["latency_ms"]["p95"] -= 30.0
    gates = Gates(limits={"max_latency_growth_ms": 20}).judge(result, baseline=before)
    problems = {gate.name: gate.problem for gate in gates}
    assert problems["median.max_latency_growth_ms"] is None
    assert "expected at most 20 and got 30" in str(problems["p95.max_latency_growth_ms"])


# -- the verdict --------------------------------------------------------------------------------------------------


def wrong_of(result: ReplayResult) -> list[str]:
    return [outcome.recording.name for outcome in result.outcomes if outcome.is_wrong]


def test_every_mistake_fails_where_none_is_allowed_but_for_the_known_ones(folder: Path) -> None:
    suite, result = run(folder, "[gates]\nno_mistakes = true\n")
    wrong = wrong_of(result)
    assert len(wrong) > 1, "there must be mistakes in it"
    verdict = judge_suite(suite, result)
    assert sorted(verdict.failures) == sorted(wrong)
    assert [gate.name for gate in verdict.failed_gates] == ["no_mistakes"]
    (folder / "suite.toml").write_text(
        SUITE + '[gates]\nno_mistakes = true\n[[known_failures]]\nrecording = "*"\nreason = "a random network"\n'
    )
    verdict = judge_suite(read_suite(folder / "suite.toml"), result)
    assert verdict.passed
    assert set(verdict.known) == set(wrong)
    assert not set(verdict.mended) & set(wrong)
    assert len(verdict.mended) == len(result.outcomes) - len(wrong)


@pytest.mark.parametrize("gate", ["max_dropped_samples = 0", "min_accuracy = 0", "equal_to_host = true"])
def test_no_mistake_is_allowed_where_nothing_else_judges_what_is_heard(folder: Path, gate: str) -> None:
    suite, result = run(folder, f"[gates]\n{gate}\n")
    assert wrong_of(result), "there must be mistakes in it"
    names = {failed.name for failed in judge_suite(suite, result).failed_gates}
    assert names == ({"no_mistakes"} if gate.startswith("max_dropped") else set())
    suite.baseline.write_text(json.dumps(result.to_json()))
    assert judge_suite(suite, result).passed


def test_a_known_failure_does_not_break_the_baseline(folder: Path) -> None:
    _, result = run(folder)
    baseline = json.loads(json.dumps(result.to_json()))
    wrong = next(e for e in baseline["recordings"] if e["expected"] is not None and e["predicted"] != e["expected"])
    wrong["predicted"] = wrong["expected"]
    verdict = judge(result, Gates(limits={}), baseline=baseline)
    assert list(verdict.failures) == [wrong["name"]]
    assert [gate.name for gate in verdict.failed_gates] == ["baseline"]
    excused = judge(result, Gates(limits={}), baseline=baseline, reason_for=lambda name: "why")
    assert excused.passed
    assert not excused.failures


def test_a_baseline_that_the_suite_names_must_be_there(folder: Path) -> None:
    lenient = "[gates]\nno_mistakes = false\n"
    suite, result = run(folder, lenient)
    assert judge_suite(suite, result).passed
    (folder / "suite.toml").write_text('baseline = "accepted.json"\n' + SUITE + lenient)
    (failed,) = judge_suite(read_suite(folder / "suite.toml"), result).failed_gates
    assert failed.name == "baseline"
    assert "kws suite accept" in str(failed.problem)


def test_junit_tells_known_failures_with_their_reason_tags_and_scores(folder: Path) -> None:
    suite, result = run(folder, '[[known_failures]]\nrecording = "*"\nreason = "a random network"\n')
    root = ElementTree.fromstring(junit_xml(judge_suite(suite, result)))
    skipped = {
        case.get("name"): case.find("skipped") for case in root.findall("testcase") if case.find("skipped") is not None
    }
    assert set(skipped) == set(wrong_of(result))
    assert all(
        element is not None and "a random network" in str(element.get("message")) for element in skipped.values()
    )
    assert root.get("failures") == "0"
    case = next(case for case in root.findall("testcase") if case.get("name") == "clips/left/ann_0.wav")
    assert ("speaker", "ann") in [(p.get("name"), p.get("value")) for p in case.findall("properties/property")]
    assert "highest scores: silence " in case.findtext("system-out", "")


def test_the_summary_is_markdown_that_names_cannot_break(folder: Path) -> None:
    suite, result = run(folder, "[gates]\nno_mistakes = true\n")
    outcome = next(outcome for outcome in result.outcomes if outcome.is_wrong)
    hostile = replace(outcome, recording=replace(outcome.recording, name="a|b <img> `c`*_[x](y)"))
    text = verdict_markdown(judge_suite(suite, replace(result, outcomes=(hostile,))), "night")
    assert text.startswith("## ❌ night\n")
    assert "| no\\_mistakes | expected every recording heard right and got 1 that are not |" in text
    row = next(line for line in text.splitlines() if line.startswith("| a\\|b"))
    assert "a\\|b &lt;img> \\`c\\`\\*\\_\\[x\\](y)" in row
    assert row.replace("\\|", "").count("|") == 3
    many = replace(result, outcomes=(outcome,) * 50)
    assert "... and 30 more" in verdict_markdown(judge_suite(suite, many), "night")


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
    assert one.pop("costs") != other.pop("costs")
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


# -- pools --------------------------------------------------------------------------------------------------------


def test_a_pool_is_read_with_so_many_of_a_kind(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(
        '[[boards]]\nboard = "native"\ncount = 2\n[[boards]]\nname = "desk"\nboard = "/dev/ttyACM7"\n'
        'flash = "nano33ble_sense"\n[[boards]]\nlabgrid = "env.yaml"\n'
    )
    places = read_pool(tmp_path / "b.toml")
    assert [place.name for place in places] == ["native-1", "native-2", "desk", "labgrid:main"]
    assert [place.is_program for place in places] == [True, True, False, False]
    assert places[2].flash == "nano33ble_sense"
    assert places[3].labgrid == tmp_path / "env.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[boards]]\nboard = "native"\n[[boards]]\nboard = "native"\n', "two boards are named 'native'"),
        ('[[boards]]\nboard = "/dev/ttyACM0"\ncount = 2\n', "a port has one board"),
        ("[[boards]]\ncount = 2\n", "expected board, or labgrid"),
        ("", "'boards' .* is missing"),
    ],
)
def test_a_wrong_pool_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "b.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_pool(tmp_path / "b.toml")


def test_several_of_one_port_are_refused(folder: Path) -> None:
    suite = suite_of(folder).on(board="/dev/ttyACM0")
    with pytest.raises(ConfigError, match="--jobs 2: /dev/ttyACM0 is one board"):
        run_suite(suite, RunOptions(log=folder / "log.jsonl", jobs=2))
