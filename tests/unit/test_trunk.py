# SPDX-License-Identifier: Apache-2.0
"""The trunk: its clock, its file, and that it learns what a teacher says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws import places
from kws.bundle import Bundle
from kws.errors import ConfigError, ToolMissingError, TrainingError
from kws.features import Features
from kws.training.fit.config import TRUNK_FILES
from kws.training.fit.speech_trunk import EMBEDDING_SIZE, SIZES, Trunk, TrunkConfig, build, finished, load, save
from kws.training.trunk import teacher
from kws.training.trunk.distil import Clock, DistilConfig, Listener, distil, explained, scale_of
from kws.training.trunk.lessons import ENGINES, PIECE_SAMPLES, Lessons, real_pieces
from kws.training.trunk.narrow import Elder, rhythm_of
from kws.training.trunk.teacher import STEP_SAMPLES, WINDOW_SAMPLES
from kws.training.wakeword.config import make_project

TINY = TrunkConfig(channels=16, kernel_frames=(3, 3))
FRAMES, PIECES = 160, 120


def tiny_lessons() -> Lessons:
    """Features that come and go, and embeddings that are the mean of one of four bands over the newest frames."""
    rng = np.random.default_rng(1)
    drift = rng.normal(0.0, 25.0, (PIECES, FRAMES, TINY.features.num_features))
    for frame in range(1, FRAMES):
        drift[:, frame] += 0.7 * drift[:, frame - 1]
    heard = np.clip(drift, -128, 127).astype(np.int8)
    hop = TINY.features.hop_samples
    count = (FRAMES * hop - WINDOW_SAMPLES) // STEP_SAMPLES + 1
    last = [(number * STEP_SAMPLES + WINDOW_SAMPLES - TINY.features.window_samples) // hop for number in range(count)]
    bands_of = np.arange(EMBEDDING_SIZE) % 4
    embeddings = np.stack([heard[:, end - 6 : end + 1].mean(axis=1)[:, bands_of] for end in last], axis=1)
    noise = rng.integers(-128, 128, (200, TINY.features.num_features)).astype(np.int8)
    return Lessons(heard=heard, embeddings=embeddings.astype(np.float16), noise=noise)


def test_the_trunk_hears_about_what_the_teacher_hears() -> None:
    config = TrunkConfig()
    heard = (config.window_frames - 1) * config.features.hop_samples + config.features.window_samples
    assert abs(heard - WINDOW_SAMPLES) <= STEP_SAMPLES // 4


def test_a_row_has_heard_all_of_its_embedding_and_not_two_rows_more() -> None:
    config, segment = TrunkConfig(), 118
    clock = Clock(config, segment, 145)
    features = config.features
    rows = (segment - config.window_frames) // 2 + 1
    assert len(clock.rows) == len(set(clock.rows)) > 15
    for row, number in zip(clock.rows, clock.numbers, strict=True):
        assert 0 <= row < rows
        row_end = (2 * row + config.window_frames - 1) * features.hop_samples + features.window_samples
        embedding_end = number * STEP_SAMPLES + WINDOW_SAMPLES
        assert 0 <= row_end - embedding_end < 2 * features.hop_samples


def test_segments_start_where_embeddings_do() -> None:
    assert Clock(TrunkConfig(), 118, 145).start_frame(3) * TrunkConfig().features.hop_samples == 3 * STEP_SAMPLES


def listen(lessons: Lessons, **changes: object) -> tuple[np.ndarray, np.ndarray, DistilConfig]:
    """What two places give, as stored, and what is to be said to them."""
    quiet: dict[str, object] = {"segment_frames": 72, "colour_db": 0.0, "gain_db": 0.0, "noise_share": 0.0}
    run = DistilConfig(**(quiet | changes))  # type: ignore[arg-type]
    clock = Clock(TINY, run.segment_frames, lessons.embeddings.shape[1])
    heard, wanted = Listener(lessons, TINY.features, run, clock, seed=1)(np.array([[5, 0], [7, 3]], np.int32))
    return np.rint(heard / TINY.features.scale) + TINY.features.zero_point, np.asarray(wanted), run


def test_a_place_gives_its_frames_and_its_embeddings() -> None:
    lessons = tiny_lessons()
    heard, wanted, run = listen(lessons)
    clock = Clock(TINY, run.segment_frames, lessons.embeddings.shape[1])
    mean, deviation = scale_of(lessons)
    for i, (piece, start) in enumerate([(5, 0), (7, 3)]):
        frame = clock.start_frame(start)
        assert np.array_equal(heard[i], lessons.heard[piece, frame : frame + run.segment_frames])
        said = lessons.embeddings[piece, start + clock.numbers].astype(np.float32)
        assert np.allclose(wanted[i], (said - mean) / deviation, atol=1e-5)


def test_noise_adds_its_power_at_the_ratio_asked_for() -> None:
    lessons = tiny_lessons()
    flat = replace(lessons, heard=np.full_like(lessons.heard, 20), noise=np.full_like(lessons.noise, -90))
    heard, _, _ = listen(flat, noise_share=1.0, snr_db=(10.0, 10.0))
    per_step = TINY.features.scale * (2.0 if TINY.features.spectrum == "magnitude" else 1.0) / TINY.features.log_scale
    assert np.all(np.abs(heard - (20 + np.log(1.1) / per_step)) <= 0.5 + 1e-3)


def test_colour_is_one_curve_for_all_frames_of_a_segment() -> None:
    lessons = tiny_lessons()
    flat = replace(lessons, heard=np.full_like(lessons.heard, 0))
    heard, _, _ = listen(flat, colour_db=4.0, gain_db=6.0)
    assert np.ptp(heard, axis=1).max() == 0
    assert np.ptp(heard[:, 0], axis=1).min() > 5
    assert not np.array_equal(heard[0], heard[1])


def test_a_trunk_learns_what_its_teacher_says() -> None:
    lessons = tiny_lessons()
    run = DistilConfig(
        epochs=6,
        steps_per_epoch=40,
        batch_clips=16,
        segment_frames=72,
        ema_decay=0.9,
        colour_db=0.0,
        gain_db=0.0,
        noise_share=0.1,
    )
    heard, unheard = (
        replace(lessons, heard=lessons.heard[part], embeddings=lessons.embeddings[part])
        for part in (slice(0, PIECES - 12), slice(PIECES - 12, PIECES))
    )
    assert explained(distil(heard, TINY, run, seed=3), unheard, TINY, scale_of(heard)) > 0.6


def test_a_training_of_one_epoch_is_the_same_twice_and_one_of_none_is_refused() -> None:
    run = DistilConfig(epochs=1, steps_per_epoch=3, batch_clips=4, segment_frames=72)
    models = [distil(tiny_lessons(), TINY, run, seed=3) for _ in range(2)]
    assert models[0].output_shape[-1] == EMBEDDING_SIZE
    for one, other in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        assert np.array_equal(one, other)
    with pytest.raises(ConfigError, match="an epoch and a segment or more, got 0 and 48"):
        DistilConfig(epochs=0)


def test_a_saved_trunk_is_read_back_to_half_precision(tmp_path: Path) -> None:
    model = build(TINY, seed=2)
    save(model, TINY, tmp_path / "trunk.npz")
    trunk = load(tmp_path / "trunk.npz")
    assert trunk.config == TINY
    weights = model.get_weights()
    assert [w.shape for w in (*trunk.weights, *trunk.head)] == [w.shape for w in weights]
    for ours, theirs in zip((*trunk.weights, *trunk.head), weights, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-3, atol=1e-6)
    assert trunk.weights[0].shape[0] == TINY.stem_frames


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\3\4 half of one", b"\x93NUMPY\1\0 half of one"])
def test_a_broken_trunk_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trunk.npz").write_bytes(content)
    with pytest.raises(TrainingError, match=r"python -m kws\.training\.trunk"):
        load(tmp_path / "trunk.npz")
    with pytest.raises(TrainingError, match="no readable trunk"):
        load(tmp_path / "missing.npz")


def test_pieces_of_recordings_are_whole_and_retold_ones_differ() -> None:
    speech = np.random.default_rng(1).integers(-9000, 9000, PIECE_SAMPLES * 4 + 5000).astype(np.int16)
    once = real_pieces(speech, 1, as_spoken=1, by_others=0)
    retold = real_pieces(speech, 1, as_spoken=2, by_others=1)
    assert all(len(piece) == PIECE_SAMPLES for piece in retold)
    assert len(once) == 4
    assert all(np.array_equal(retold[i], once[i % 4]) for i in range(8))
    assert len(retold) == 8 + 3
    assert not any(np.array_equal(piece, once[0]) for piece in retold[8:])


def test_without_its_package_the_teacher_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "find_spec", lambda name: None)
    with pytest.raises(ToolMissingError, match="pip install"):
        teacher.SpeechEmbedding()


@pytest.mark.parametrize("size", SIZES)
def test_a_trunk_of_every_size_ships(size: str) -> None:
    assert load(TRUNK_FILES[size]).config == SIZES[size]


@pytest.mark.parametrize("size", SIZES)
def test_a_finished_trunk_says_what_it_said_with_its_batch_norms(size: str) -> None:
    trunk = load(TRUNK_FILES[size])
    whole = build(trunk.config, seed=0)
    whole.set_weights([*trunk.weights, *trunk.head])
    frames = np.random.default_rng(1).standard_normal((2, 70, trunk.config.features.num_features)).astype(np.float32)
    folded = finished(trunk, name="fixed")
    np.testing.assert_allclose(folded(frames), whole(frames, training=False), atol=1e-4)
    assert not folded.trainable_variables


def test_no_voice_that_goes_back_to_research_recordings_teaches_a_trunk() -> None:
    assert set(ENGINES) == {"espeak-ng", "hibari", "flite"}


def test_the_rows_of_a_narrow_trunk_are_those_of_its_lessons() -> None:
    config = SIZES["micro"]
    clock = Clock(config, 118, 141, rhythm_of(config))
    assert np.array_equal(clock.rows, clock.numbers)
    assert len(clock.rows) == (118 - config.window_frames) // 2 + 1


def test_an_elder_says_at_a_moment_what_it_says_there() -> None:
    model = build(TINY, seed=2)
    weights = tuple(model.get_weights())
    trunk = Trunk(config=TINY, weights=weights[:-2], head=weights[-2:])
    pieces = np.random.default_rng(0).integers(-9000, 9000, (2, 48000)).astype(np.int16)
    heard = TINY.features.dequantize(Features(TINY.features).compute_batch(pieces))
    said = np.asarray(model(heard, training=False))
    assert np.allclose(Elder(trunk, TINY).embed(pieces), said, atol=2e-3)
    slow = SIZES["micro"]
    for row, between in enumerate(Elder(trunk, slow).embed(pieces)[0]):
        ends = row * rhythm_of(slow)[0] + rhythm_of(slow)[1] - rhythm_of(TINY)[1]
        left = ends // rhythm_of(TINY)[0]
        low, high = np.sort(said[0, left : left + 2], axis=0)
        assert np.all((between >= low - 1e-3) & (between <= high + 1e-3))


@pytest.mark.parametrize("name", ["wake_computer_50", "wake_hey_jarvis"])
def test_shipped_words_started_from_the_trunk_that_their_projects_name(name: str) -> None:
    project = make_project((), config=places.models() / f"{name}.toml")
    started_from = Bundle.load(places.models() / f"{name}.kws").metadata["trunk"]["sha256"]
    assert hashlib.sha256(project.trunk_file.read_bytes()).hexdigest() == started_from
