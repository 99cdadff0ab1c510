"""Clip accuracy, the folder rules of Speech Commands, and whole evaluations of small folders."""

import json
from pathlib import Path

import numpy as np
import pytest
from random_bundles import speech_like

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.errors import ConfigError, EvaluationError
from kws.evaluation.clips import ClipScore, evaluate_clips, fit_clip, label_of_word, silence_clips
from kws.evaluation.recordings import find_recordings
from kws.evaluation.request import EvaluationRequest, evaluate_request
from kws.evaluation.truth import Truth, Window, write_truth
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


@pytest.mark.parametrize(
    ("word", "label"), [("left", "left"), ("cat", "unknown"), ("_background_noise_", "silence"), ("silence", "silence")]
)
def test_folders_map_to_labels_as_in_speech_commands(word: str, label: str) -> None:
    assert label_of_word(word, LABELS) == label


def test_a_word_that_a_bundle_without_unknown_cannot_judge_has_no_label() -> None:
    assert label_of_word("cat", ("left", "right")) is None


def test_silence_is_cut_from_noise_the_same_way_every_time() -> None:
    noise = [speech_like(3.0, seed=1), speech_like(2.0, seed=2)]
    first, again = silence_clips(noise, 5, 16000), silence_clips(noise, 5, 16000)
    assert first.shape == (5, 16000)
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int)).max() <= max(np.abs(part.astype(int)).max() for part in noise)


def test_labels_come_from_the_folder_that_holds_the_file(tmp_path: Path) -> None:
    root = make_folder(tmp_path)
    labels = {r.name: r.expected for r in find_recordings([root], LABELS)}
    assert labels["left/left_0.wav"] == "left"
    assert labels["cat/cat_0.wav"] == "unknown"
    assert labels["_background_noise_/_background_noise__0.wav"] == "silence"


def test_a_folder_that_is_not_laid_out_by_word_has_no_labels(tmp_path: Path) -> None:
    (tmp_path / "monday").mkdir()
    write_wav(tmp_path / "monday" / "kitchen.wav", speech_like(1.0))
    assert [r.expected for r in find_recordings([tmp_path], LABELS)] == [None]


def test_labels_may_come_from_a_csv(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", speech_like(1.0))
    (tmp_path / "labels.csv").write_text("file,label\na.wav,cat\n")
    (recording,) = find_recordings([tmp_path / "a.wav"], LABELS, truth=tmp_path / "labels.csv")
    assert recording.expected == "unknown"


def test_a_clip_missing_from_the_csv_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", speech_like(1.0))
    (tmp_path / "labels.csv").write_text("file,label\nb.wav,cat\n")
    with pytest.raises(EvaluationError, match="not named in"):
        find_recordings([tmp_path / "a.wav"], LABELS, truth=tmp_path / "labels.csv")


def test_evaluating_a_folder_adds_7_percent_of_silence(tmp_path: Path, streaming_bundle: Bundle) -> None:
    for index in range(30):
        (tmp_path / "left").mkdir(exist_ok=True)
        write_wav(tmp_path / "left" / f"{index}.wav", speech_like(1.0, seed=index))
    make_folder(tmp_path / "more")
    evaluation = evaluate_request(streaming_bundle, EvaluationRequest(paths=(tmp_path / "left", tmp_path / "more")))
    assert evaluation.clips is not None
    assert evaluation.clips.accuracy.total == 39 + 3
    assert int((evaluation.clips.expected == 0).sum()) == 3
    assert evaluation.points == ()


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
        {"truth_label": "left"},
    ],
)
def test_options_that_contradict_each_other_are_refused(streaming_bundle: Bundle, changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        evaluate_request(streaming_bundle, EvaluationRequest(paths=(Path("x"),), **changes))  # type: ignore[arg-type]
