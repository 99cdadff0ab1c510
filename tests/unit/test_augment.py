# SPDX-License-Identifier: Apache-2.0
"""Acoustics: deterministic, levels as asked, nothing lost."""

import numpy as np
import pytest
from word_fixtures import PLAIN

from kws.datasets.synthetic import place_in_window
from kws.features import Features, FeaturesConfig
from kws.levels import active_rms, rms
from kws.training.augment.acoustics import Acoustics, AcousticsConfig, draw_room, resize
from kws.training.augment.features import Levels, MaskConfig, draw_masks, powers_per_unit, with_background


def tone(num_samples: int = 16000) -> np.ndarray:
    samples = np.sin(2 * np.pi * 440 * np.arange(num_samples) / 16000) * 0.05
    return samples.astype(np.float32)


def level_dbfs(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean((samples / 32768.0) ** 2)))


def test_the_same_generator_gives_the_same_samples() -> None:
    config = AcousticsConfig(num_rooms=3)
    takes = []
    for _ in range(2):
        acoustics, rng = Acoustics(config, [], seed=1), np.random.default_rng(7)
        takes.append([acoustics.record(acoustics.another_speaker(tone(), rng), rng) for _ in range(6)])
    assert all(np.array_equal(a, b) for a, b in zip(*takes, strict=True))
    assert all(take.dtype == np.int16 for take in takes[0])


def test_a_take_gets_the_level_that_was_drawn() -> None:
    recorded = Acoustics(PLAIN, [], seed=1).record(tone(), np.random.default_rng(1))
    assert level_dbfs(recorded) == pytest.approx(-20.0, abs=0.1)


def test_noise_is_added_at_the_signal_to_noise_ratio_that_was_drawn() -> None:
    from dataclasses import replace

    noisy = replace(PLAIN, noise_probability=1.0, snr_db=(10.0, 10.0))
    rng_a, rng_b = np.random.default_rng(1), np.random.default_rng(1)
    clean = Acoustics(PLAIN, [], seed=1).record(tone(), rng_a).astype(float)
    mixed = Acoustics(noisy, [], seed=1).record(tone(), rng_b).astype(float)
    assert level_dbfs(clean) - level_dbfs(mixed - clean) == pytest.approx(10.0, abs=0.3)


def test_silence_stays_silence_without_noise() -> None:
    recorded = Acoustics(PLAIN, [], seed=1).record(np.zeros(8000, np.float32), np.random.default_rng(1))
    assert not recorded.any()


def test_a_room_starts_with_its_direct_sound() -> None:
    for seed in range(5):
        response = draw_room(np.random.default_rng(seed))
        assert int(np.argmax(np.abs(response))) <= 8
        assert np.abs(response).max() == pytest.approx(1.0)
        assert 100 < response.size < 32000


def test_resizing_changes_length_and_pitch_together() -> None:
    faster = resize(tone(), 1.25)
    assert faster.size == pytest.approx(16000 / 1.25, abs=2)
    spectrum = np.abs(np.fft.rfft(faster))
    assert np.argmax(spectrum) * 16000 / faster.size == pytest.approx(550.0, abs=3)


BANDS = FeaturesConfig(mel_high_hz=7600.0, num_coefficients=None, scale=0.05, zero_point=-28)


def log_powers(samples: np.ndarray, config: FeaturesConfig = BANDS) -> np.ndarray:
    return config.dequantize(Features(config).compute(samples))[None] * powers_per_unit(config)


def voiced(hz: float) -> np.ndarray:
    """A word of 0.4 s in a second: harmonics of a voice that fall by 6 dB per octave, in two syllables."""
    time_s = np.arange(6400) / 16000.0
    tones = sum(np.sin(2 * np.pi * hz * k * time_s) / k for k in range(1, int(7000 / hz)))
    word = 3000.0 * tones * (0.6 - 0.4 * np.cos(2 * np.pi * 5.0 * time_s))
    return place_in_window(word.astype(np.int16), 16000, np.random.default_rng(1))


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
@pytest.mark.parametrize("hz", [110.0, 230.0])
def test_levels_on_features_are_those_of_the_samples(hz: float, spectrum: str) -> None:
    config = FeaturesConfig(
        mel_high_hz=7600.0, num_coefficients=None, scale=0.05, zero_point=-28, spectrum=spectrum, log_floor=1e-12
    )
    word = voiced(hz)
    behind = (np.random.default_rng(3).standard_normal(16000) * 300.0).astype(np.int16)
    found = Levels(config).of_speech(log_powers(word, config)) - Levels(config).of_background(
        log_powers(behind, config)
    )
    true_db = 20 * np.log10(active_rms(word) / rms(behind))
    assert float(found.item()) * 10 / np.log(10) == pytest.approx(true_db, abs=1.5)


def test_numpy_and_keras_mix_alike() -> None:
    from keras import ops

    word, behind = log_powers(voiced(150.0)), log_powers((tone() * 3e4).astype(np.int16))
    snr_db = np.full((1, 1, 1), 7.0, np.float32)
    ours = with_background(word, behind, snr_db, Levels(BANDS))
    theirs = with_background(ops.array(word), ops.array(behind), ops.array(snr_db), Levels(BANDS), ops)
    assert np.allclose(ours, ops.convert_to_numpy(theirs), atol=1e-4)
    assert (ours >= word).all()


def test_masks_hide_no_more_than_they_may() -> None:
    hidden = draw_masks((50, 49, 40), MaskConfig(time_mask_frames=5, feature_mask_width=4), np.random.default_rng(1))
    assert hidden.any()
    assert hidden.all(axis=2).sum(axis=1).max() <= 5
    assert hidden.all(axis=1).sum(axis=1).max() <= 4
