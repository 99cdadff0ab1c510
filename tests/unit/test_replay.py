# SPDX-License-Identifier: Apache-2.0
"""Replaying: what goes to the board, which decision is a clip's verdict, and what a result holds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_bundles import loudness_bundle, random_bundle, speech_like
from replay_fixtures import LISTENING, Scripted, event
from rich.console import Console

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.errors import AudioError, BoardLostError, BoardTimeoutError, ConfigError
from kws.evaluation.clips import evaluate_clips
from kws.evaluation.listening import listening_of, with_silence
from kws.evaluation.recordings import Recording
from kws.evaluation.request import EvaluationRequest, evaluate_request
from kws.evaluation.truth import Truth, Window
from kws.evaluation.truth_files import write_truth
from kws.gate import GateConfig
from kws.harness.entry import entry_of, outcome_of
from kws.harness.listener import Heard, HostListener
from kws.harness.mistakes import mistakes
from kws.harness.replay import Outcome, clip_decision, replay, same_bits, surround
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay
from kws.pipeline import Pipeline
from kws.report.terminal import print_replay
from kws.spotter import load


def clip_of(tmp_path: Path, seconds: float, expected: str | None) -> Recording:
    write_wav(tmp_path / "clip.wav", speech_like(seconds))
    return Recording(path=tmp_path / "clip.wav", name="clip.wav", expected=expected)


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


@pytest.mark.parametrize("num_samples", [8000, 15840, 16479, 16480, 17424])
def test_replay_and_evaluate_judge_clips_of_any_length_by_one_decision(
    num_samples: int, streaming_bundle: Bundle
) -> None:
    listening, samples = listening_of(streaming_bundle), speech_like(2.0, seed=4)[:num_samples]
    streamed = with_silence(samples, lead_samples=listening.lead_samples, tail_samples=listening.tail_samples)
    scores = HostListener(streaming_bundle, None).hear(streamed.samples).scores
    row = clip_decision(scores, streamed, listening)
    assert row is not None
    assert np.array_equal(scores.posteriors[row], evaluate_clips(streaming_bundle, [samples], [2]).posteriors[0])


def test_clips_of_a_short_window_are_judged_by_themselves_and_not_by_silence_behind_them(tmp_path: Path) -> None:
    bundle = loudness_bundle()
    bundle.save(tmp_path / "loudness.kws")
    rng, clips = np.random.default_rng(3), tmp_path / "clips"
    loud = [rng.normal(0.0, 8000.0, 4640).clip(-32768, 32767).astype(np.int16) for _ in range(3)]
    for label, sounds in (("loud", loud), ("silence", [np.ones(4640, np.int16)] * 3)):
        (clips / label).mkdir(parents=True)
        for index, samples in enumerate(sounds):
            write_wav(clips / label / f"{index}.wav", samples)
    assert listening_of(bundle).clip_samples == listening_of(bundle).window_samples == 4640
    replayed = run_replay(ReplayRequest(paths=clips, bundle=tmp_path / "loudness.kws"))
    evaluated = evaluate_request(bundle, EvaluationRequest(paths=clips)).clips
    assert replayed.accuracy is not None
    assert evaluated is not None
    assert (replayed.accuracy.count, replayed.accuracy.total) == (6, 6)
    assert (evaluated.accuracy.count, evaluated.accuracy.total) == (6, 6)
    assert load(bundle).classify(loud[0][:4000]).label == "loud"


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
