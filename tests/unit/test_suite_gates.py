# SPDX-License-Identifier: Apache-2.0
"""What the gates of a suite measure, and the verdict they and the baseline come to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from suite_fixtures import SUITE, run, write_recordings

from kws.bundle import Bundle
from kws.errors import ConfigError
from kws.harness.result import ReplayResult
from kws.report.junit import junit_xml
from kws.report.markdown import verdict_markdown
from kws.suite import gates as gates_module
from kws.suite.gates import Gates, figures_of, in_slice
from kws.suite.judge import judge, judge_suite
from kws.suite.run import Plan
from kws.suite.suite import read_suite


@pytest.fixture
def folder(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    return write_recordings(tmp_path, streaming_bundle)


# -- gates --------------------------------------------------------------------------------------------------------


def test_a_gate_that_nothing_measured_fails_by_name(folder: Path) -> None:
    _, result = run(folder)
    limits: dict[str, Any] = {key.name: 1 for key in gates_module.KEYS if key.kind in ("number", "whole")}
    limits |= {"words": {"left": {"min_accuracy": 0, "max_p95_latency_ms": 9}}}
    limits |= {"stages": {"model": {"max_cycles_per_second": 1}}}
    limits |= {"slices": [{"where": {"noise": "street"}, "max_false_reject_rate": 1}]}
    gates = Gates(limits=limits).judge(replace(result, outcomes=()))
    unmeasured = {gate.name for gate in gates if "nothing replayed could measure it" in str(gate.problem)}
    assert unmeasured == {
        "min_accuracy", "max_false_reject_rate", "max_false_accepts_per_hour", "max_median_latency_ms",
        "max_p95_latency_ms", "max_cycles_per_second", "max_ram_bytes",
        "words.left.min_accuracy", "words.left.max_p95_latency_ms",
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


def test_a_word_of_a_gate_is_found_by_any_spelling(folder: Path) -> None:
    _, result = run(folder)
    limits = {"words": {"LEFT": {"min_accuracy": 0}, "unknown": {"min_accuracy": 0}}}
    assert [gate.name for gate in Gates(limits=limits).judge(result)] == [
        "max_dropped_samples", "words.left.min_accuracy", "words.unknown.min_accuracy"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("lefft", "gates.words.lefft: expected a word of the bundle, one of left, right, and it has no such label"),
        ("unknown", "one of left, right; 'unknown' never does .* take max_false_accepts_per_hour away"),
    ],
)
def test_a_word_that_cannot_fire_is_refused_before_anything_is_heard(folder: Path, word: str, problem: str) -> None:
    text = f"operating_point = 1\n{SUITE}\n[gates.words.{word}]\nmax_false_accepts_per_hour = 1\n"
    (folder / "suite.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=problem):
        Plan.of(read_suite(folder / "suite.toml"))


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
