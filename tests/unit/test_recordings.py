# SPDX-License-Identifier: Apache-2.0
"""What is expected of recordings: by folder, by truth file; and the same counts from every command."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_bundles import speech_like

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.datasets import recorder
from kws.decision import OperatingPoint, Pause
from kws.errors import ConfigError, EvaluationError, KwsWarning
from kws.evaluation.listening import Listening
from kws.evaluation.recordings import Recording, find_recordings
from kws.evaluation.request import EvaluationRequest, evaluate_request
from kws.evaluation.truth import Truth, Window
from kws.evaluation.truth_files import write_truth
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay

EARS = Listening(
    labels=("silence", "unknown", "left", "hey nova"),
    keywords=("left", "hey nova"),
    thresholds=(0, 0, 128, 128),
    sample_rate_hz=16000,
    hop_samples=320,
    window_samples=15840,
    decision_samples=640,
    refractory_frames=50,
)


def record(path: Path, seconds: float = 1.0, seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, speech_like(seconds, seed=seed))
    return path


def expected_of(recordings: list[Recording]) -> dict[str, str | None]:
    return {recording.name: recording.expected for recording in recordings}


def test_a_folder_in_any_spelling_of_its_label_holds_clips_of_it_and_it_is_told_once(tmp_path: Path) -> None:
    for folder in ("LEFT", "hey_nova", "Hey Nova", "left"):
        record(tmp_path / folder / "a.wav")
    with pytest.warns(KwsWarning, match="'LEFT' for 'left'") as told:
        found = expected_of(find_recordings([tmp_path], EARS))
    assert found == {
        "LEFT/a.wav": "left",
        "hey_nova/a.wav": "hey nova",
        "Hey Nova/a.wav": "hey nova",
        "left/a.wav": "left",
    }
    assert len(told) == 1


def test_accents_decomposed_by_a_mac_are_the_labels(tmp_path: Path) -> None:
    record(tmp_path / unicodedata.normalize("NFD", "café") / "a.wav")
    ears = replace(EARS, labels=("unknown", "café"), keywords=("café",))
    with pytest.warns(KwsWarning):
        assert [r.expected for r in find_recordings([tmp_path], ears)] == ["café"]


def test_in_a_folder_laid_out_by_word_other_words_are_unknown_and_noise_is_silence(tmp_path: Path) -> None:
    for word in ("left", "cat", "_background_noise_"):
        record(tmp_path / word / "a.wav")
    found = expected_of(find_recordings([tmp_path], EARS))
    assert found == {"left/a.wav": "left", "cat/a.wav": "unknown", "_background_noise_/a.wav": "silence"}


def test_long_noise_is_a_stream_in_which_nothing_is_said(tmp_path: Path) -> None:
    record(tmp_path / "left" / "a.wav")
    record(tmp_path / "_background_noise_" / "b.wav", seconds=3.0)
    found = {r.name: (r.expected, r.windows) for r in find_recordings([tmp_path], EARS)}
    assert found == {"left/a.wav": ("left", None), "_background_noise_/b.wav": (None, ())}


def test_a_folder_that_is_not_laid_out_by_word_has_no_labels(tmp_path: Path) -> None:
    record(tmp_path / "monday" / "kitchen.wav")
    record(tmp_path / "noise" / "street.wav", seconds=3.0)
    assert {(r.expected, r.windows) for r in find_recordings([tmp_path], EARS)} == {(None, None)}


def test_words_the_bundle_cannot_judge_are_told(tmp_path: Path) -> None:
    for word in ("left", "cat"):
        record(tmp_path / word / "a.wav")
    with pytest.warns(KwsWarning, match="no label for them"):
        found = expected_of(
            find_recordings([tmp_path], replace(EARS, labels=("left", "right"), keywords=("left", "right")))
        )
    assert found["cat/a.wav"] is None


def test_the_way_a_path_is_spelled_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path / "left" / "a.wav")
    monkeypatch.chdir(tmp_path / "left")
    for path in (Path(), Path("a.wav"), Path("../left"), tmp_path / "left", tmp_path / "left" / "a.wav"):
        assert [r.expected for r in find_recordings([path], EARS)] == ["left"]


def test_a_recording_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    record(tmp_path / "left" / "a.wav")
    record(tmp_path / "left" / "b.wav")
    with pytest.warns(KwsWarning, match="each counts once"):
        assert len(find_recordings([tmp_path, tmp_path / "left" / "a.wav", tmp_path], EARS)) == 2


def truth_of(tmp_path: Path, lines: str) -> Path:
    (tmp_path / "t.csv").write_text("file,label,start_s,end_s\n" + lines)
    return tmp_path / "t.csv"


def test_labels_of_a_truth_file_are_those_of_the_bundle(tmp_path: Path) -> None:
    record(tmp_path / "a.wav", seconds=3.0)
    truth = truth_of(tmp_path, "a.wav,Hey_Nova,0.5,1\na.wav,left,1.5,2\n")
    with pytest.warns(KwsWarning, match="'Hey_Nova' for 'hey nova'"):
        (found,) = find_recordings([tmp_path / "a.wav"], EARS, truth=truth)
    assert [window.label for window in found.windows or ()] == ["hey nova", "left"]


def test_a_word_that_the_bundle_lacks_is_refused_or_no_keyword_when_asked(tmp_path: Path) -> None:
    record(tmp_path / "a.wav", seconds=3.0)
    truth = truth_of(tmp_path, "a.wav,maybe,0.5,1\na.wav,left,1.5,2\n")
    with pytest.raises(EvaluationError, match="'maybe' and the bundle has no such label"):
        find_recordings([tmp_path / "a.wav"], EARS, truth=truth)
    with pytest.warns(KwsWarning, match="1 window of maybe"):
        (found,) = find_recordings([tmp_path / "a.wav"], EARS, truth=truth, other_words=True)
    assert [window.label for window in found.windows or ()] == ["left"]


def test_windows_of_labels_that_never_fire_are_no_missed_keywords(tmp_path: Path) -> None:
    record(tmp_path / "a.wav", seconds=3.0)
    truth = truth_of(tmp_path, "a.wav,unknown,0.5,1\na.wav,_noise_,1.5,2\n")
    with pytest.warns(KwsWarning, match="no keyword of this bundle"):
        (found,) = find_recordings([tmp_path / "a.wav"], EARS, truth=truth)
    assert found.windows == ()


def test_labels_of_clips_may_come_from_a_csv_and_any_other_word_is_unknown(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    (tmp_path / "labels.csv").write_text("file,label\na.wav,cat\n")
    (recording,) = find_recordings([tmp_path / "a.wav"], EARS, truth=tmp_path / "labels.csv")
    assert recording.expected == "unknown"


def test_a_clip_missing_from_the_csv_is_refused(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    (tmp_path / "labels.csv").write_text("file,label\nb.wav,cat\n")
    with pytest.raises(EvaluationError, match="not named in"):
        find_recordings([tmp_path / "a.wav"], EARS, truth=tmp_path / "labels.csv")


@pytest.mark.parametrize("options", [{"truth_label": "left"}, {"other_words": True}])
def test_options_about_a_truth_file_need_one(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="add --truth"):
        find_recordings([record(tmp_path / "a.wav")], EARS, **options)  # type: ignore[arg-type]


def test_the_manifest_of_recorded_takes_is_their_truth_file(tmp_path: Path) -> None:
    word = np.concatenate([np.zeros(8000, np.int16), speech_like(0.6, seed=3), np.zeros(8000, np.int16)])
    for phrase in ("hey nova", "left"):
        for _ in range(2):
            recorder.keep(recorder.judge(word), folder=tmp_path, label=phrase, speaker="me")
    by_manifest = find_recordings([tmp_path], EARS, truth=tmp_path / "manifest.csv")
    with pytest.warns(KwsWarning, match="'hey_nova' for 'hey nova'"):
        by_folder = find_recordings([tmp_path], EARS)
    assert by_manifest == by_folder
    assert sorted(str(recording.expected) for recording in by_folder) == ["hey nova", "hey nova", "left", "left"]


# -- the same files give the same counts ------------------------------------------------------------------------


@pytest.fixture
def bundle_path(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    streaming_bundle.save(tmp_path / "random.kws")
    return tmp_path / "random.kws"


def clips_of(tmp_path: Path, spellings: dict[str, str]) -> Path:
    """One folder of clips short and long, of silence, of other words, and long noise, under other names."""
    root = tmp_path / "-".join(spellings.values())
    for word, folder in spellings.items():
        for index in range(4):
            seconds = {"_background_noise_": 3.0}.get(word, 1.0 if index % 2 else 2.5 if index else 0.6)
            record(root / folder / f"{index}.wav", seconds=seconds, seed=sum(map(ord, word)) + index)
    return root


PLAIN = {word: word for word in ("left", "right", "cat", "_silence_", "_background_noise_")}
RESPELLED = dict(zip(PLAIN, ("Left", "RIGHT", "cat", "Silence", "background-noise"), strict=True))


def counts(result: ReplayResult) -> dict[str, object]:
    rate = result.false_accepts
    return {
        "clips": result.confusion.sum(axis=1).tolist(),
        "long": [o.predicted for o in result.clips if o.num_samples > 20000],
        "false_accepts": None if rate is None else (rate.count, rate.hours),
    }


@pytest.mark.filterwarnings("ignore::kws.errors.KwsWarning")
def test_evaluate_and_replay_count_the_same_clips_and_the_same_negative_audio(
    tmp_path: Path, bundle_path: Path
) -> None:
    seen = []
    for spellings in (PLAIN, RESPELLED):
        root = clips_of(tmp_path, spellings)
        replayed = run_replay(ReplayRequest(paths=(root,), bundle=bundle_path))
        evaluated = evaluate_request(Bundle.load(bundle_path), EvaluationRequest(paths=(root,)))
        assert evaluated.clips is not None
        default = Bundle.load(bundle_path).decision.default_operating_point
        negative = evaluated.points[default].score.false_accepts
        long = evaluated.clips.predicted[-evaluated.clips.num_by_event :]
        seen.append(counts(replayed))
        assert seen[-1] == {
            "clips": evaluated.clips.confusion.sum(axis=1).tolist(),
            "long": [evaluated.clips.labels[index] for index in long],
            "false_accepts": (negative.count, negative.hours),
        }
    assert seen[0]["clips"] == [3, 4, 4, 4]  # the long one of silence is negative audio
    assert seen[0] == seen[1]


def with_other_words(bundle: Bundle) -> Bundle:
    """A bundle that asks for a pause before its words, which are not the same ones at its operating points."""
    points = tuple(OperatingPoint(thresholds=row) for row in ((0, 0, 90, 90), (0, 0, 0, 90), (0, 90, 90, 0)))
    pause = Pause(label=0, score=200, decisions=10, penalty=20)
    decision = replace(bundle.decision, operating_points=points, default_operating_point=1, pause=pause)
    return bundle.replace(decision=decision)


@pytest.mark.parametrize("has_pause", [False, True])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.filterwarnings("ignore::kws.errors.KwsWarning")
def test_evaluate_and_replay_count_the_same_hits_misses_and_false_accepts_in_streams(
    tmp_path: Path, bundle_path: Path, seed: int, has_pause: bool
) -> None:
    random = np.random.default_rng(seed)
    truths = {}
    for index in range(3):
        audio = speech_like(float(random.uniform(3, 9)), seed=100 * seed + index)
        write_wav(tmp_path / f"{index}.wav", audio)
        starts = np.sort(random.choice(np.arange(0, audio.size - 8000, 8000), size=3, replace=False))
        labels = random.choice(["left", "Right", "unknown"], size=3)
        windows = tuple(
            Window(label=str(label), start_sample=int(start), end_sample=int(start + random.integers(2000, 8000)))
            for label, start in zip(labels, starts, strict=True)
        )
        truths[f"{index}.wav"] = Truth(num_samples=audio.size, windows=windows)
    write_truth(tmp_path / "t.json", truths)
    recordings = tuple(tmp_path / name for name in truths)
    bundle = Bundle.load(bundle_path)
    if has_pause:
        bundle = with_other_words(bundle)
        bundle.save(bundle_path)
    evaluated = evaluate_request(bundle, EvaluationRequest(paths=recordings, truth=tmp_path / "t.json"))
    for point in evaluated.points:
        request = ReplayRequest(
            paths=recordings, bundle=bundle_path, truth=tmp_path / "t.json", operating_point=point.index
        )
        replayed = run_replay(request).spotting
        for figure in ("num_keywords", "num_hits", "num_wrong_words", "latencies_ms", "false_accepts"):
            assert getattr(replayed, figure) == getattr(point.score, figure), figure


@pytest.mark.parametrize("verb", ["replay", "evaluate"])
def test_truth_beyond_the_end_is_refused_by_every_verb(tmp_path: Path, bundle_path: Path, verb: str) -> None:
    recording = record(tmp_path / "a.wav", seconds=2.0)
    truth = truth_of(tmp_path, "a.wav,left,1.5,2.5\n")
    request = {"paths": (recording,), "truth": truth}
    verbs = {
        "replay": lambda: run_replay(ReplayRequest(bundle=bundle_path, **request)),
        "evaluate": lambda: evaluate_request(Bundle.load(bundle_path), EvaluationRequest(**request)),
    }
    with pytest.raises(EvaluationError, match=r"a\.wav: its truth reaches to 2\.5 s and the recording ends at 2 s"):
        verbs[verb]()


def test_truth_is_counted_at_the_rate_of_the_bundle(tmp_path: Path) -> None:
    record(tmp_path / "a.wav", seconds=3.0)
    truth = truth_of(tmp_path, "a.wav,left,0.5,1.5\n")
    (found,) = find_recordings([tmp_path / "a.wav"], replace(EARS, sample_rate_hz=8000), truth=truth)
    assert found.windows == (Window(label="left", start_sample=4000, end_sample=12000),)


def test_audio_named_twice_makes_no_more_hours(tmp_path: Path, bundle_path: Path) -> None:
    record(tmp_path / "a.wav", seconds=3.0)
    request = EvaluationRequest(paths=(tmp_path / "a.wav", tmp_path))
    with pytest.warns(KwsWarning, match="in which nothing may fire"):
        evaluation = evaluate_request(Bundle.load(bundle_path), request)
    assert [m.truth.num_samples for m in evaluation.points[0].score.matchings] == [48000]


def test_linked_recordings_are_named_by_where_the_links_are(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    write_wav(tmp_path / "elsewhere" / "x.wav", np.zeros(16000, np.int16))
    (tmp_path / "clips" / "left").mkdir(parents=True)
    (tmp_path / "clips" / "left" / "a.wav").symlink_to(tmp_path / "elsewhere" / "x.wav")
    (found,) = find_recordings([tmp_path / "clips"], EARS)
    assert (found.name, found.expected) == ("left/a.wav", "left")
