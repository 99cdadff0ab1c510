# SPDX-License-Identifier: Apache-2.0
"""`kws wakeword` from phrase to bundle: the same bytes twice, also when it was interrupted."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.errors import ConfigError, TrainingError
from kws.features import features_section
from kws.pipeline import Pipeline
from kws.training.augment.acoustics import AcousticsConfig
from kws.training.fit import speech_trunk
from kws.training.fit.config import OptimizerConfig, QuantizeConfig
from kws.training.fit.speech_trunk import TrunkConfig
from kws.training.wakeword import run as word_run
from kws.training.wakeword.config import ExamplesConfig, SpeechConfig, WordConfig, WordProject

TINY = WordProject(
    name="hey_nova",
    words=(WordConfig(label="hey nova"),),
    speech=SpeechConfig(
        engines={"espeak-ng": 0.7, "flite": 0.3},
        num_voices=12,
        takes_per_word=30,
        near_takes=16,
        sentences=16,
        near_words=6,
        near_mutations=6,
    ),
    acoustics=AcousticsConfig(num_rooms=1),
    examples=ExamplesConfig(variants_per_take=1, near=24, other=16, noise=8, pauses=8, crowds=1, per_epoch=128),
    optimizer=OptimizerConfig(epochs=2, batch_clips=64, warmup_epochs=0.0),
    quantize=QuantizeConfig(representative_clips=20),
    trainings=2,
)
QUIET = Console(quiet=True)


class PulledPlugError(Exception):
    """Stands for Ctrl-C, a full disk, a power cut."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> WordProject:
    """Starts from a small trunk that has learned nothing."""
    path = tmp_path_factory.mktemp("trunk") / "trunk.npz"
    config = TrunkConfig(channels=8, kernel_frames=(3, 3))
    speech_trunk.save(speech_trunk.build(config, seed=1), config, path)
    return replace(TINY, trunk=path)


@pytest.fixture(scope="module")
def finished(tiny: WordProject, tmp_path_factory: pytest.TempPathFactory) -> word_run.WordResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 2)
        return word_run.execute(tiny, tmp_path_factory.mktemp("finished"), console=QUIET)


def test_a_phrase_becomes_a_bundle_that_listens(finished: word_run.WordResult) -> None:
    bundle = Bundle.load(finished.bundle_path)
    assert bundle.labels == ("unknown", "hey nova", "silence")
    pipeline = Pipeline(bundle)
    pipeline.feed(np.tile(np.int16([0, 300, 0, -300]), 12800) * np.repeat(np.int16([1, 9] * 8), 3200))  # swells: awake
    assert len(pipeline.scores.sample_index) > 10


def test_points_that_nothing_was_kept_aside_for_are_estimates(finished: word_run.WordResult) -> None:
    points = finished.report.bundle.decision.operating_points
    assert all(point.false_accepts_per_hour is None for point in points)
    for point, stored in zip(finished.report.points, finished.report.bundle.metadata["calibration"], strict=True):
        assert "takes" in point.promise.remark
        assert stored["basis"] == "estimate"
        assert stored["measured_false_accepts_per_hour"] is None


def test_points_that_lose_the_word_are_not_stored_in_silence(finished: word_run.WordResult) -> None:
    assert len(finished.report.bundle.decision.operating_points) + len(finished.report.warnings) >= 3
    for point in finished.report.points[1:]:
        assert point.score.false_rejects.value <= 0.5


def test_the_card_states_hours_intervals_and_near_misses(finished: word_run.WordResult) -> None:
    card = finished.card_path.read_text()
    for text in ("hey nova", "95 %", "near-misses", "20 dB", "estimate"):
        assert text in card
    assert "<script" not in card


def test_an_interrupted_run_ends_with_the_same_bytes_with_one_core_and_with_two(
    tiny: WordProject, finished: word_run.WordResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pulled(*_arguments: object, **_options: object) -> None:
        raise PulledPlugError

    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with monkeypatch.context() as patch:
        patch.setattr("kws.training.wakeword.data.make_examples", pulled)
        with pytest.raises(PulledPlugError):
            word_run.execute(tiny, tmp_path, console=QUIET)
    with monkeypatch.context() as patch:
        patch.setattr("kws.training.wakeword.run.quantize", pulled)  # after the first of two trainings
        with pytest.raises(PulledPlugError):
            word_run.execute(replace(tiny, trainings=1), tmp_path, console=QUIET)
    result = word_run.execute(tiny, tmp_path, console=QUIET)
    assert result.bundle_path.read_bytes() == finished.bundle_path.read_bytes()
    otherwise = replace(tiny, examples=replace(tiny.examples, per_epoch=256, mining_rounds=()))
    with monkeypatch.context() as patch:
        patch.setattr("kws.training.wakeword.data.make_examples", None)  # how scenes are drawn makes no other scenes
        patch.setattr("kws.training.wakeword.run.learn", pulled)
        with pytest.raises(PulledPlugError):
            word_run.execute(otherwise, tmp_path, console=QUIET)


def test_recordings_join_in_and_some_are_held_out_and_a_micro_word_is_small(
    tiny: WordProject, finished: word_run.WordResult, tmp_path: Path
) -> None:
    folder = tmp_path / "takes" / "hey_nova"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(6):
        silence, word = np.zeros(4000, np.int16), rng.integers(-9000, 9000, 9000).astype(np.int16)
        write_wav(folder / f"take{number}.wav", np.concatenate([silence, word, silence]))
    project = replace(tiny, recordings=tmp_path / "takes", examples=replace(tiny.examples, recording_variants=3))
    shutil.copytree(finished.bundle_path.parent, tmp_path / "out")  # nothing is spoken again
    small = replace(project, size="micro", trunk=None)
    result = word_run.execute(small, tmp_path / "out", console=QUIET)
    assert Bundle.load(result.bundle_path).metadata["learned"]["held_out_recognised"] is not None
    assert Bundle.load(finished.bundle_path).metadata["learned"]["held_out_recognised"] is None
    micro = Bundle.load(result.bundle_path)
    assert micro.front_end == features_section(speech_trunk.SIZES["micro"].features)
    assert len(micro.data) < 40_000
    full = Bundle.load(finished.bundle_path)
    assert micro.decision.smoothing_decisions == 8 > full.decision.smoothing_decisions
    assert (micro.decision.refractory_frames, full.decision.refractory_frames) == (25, 50), "a second of either"
    for pause, every_s in ((micro.decision.pause, 0.08), (full.decision.pause, 0.04)):
        assert pause is not None
        assert pause.label == 2
        assert 2.0 < pause.decisions * every_s < 2.8, "a window of a phrase and 0.84 s"
    trained = [len(list(stage.glob("*/weights.npz"))) for stage in (tmp_path / "out" / "work").glob("train-*")]
    assert trained == [2, 2]


def test_a_folder_that_cannot_be_written_is_refused(tiny: WordProject, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="another folder"):
        word_run.execute(tiny, tmp_path / "file", console=QUIET)


def test_a_board_that_cannot_count_is_refused_before_anything_is_made(tiny: WordProject, tmp_path: Path) -> None:
    for board in ("netduinoplus3", "microbit", "/dev/null"):
        with pytest.raises(ConfigError, match=f"--board {board}: expected .*netduinoplus2.* or none"):
            word_run.execute(tiny, tmp_path / "out", board=board, console=QUIET)
    assert not (tmp_path / "out").exists()
