# SPDX-License-Identifier: Apache-2.0
"""Levels: what counts as speech, what as background, and that a mixture has the ratio that was asked for."""

import numpy as np
import pytest

from kws.levels import active_rms, background_gain, ratio, rms

TONE = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.int16)


def test_the_level_of_a_background_is_its_root_mean_square() -> None:
    assert rms(np.array([3, -3, 3, -3], np.int16)) == 3.0
    assert rms(np.full(9, -32768, np.int16)) == 32768.0  # squares of int16 do not fit int16
    assert rms(np.zeros(0, np.int16)) == 0.0


def test_silence_around_a_word_does_not_make_it_quieter() -> None:
    silence = np.zeros(32000, np.int16)
    padded = np.concatenate([silence, TONE, silence])
    assert active_rms(padded) == pytest.approx(8000 / np.sqrt(2), rel=0.02)
    assert rms(padded) < 0.5 * active_rms(padded)
    assert active_rms(silence) == 0.0


def test_a_pause_inside_a_word_does() -> None:
    halves = np.concatenate([TONE, np.zeros(16000, np.int16), TONE])
    assert active_rms(halves) == pytest.approx(8000 / np.sqrt(2) * np.sqrt(2 / 3), rel=0.02)


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 10.0])
def test_a_background_is_put_below_speech_by_the_ratio_asked_for(snr_db: float) -> None:
    noise = np.random.default_rng(1).normal(0, 700, 48000)
    mixed_in = noise * background_gain(active_rms(TONE), rms(noise), snr_db)
    assert 20 * np.log10(active_rms(TONE) / rms(mixed_in)) == pytest.approx(snr_db)


def test_digital_silence_stays_silence() -> None:
    assert background_gain(1000.0, 0.0, 10.0) == 1.0
    assert ratio(20.0) == 10.0
