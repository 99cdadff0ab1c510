# SPDX-License-Identifier: Apache-2.0
"""Clip accuracy, the folder rules of Speech Commands, and whole evaluations of small folders."""

import json
from pathlib import Path

import numpy as np
import pytest
from random_bundles import speech_like

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.errors import ConfigError, KwsWarning
from kws.evaluation.clips import ClipScore, evaluate_clips, fit_clip, silence_clips
from kws.evaluation.request import EvaluationRequest, evaluate_request
from kws.evaluation.truth import Truth, Window
from kws.evaluation.truth_files import write_truth
from kws.pipeline import Pipeline
from kws.report.evaluation_page import evaluation_page

LABELS = ("silence", "unknown", "left", "right")


def make_folder(root: Path) -> Path:
    for word in ("left", "right", "cat", "_background_noise_"):
        (root / word).mkdir(parents=True)
        for index in range(3):
            seed = sum(map(ord, word)) + index
            seconds = 4.0 if word.startswith("_") else 1.0
            write_wav(root / word / f"{word}_{index}.wav", speech_like(seconds, seed=seed))
    return root


def test_accuracy_and_confusion_by_hand() -> None:
    posteriors = np.array([[200, 10, 20, 26], [0, 0, 255, 0], [0, 120, 120, 15], [9, 0, 0, 246]], np.uint8)
    score = ClipScore(labels=LABELS, expected=np.array([0, 2, 2, 2]), posteriors=posteriors)
    assert score.predicted.tolist() == [0, 2, 1, 3]  # a tie goes to the lower index
    assert (score.accuracy.count, score.accuracy.total) == (2, 4)
    assert score.confusion.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]]


def test_a_clip_is_judged_by_the_decision_the_pipeline_makes_at_its_end(streaming_bundle: Bundle) -> None:
    clips = np.stack([speech_like(1.0, seed=seed) for seed in range(4)])
    score = evaluate_clips(streaming_bundle, clips, [2, 2, 3, 3])
    for clip, posteriors in zip(clips, score.posteriors, strict=True):
        pipeline = Pipeline(streaming_bundle)
        pipeline.feed(clip)
        assert np.array_equal(pipeline.scores.posteriors[-1], posteriors)


def test_clips_without_a_label_each_are_refused(streaming_bundle: Bundle) -> None:
    with pytest.raises(ValueError, match="a label each"):
        evaluate_clips(streaming_bundle, np.zeros((2, 16000), np.int16), [1])


def test_short_clips_are_padded_at_the_end_and_long_ones_cut() -> None:
    assert fit_clip(np.array([1, 2], np.int16), 4).tolist() == [1, 2, 0, 0]
    assert fit_clip(np.array([1, 2, 3], np.int16), 2).tolist() == [1, 2]


def test_silence_is_cut_from_noise_the_same_way_every_time() -> None:
    noise = [speech_like(3.0, seed=1), speech_like(2.0, seed=2)]
    first, again = silence_clips(noise, 5, 16000), silence_clips(noise, 5, 16000)
    assert first.shape == (5, 16000)
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int)).max() <= max(np.abs(part.astype(int)).max() for part in noise)


def test_evaluating_a_split_adds_7_percent_of_silence_and_says_so(tmp_path: Path, streaming_bundle: Bundle) -> None:
    root = make_folder(tmp_path)
    for index in range(400):
        write_wav(root / "left" / f"{index}_nohash_0.wav", speech_like(1.0, seed=index % 7))
    request = EvaluationRequest(paths=(root,), split="validation")
    with pytest.warns(KwsWarning, match="clips cut from 3 noise recordings"):
        evaluation = evaluate_request(streaming_bundle, request)
    assert evaluation.clips is not None
    silence = int((evaluation.clips.expected == 0).sum())
    spoken = evaluation.clips.accuracy.total - silence
    assert silence == round(spoken * 0.07 / 0.93) > 0


def test_clips_of_silence_are_judged_as_they_are_and_long_noise_is_negative_audio(
    tmp_path: Path, streaming_bundle: Bundle
) -> None:
    root = make_folder(tmp_path)
    (root / "_silence_").mkdir()
    clips = [speech_like(1.0, seed=40 + index) // 8 for index in range(3)]
    for index, clip in enumerate(clips):
        write_wav(root / "_silence_" / f"{index}.wav", clip)
    with pytest.warns(KwsWarning, match="took '_silence_' for 'silence'"):
        evaluation = evaluate_request(streaming_bundle, EvaluationRequest(paths=(root,)))
    assert evaluation.clips is not None
    assert evaluation.clips.accuracy.total == 12
    silent = evaluation.clips.posteriors[evaluation.clips.expected == 0]
    assert np.array_equal(silent, evaluate_clips(streaming_bundle, np.stack(clips), [0, 0, 0]).posteriors)
    assert [m.truth.num_samples for m in evaluation.points[0].score.matchings] == [64000, 64000, 64000]


def test_clips_mixed_into_noise_are_judged_as_a_stream(tmp_path: Path, streaming_bundle: Bundle) -> None:
    root = make_folder(tmp_path)
    noise = root / "_background_noise_" / "_background_noise__0.wav"
    request = EvaluationRequest(paths=(root / "left", root / "right"), mix=noise, negatives=(noise,))
    evaluation = evaluate_request(streaming_bundle, request)
    assert len(evaluation.points) == 2
    assert evaluation.points[0].score.num_keywords == 6
    assert len(evaluation.points[0].score.matchings) == 2  # the mixture, and the negative audio
    assert len(evaluation.curve) == 255
    content = json.loads(json.dumps(evaluation.to_json()))
    assert content["operating_points"][1]["promised_false_accepts_per_hour"] == 0.5
    page = evaluation_page(evaluation, request.describe())
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_streams_with_a_truth_file_are_judged_by_it(tmp_path: Path, streaming_bundle: Bundle) -> None:
    audio = speech_like(5.0, seed=8)
    write_wav(tmp_path / "a.wav", audio)
    windows = (Window(label="left", start_sample=16000, end_sample=24000),)
    write_truth(tmp_path / "t.json", {"a.wav": Truth(num_samples=audio.size, windows=windows)})
    request = EvaluationRequest(paths=(tmp_path / "a.wav",), truth=tmp_path / "t.json")
    score = evaluate_request(streaming_bundle, request).points[0].score
    assert score.num_keywords == 1
    assert score.matchings[0].truth.num_samples == audio.size


@pytest.mark.parametrize(
    "changes",
    [
        {"truth": Path("t.json"), "mix": Path("n.wav")},
        {"truth": Path("t.json"), "split": "testing"},
        {"split": "dev"},
        {"snr_db": 5.0},
        {"seed": 5},
        {"seed": -1, "mix": Path("n.wav")},
        {"truth_label": "left"},
        {"other_words": True},
    ],
)
def test_options_that_contradict_each_other_are_refused(streaming_bundle: Bundle, changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        evaluate_request(streaming_bundle, EvaluationRequest(paths=(Path("x"),), **changes))  # type: ignore[arg-type]
