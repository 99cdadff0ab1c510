# SPDX-License-Identifier: Apache-2.0
"""Replaying and judging: what goes to the board, which decision is a clip's verdict, and what is compared."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from random_bundles import random_bundle, speech_like
from rich.console import Console

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.errors import AudioError, BoardLostError, BoardTimeoutError, ConfigError, EvaluationError
from kws.evaluation.clips import evaluate_clips
from kws.evaluation.listening import Listening, listening_of
from kws.evaluation.recordings import Recording
from kws.evaluation.truth import Truth, Window
from kws.evaluation.truth_files import write_truth
from kws.gate import GateConfig
from kws.harness.baseline import compare, mcnemar, read_baseline
from kws.harness.entry import entry_of, outcome_of
from kws.harness.listener import Heard, HostListener, Identity
from kws.harness.mistakes import mistakes
from kws.harness.replay import Outcome, clip_decision, replay, same_bits, surround
from kws.harness.result import BundleIdentity, ReplayResult
from kws.harness.run import ReplayRequest, run_replay
from kws.harness.verdict import Gate, Verdict
from kws.pipeline import Detection, Pipeline, Scores
from kws.report.junit import junit_xml
from kws.report.terminal import column_heads, print_replay
from kws.suite.gates import Gates
from kws.suite.judge import judge

LISTENING = Listening(
    labels=("silence", "unknown", "left", "right"),
    keywords=("left", "right"),
    thresholds=(0, 0, 128, 128),
    sample_rate_hz=16000,
    hop_samples=320,
    window_samples=15840,
    decision_samples=640,
    refractory_frames=50,
)


class Scripted:
    """A board that says what it was told to say."""

    identity = Identity(board="scripted", name="scripted", clock_hz=None)
    stages = ()
    dropped_samples = 0

    def __init__(self, events: tuple[Detection, ...] = (), best: int = 0) -> None:
        self.events, self.best = events, best

    def hear(self, samples: np.ndarray) -> Heard:
        count = max(0, (samples.size - 15840) // 640 + 1)
        posteriors = np.zeros((count, 4), np.uint8)
        posteriors[:, self.best] = 200
        scores = Scores(
            sample_index=np.arange(count, dtype=np.uint64) * 640 + 15840,
            frame_index=np.arange(count, dtype=np.uint32) * 2 + 48,
            posteriors=posteriors,
            smoothed=posteriors,
        )
        return Heard(events=self.events, scores=scores, frames=None, wall_s=0.01, num_frames=2 * count, gated_frames=0)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for word in ("left", "right", "cat"):
        (tmp_path / "clips" / word).mkdir(parents=True)
        for index in range(2):
            write_wav(tmp_path / "clips" / word / f"{index}.wav", speech_like(1.0, seed=len(word) + index))
    return tmp_path / "clips"


@pytest.fixture
def bundle_path(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    streaming_bundle.save(tmp_path / "random.kws")
    return tmp_path / "random.kws"


@pytest.fixture
def result(clips: Path, bundle_path: Path) -> ReplayResult:
    return run_replay(ReplayRequest(paths=(clips,), bundle=bundle_path, verify=True))


def clip_of(tmp_path: Path, seconds: float, expected: str | None) -> Recording:
    write_wav(tmp_path / "clip.wav", speech_like(seconds))
    return Recording(path=tmp_path / "clip.wav", name="clip.wav", expected=expected)


def event(sample_index: int, label: str = "left") -> Detection:
    labels = LISTENING.labels
    return Detection(label=label, label_index=labels.index(label), sample_index=sample_index, score=200)


def test_a_clip_has_a_whole_window_of_silence_before_and_a_second_after(tmp_path: Path) -> None:
    recording = clip_of(tmp_path, 1.0, "left")
    samples = recording.load(16000)
    streamed = surround(recording, samples, LISTENING)
    assert streamed.start_sample == 16000  # 15840 rounded up to whole decisions of 640
    assert not streamed.samples[:16000].any()
    assert np.array_equal(streamed.samples[16000:32000], samples)
    assert streamed.samples.size == 48000


def test_a_recording_without_expectation_has_the_silence_of_a_clip(tmp_path: Path) -> None:
    clip, unlabelled = clip_of(tmp_path, 1.0, "left"), clip_of(tmp_path, 1.0, None)
    samples = clip.load(16000)
    assert np.array_equal(surround(unlabelled, samples, LISTENING).samples, surround(clip, samples, LISTENING).samples)


def test_a_stream_without_a_word_is_streamed_as_it_is(tmp_path: Path) -> None:
    recording = replace(clip_of(tmp_path, 1.0, None), windows=())
    assert np.array_equal(surround(recording, recording.load(16000), LISTENING).samples, recording.load(16000))


def test_a_clips_verdict_is_the_last_decision_that_lies_in_it(tmp_path: Path) -> None:
    recording = clip_of(tmp_path, 1.0, "left")
    streamed = surround(recording, recording.load(16000), LISTENING)
    scores = Scripted().hear(streamed.samples).scores
    row = clip_decision(scores, streamed, LISTENING)
    assert row is not None
    assert scores.sample_index[row] == 16000 + 15840


def test_a_short_clip_is_judged_by_the_window_that_begins_with_it(tmp_path: Path) -> None:
    recording = clip_of(tmp_path, 0.4, "left")
    streamed = surround(recording, recording.load(16000), LISTENING)
    scores = Scripted().hear(streamed.samples).scores
    row = clip_decision(scores, streamed, LISTENING)
    assert row is not None
    assert scores.sample_index[row] == 16000 + 15840


@pytest.mark.parametrize("streaming", [True, False])
def test_verdicts_are_those_of_clip_evaluation_bit_for_bit(
    clips: Path, streaming: bool, streaming_bundle: Bundle, window_bundle: Bundle
) -> None:
    bundle = streaming_bundle if streaming else window_bundle
    listening = listening_of(bundle)
    listener = HostListener(bundle, None)
    for path in sorted(clips.glob("*/*.wav")):
        recording = Recording(path=path, name=path.name, expected="left")
        samples = recording.load(16000)
        streamed = surround(recording, samples, listening)
        scores = listener.hear(streamed.samples).scores
        row = clip_decision(scores, streamed, listening)
        expected = evaluate_clips(bundle, samples[np.newaxis], [2]).posteriors[0]
        assert row is not None
        assert np.array_equal(scores.posteriors[row], expected)


@pytest.mark.parametrize(
    ("expected", "events", "verdict"),
    [
        ("left", (), "silence"),
        ("left", ("right",), "right"),
        ("unknown", (), "unknown"),
        ("unknown", ("left",), "left"),
    ],
)
def test_a_long_clip_is_judged_by_its_first_event(
    tmp_path: Path, expected: str, events: tuple[str, ...], verdict: str
) -> None:
    recording = clip_of(tmp_path, 3.0, expected)
    heard = tuple(event(40000, label) for label in events)
    (outcome,) = replay(Scripted(heard), [recording], LISTENING)
    assert outcome.predicted == verdict
    assert outcome.correct is (verdict == expected)


def test_an_event_in_a_clip_without_keyword_is_a_false_alarm(tmp_path: Path) -> None:
    (outcome,) = replay(Scripted((event(30000),), best=1), [clip_of(tmp_path, 1.0, "unknown")], LISTENING)
    assert outcome.correct
    assert outcome.matching is not None
    assert len(outcome.matching.false_accepts) == 1


def test_one_different_bit_is_seen() -> None:
    heard = Scripted((event(20000),)).hear(np.zeros(48000, np.int16))
    scores = replace(heard.scores, smoothed=heard.scores.smoothed.copy())
    scores.smoothed[7, 3] ^= 1
    assert same_bits(heard, replace(heard, wall_s=9.0))
    assert not same_bits(heard, replace(heard, scores=scores))
    assert not same_bits(heard, replace(heard, events=()))
    assert not same_bits(heard, replace(heard, gated_frames=1))
    assert not same_bits(
        replace(heard, frames=np.zeros((3, 4), np.int8)), replace(heard, frames=np.ones((3, 4), np.int8))
    )


def test_a_replay_to_the_host_equals_the_host(result: ReplayResult) -> None:
    assert result.equality is not None
    assert (result.equality.count, result.equality.total) == (6, 6)
    assert result.accuracy is not None
    assert result.accuracy.total == 6
    assert int(result.confusion.sum()) == 6
    assert result.dropped_samples == 0


def test_a_missing_operating_point_is_refused(clips: Path, bundle_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected 0 to 1"):
        run_replay(ReplayRequest(paths=(clips,), bundle=bundle_path, operating_point=5))


def test_a_broken_recording_is_named(clips: Path, bundle_path: Path) -> None:
    (clips / "left" / "broken.wav").write_bytes(b"RIFF but nothing else")
    with pytest.raises(AudioError, match=r"broken\.wav"):
        run_replay(ReplayRequest(paths=(clips,), bundle=bundle_path))


def test_a_replay_tells_how_long_the_gate_was_closed(tmp_path: Path) -> None:
    bundle = random_bundle(seed=1, gate=GateConfig(hangover_frames=0))
    bundle.save(tmp_path / "gated.kws")
    audio = speech_like(4.0, seed=2, silence=(1.0, 3.5))
    write_wav(tmp_path / "long.wav", audio)
    pipeline = Pipeline(bundle)
    unlabelled = Recording(path=tmp_path / "long.wav", name="long.wav")
    streamed = surround(unlabelled, audio, listening_of(bundle)).samples
    pipeline.feed(streamed)
    replayed = run_replay(ReplayRequest(paths=(tmp_path / "long.wav",), bundle=tmp_path / "gated.kws"))
    assert replayed.asleep == pipeline.gated_frames / ((streamed.size - 480) // 320 + 1) > 0.2
    assert replayed.summary()["asleep"] == round(replayed.asleep, 4)
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_replay(replayed, console)
    assert f"{replayed.asleep:.0%} of the time" in console.export_text()


def test_streams_are_judged_by_their_truth(tmp_path: Path, bundle_path: Path) -> None:
    audio = speech_like(4.0, seed=2)
    write_wav(tmp_path / "long.wav", audio)
    windows = (Window(label="left", start_sample=8000, end_sample=16000),)
    write_truth(tmp_path / "t.json", {"long.wav": Truth(num_samples=audio.size, windows=windows)})
    request = ReplayRequest(paths=(tmp_path / "long.wav",), bundle=bundle_path, truth=tmp_path / "t.json")
    replayed = run_replay(request)
    assert replayed.false_rejects is not None
    assert replayed.false_accepts is not None
    assert replayed.false_accepts.hours == pytest.approx((audio.size - 24000) / 16000 / 3600)
    assert replayed.accuracy is None


def test_json_is_the_same_for_the_same_replay_but_for_timing(
    result: ReplayResult, clips: Path, bundle_path: Path
) -> None:
    again = run_replay(ReplayRequest(paths=(clips,), bundle=bundle_path, verify=True))
    first, second = result.to_json(), again.to_json()
    first.pop("costs"), second.pop("costs")
    assert json.dumps(first) == json.dumps(second)


def test_an_outcome_read_from_its_entry_has_every_figure_again(result: ReplayResult) -> None:
    def read(outcome: Outcome) -> Outcome:
        entry = json.loads(json.dumps(entry_of(outcome, result.listening)))
        return outcome_of(entry, outcome.recording, result.listening, wall_s=outcome.heard.wall_s)

    again = replace(result, outcomes=tuple(map(read, result.outcomes)))
    assert again.to_json() == result.to_json()
    assert again.spotting == result.spotting
    assert [outcome.is_wrong for outcome in again.outcomes] == [outcome.is_wrong for outcome in result.outcomes]
    assert mistakes(again) == mistakes(result)


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
    board = Scripted(events=heard, best=best)
    return ReplayResult(
        identity=board.identity,
        bundle=BundleIdentity(name="a.kws", crc32=0, operating_point="0"),
        listening=LISTENING,
        outcomes=tuple(replay(board, [Recording(path=path, name="long.wav", windows=windows)], LISTENING)),
        stages=(),
        dropped_samples=0,
        num_planned=1,
    )


def test_a_lost_word_does_not_hide_behind_another_one_found(tmp_path: Path) -> None:
    before, now = heard_words(tmp_path, event(20000, "left")), heard_words(tmp_path, event(84000, "right"))
    comparison = compare(now, json.loads(json.dumps(before.to_json())))
    assert [(change.what, change.worse) for change in comparison.changes] == [
        ('long.wav, "left" at 1.00 s', True),
        ('long.wav, "right" at 5.00 s', False),
    ]
    assert (comparison.lost, comparison.gained, comparison.p_value) == (1, 1, 1.0)


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


def test_a_board_lost_on_the_way_leaves_what_was_measured(
    clips: Path, bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    whole = HostListener.hear

    def hear_three(self: HostListener, samples: np.ndarray) -> Heard:
        if len(heard) == 3:
            raise BoardTimeoutError("the board fell silent")
        heard.append(samples.size)
        return whole(self, samples)

    monkeypatch.setattr(HostListener, "hear", hear_three)
    with pytest.raises(BoardLostError, match=r"fell silent; 3 of 6 recordings were replayed") as caught:
        run_replay(ReplayRequest(paths=(clips,), bundle=bundle_path))
    partial = caught.value.partial
    assert isinstance(partial, ReplayResult)
    assert len(partial.outcomes) == 3
    assert partial.to_json()["complete"] is False


def test_what_is_no_baseline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(EvaluationError, match="expected a replay of format"):
        read_baseline(tmp_path / "x.json")


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


def test_junit_fails_the_recording_that_got_worse(result: ReplayResult) -> None:
    baseline = json.loads(json.dumps(result.to_json()))
    wrong = next(entry for entry in baseline["recordings"] if entry["predicted"] != entry["expected"])
    wrong["predicted"] = wrong["expected"]
    suite = ElementTree.fromstring(junit_xml(judge(result, Gates(limits={}), baseline=baseline)))
    failed = [case.get("name") for case in suite.findall("testcase") if case.find("failure") is not None]
    assert failed == ["baseline", wrong["name"]]


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
    (outcome,) = replay(board, [recording], LISTENING)
    replayed = ReplayResult(
        identity=board.identity,
        bundle=BundleIdentity(name="a.kws", crc32=0, operating_point="0"),
        listening=LISTENING,
        outcomes=(outcome,),
        stages=(),
        dropped_samples=0,
        num_planned=1,
    )
    assert mistakes(replayed) == [
        "long.wav: missed left at 1.00 s",
        "long.wav: false accept of right at 7.50 s",
        "long.wav: wrong word right at 1.25 s",
    ]
