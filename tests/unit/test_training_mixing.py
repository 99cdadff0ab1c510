# SPDX-License-Identifier: Apache-2.0
"""Augmentation does what its settings say, and depends on nothing but its generator."""

import numpy as np
import pytest

from kws.levels import active_rms
from kws.training.augment import mixing
from kws.training.augment.features import mask_features
from kws.training.augment.mixing import AugmentConfig

PLAIN = AugmentConfig(
    time_shift_ms=0,
    noise_probability=0.0,
    gain_db=(0.0, 0.0),
    silence_level_db=(0.0, 0.0),
    time_masks=0,
    feature_masks=0,
)
TONE = np.rint(8000 * np.sin(np.arange(16000) / 7)).astype(np.int16)
NOISE = (np.random.default_rng(3).normal(0, 900, 40000).astype(np.int16),)


def changed(**changes: object) -> AugmentConfig:
    values = {name: getattr(PLAIN, name) for name in PLAIN.__dataclass_fields__} | changes
    return AugmentConfig(**values)


def test_shifting_moves_zeros_in() -> None:
    samples = np.arange(1, 6, dtype=np.int16)
    assert mixing.shift(samples, 2).tolist() == [0, 0, 1, 2, 3]
    assert mixing.shift(samples, -2).tolist() == [3, 4, 5, 0, 0]
    assert mixing.shift(samples, 0).tolist() == [1, 2, 3, 4, 5]


def test_with_everything_off_a_clip_passes_unchanged() -> None:
    assert np.array_equal(mixing.augment_speech(TONE, NOISE, PLAIN, np.random.default_rng(1)), TONE)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_noise_is_added_at_the_ratio_asked_for(snr_db: float) -> None:
    config = changed(noise_probability=1.0, snr_db=(snr_db, snr_db))
    mixed = mixing.augment_speech(TONE, NOISE, config, np.random.default_rng(1)).astype(float)
    got = 20 * np.log10(active_rms(TONE) / np.sqrt(np.mean((mixed - TONE) ** 2)))
    assert got == pytest.approx(snr_db, abs=0.2)


def test_gain_clamps_and_never_wraps() -> None:
    loud = mixing.augment_speech(TONE, (), changed(gain_db=(20.0, 20.0)), np.random.default_rng(1))
    assert (np.sign(loud) == np.sign(TONE)).all()
    assert loud.max() == 32767
    assert loud.min() == -32768


def test_shift_stays_within_its_limit() -> None:
    click = np.zeros(16000, np.int16)
    click[8000] = 1000
    config = changed(time_shift_ms=50)
    places = [
        int(mixing.augment_speech(click, (), config, np.random.default_rng(seed)).argmax()) for seed in range(200)
    ]
    assert 8000 - 800 <= min(places) < 8000 - 600
    assert 8000 + 600 < max(places) <= 8000 + 800


def test_silence_is_a_piece_of_a_recording_even_of_a_short_one() -> None:
    short = (np.arange(1000, dtype=np.int16),)
    silence = mixing.make_silence(4000, short, PLAIN, np.random.default_rng(1))
    assert silence.shape == (4000,)
    assert set(np.diff(silence.astype(int))) == {1, -999}


def test_masks_replace_whole_frames_or_features_by_the_mean() -> None:
    features = np.random.default_rng(1).integers(-90, 90, (40, 30, 8)).astype(np.int8)
    mean = np.rint(features.mean(axis=1, dtype=np.float32)).astype(np.int8)[:, None, :]
    config = changed(time_masks=1, time_mask_frames=5, feature_masks=1, feature_mask_width=2)
    masked = mask_features(features, config, np.random.default_rng(1))
    touched = masked != features
    assert (masked[touched] == np.broadcast_to(mean, masked.shape)[touched]).all()
    full_frames = touched.mean(axis=2) > 0.8
    full_features = touched.mean(axis=1) > 0.8
    assert full_frames.sum(axis=1).max() == 5
    assert full_features.sum(axis=1).max() == 2
    assert (full_frames.sum(axis=1) == 0).any()


def test_the_same_generator_state_gives_the_same_clip() -> None:
    config = AugmentConfig()
    first, again = (mixing.augment_speech(TONE, NOISE, config, np.random.default_rng([7, 1])) for _ in range(2))
    other = mixing.augment_speech(TONE, NOISE, config, np.random.default_rng([7, 2]))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
