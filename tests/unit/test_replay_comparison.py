# SPDX-License-Identifier: Apache-2.0
"""A replay held against its baseline: what got worse, what moved, what else differs."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from random_bundles import speech_like
from replay_fixtures import LISTENING, Scripted, event, result_of

from kws.audio import write_wav
from kws.errors import EvaluationError
from kws.evaluation.recordings import Recording
from kws.evaluation.truth import Window
from kws.harness.baseline import compare, mcnemar, read_baseline
from kws.harness.replay import replay
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay
from kws.pipeline import Detection
from kws.report.junit import junit_xml
from kws.suite.gates import Gates
from kws.suite.judge import judge


def test_a_recording_that_is_not_the_same_any_more_is_said(result: ReplayResult) -> None:
    baseline = json.loads(json.dumps(result.to_json()))
    first = baseline["recordings"][0]
    first["audio_crc32"] = "12345678"
    (change,) = compare(result, baseline).changes
    assert (change.recording, change.worse) == (first["name"], False)
    assert change.what == f"{first['name']}, the recording itself"
    assert "12345678" in change.before


def test_the_same_replay_has_no_change_from_its_baseline(result: ReplayResult, tmp_path: Path) -> None:
    result.write_json(tmp_path / "base.json")
    comparison = compare(result, read_baseline(tmp_path / "base.json"))
    assert comparison.identical
    assert comparison.headline.startswith("identical")
    assert comparison.context == comparison.changes == ()


def test_a_recording_that_got_worse_and_one_that_is_missing_are_named(result: ReplayResult) -> None:
    baseline = json.loads(json.dumps(result.to_json()))
    wrong = next(entry for entry in baseline["recordings"] if entry["predicted"] != entry["expected"])
    wrong["predicted"] = wrong["expected"]
    baseline["recordings"].append({**wrong, "name": "left/gone.wav"})
    comparison = compare(result, baseline)
    now = next(e for e in result.to_json()["recordings"] if e["name"] == wrong["name"])
    assert {(change.what, change.now) for change in comparison.worse} >= {
        (wrong["name"], f"{now['predicted']} (is {now['expected']})"),
        ("left/gone.wav", "missing"),
    }
    assert (comparison.lost, comparison.gained) == (1, 0)


def heard_words(tmp_path: Path, *heard: Detection, best: int = 0) -> ReplayResult:
    """A stream with "left" at 1 s and "right" at 5 s, and what a board said of it."""
    path = tmp_path / "long.wav"
    if not path.exists():
        write_wav(path, speech_like(10.0))
    windows = (
        Window(label="left", start_sample=16000, end_sample=24000),
        Window(label="right", start_sample=80000, end_sample=88000),
    )
    recording = Recording(path=path, name="long.wav", windows=windows)
    return result_of(*replay(Scripted(events=heard, best=best), [recording], LISTENING))


def test_a_lost_word_does_not_hide_behind_another_one_found(tmp_path: Path) -> None:
    before, now = heard_words(tmp_path, event(20000, "left")), heard_words(tmp_path, event(84000, "right"))
    comparison = compare(now, json.loads(json.dumps(before.to_json())))
    assert [(change.what, change.worse) for change in comparison.changes] == [
        ('long.wav, "left" at 1.00 s', True),
        ('long.wav, "right" at 5.00 s', False),
    ]
    assert (comparison.lost, comparison.gained, comparison.p_value) == (1, 1, 1.0)


def heard_lefts(tmp_path: Path, *words: tuple[float, bool]) -> ReplayResult:
    """A stream with "left" of half a second at some moments, each heard or not."""
    path = tmp_path / "long.wav"
    if not path.exists():
        write_wav(path, speech_like(10.0))
    starts = [round(at_s * 16000) for at_s, _ in words]
    windows = tuple(Window(label="left", start_sample=start, end_sample=start + 8000) for start in starts)
    heard = tuple(event(start + 9000) for start, (_, is_heard) in zip(starts, words, strict=True) if is_heard)
    recording = Recording(path=path, name="long.wav", windows=windows)
    return result_of(*replay(Scripted(events=heard), [recording], LISTENING))


def test_a_lost_word_does_not_hide_behind_one_that_the_truth_had_forgotten(tmp_path: Path) -> None:
    before = heard_lefts(tmp_path, (1.0, True), (5.0, True))
    now = heard_lefts(tmp_path, (1.0, True), (3.0, True), (5.0, False))
    comparison = compare(now, json.loads(json.dumps(before.to_json())))
    assert [(change.what, change.before, change.worse) for change in comparison.changes] == [
        ('long.wav, "left" at 5.00 s', "heard at 5.56 s, 200", True),
        ('long.wav, "left" at 3.00 s', "not in the truth", False),
    ]
    assert (comparison.lost, comparison.gained) == (1, 0)


def test_words_of_a_truth_that_was_moved_as_a_whole_are_the_same_words(tmp_path: Path) -> None:
    before = heard_lefts(tmp_path, (1.0, True), (5.0, True))
    now = heard_lefts(tmp_path, (3.0, False), (7.0, False))
    comparison = compare(now, json.loads(json.dumps(before.to_json())))
    assert (comparison.lost, comparison.gained) == (2, 0)
    assert [change.what for change in comparison.changes if change.worse] == [
        f'long.wav, "left" at {at:.2f} s' for at in (3.0, 7.0)
    ]


def test_a_word_keeps_its_name_when_the_truth_is_mended(tmp_path: Path) -> None:
    before = heard_lefts(tmp_path, (1.0, True), (2.0, False), (5.0, True))
    now = heard_lefts(tmp_path, (1.9, True), (5.02, True))
    comparison = compare(now, json.loads(json.dumps(before.to_json())))
    assert [(change.what, change.now, change.worse) for change in comparison.changes] == [
        ('long.wav, "left" at 1.00 s', "not in the truth", True),
        ('long.wav, "left" at 1.90 s', "heard at 2.46 s, 200", False),
    ]
    assert (comparison.lost, comparison.gained) == (0, 1)


def test_an_event_that_moved_is_no_change_of_verdict_and_not_identical(tmp_path: Path) -> None:
    before, now = heard_words(tmp_path, event(20000, "left")), heard_words(tmp_path, event(20640, "left"))
    comparison = compare(now, json.loads(json.dumps(before.to_json())))
    assert comparison.changes == ()
    assert not comparison.identical
    assert comparison.headline == "not identical to the baseline: same verdicts; 1 event moved, by up to 40 ms"


def test_scores_that_drifted_below_the_threshold_are_counted(tmp_path: Path) -> None:
    before, now = heard_words(tmp_path, best=0), heard_words(tmp_path, best=2)
    comparison = compare(now, json.loads(json.dumps(before.to_json())))
    label = LISTENING.labels[2]
    words = sum(window.label == label for window in now.outcomes[0].recording.windows or ())
    assert (comparison.num_scores, comparison.largest_drift) == (1 + words, 200)  # the word's, and the recording's peak
    assert comparison.changes == ()


def test_a_new_false_accept_is_worse_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    quiet, alarmed = heard_words(tmp_path), heard_words(tmp_path, event(140000, "left"))
    (new,) = compare(alarmed, json.loads(json.dumps(quiet.to_json()))).changes
    assert (new.what, new.before, new.now, new.worse) == ("long.wav, at 8.75 s", "nothing", '"left" (200)', True)
    (gone,) = compare(quiet, json.loads(json.dumps(alarmed.to_json()))).changes
    assert not gone.worse


def test_what_else_differs_is_at_the_head(tmp_path: Path) -> None:
    baseline = json.loads(json.dumps(heard_words(tmp_path).to_json()))
    baseline["bundle"]["crc32"], baseline["board"]["name"] = "12345678", "native"
    comparison = compare(heard_words(tmp_path), baseline)
    assert [(change.what, change.before) for change in comparison.context] == [
        ("bundle", "12345678"),
        ("board", "native"),
    ]
    assert comparison.identical


@pytest.mark.parametrize(("lost", "gained", "p"), [(0, 0, 1.0), (1, 0, 1.0), (6, 0, 0.03125), (1, 5, 0.21875)])
def test_mcnemar_by_hand(lost: int, gained: int, p: float) -> None:
    assert mcnemar(lost, gained) == p


def test_recordings_keep_their_names_when_others_come_along(clips: Path, bundle_path: Path, tmp_path: Path) -> None:
    (tmp_path / "more" / "left").mkdir(parents=True)
    write_wav(tmp_path / "more" / "left" / "0.wav", speech_like(1.0))
    alone = run_replay(ReplayRequest(paths=(clips,), bundle=bundle_path))
    both = run_replay(ReplayRequest(paths=(clips, tmp_path / "more"), bundle=bundle_path))
    names = [outcome.recording.name for outcome in both.outcomes]
    assert names == [*(outcome.recording.name for outcome in alone.outcomes), "more/left/0.wav"]
    comparison = compare(both, json.loads(json.dumps(alone.to_json())))
    assert [(change.what, change.now) for change in comparison.changes] == [("more/left/0.wav", "new")]


def test_what_is_no_baseline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(EvaluationError, match="expected a replay of format"):
        read_baseline(tmp_path / "x.json")


def test_junit_fails_the_recording_that_got_worse(result: ReplayResult) -> None:
    baseline = json.loads(json.dumps(result.to_json()))
    wrong = next(entry for entry in baseline["recordings"] if entry["predicted"] != entry["expected"])
    wrong["predicted"] = wrong["expected"]
    suite = ElementTree.fromstring(junit_xml(judge(result, Gates(limits={}), baseline=baseline)))
    failed = [case.get("name") for case in suite.findall("testcase") if case.find("failure") is not None]
    assert failed == ["baseline", wrong["name"]]
