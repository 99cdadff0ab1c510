# SPDX-License-Identifier: Apache-2.0
"""The height of voices: known fundamentals are found, and noise has none."""

import numpy as np
import pytest

from kws.evaluation.pitch import median_pitch_hz

TIME_S = np.arange(16000) / 16000.0


@pytest.mark.parametrize("hz", [80.0, 110.0, 175.0, 240.0, 330.0, 430.0])
@pytest.mark.parametrize("tilt", [0.3, 1.0, 2.0])
def test_the_fundamental_of_harmonics_is_found_in_noise(hz: float, tilt: float) -> None:
    tones = sum(np.sin(2 * np.pi * hz * k * TIME_S + k) / k**tilt for k in range(1, int(3800 / hz)))
    noisy = tones / np.std(tones) * 3000.0 + np.random.default_rng(1).standard_normal(16000) * 300.0
    assert median_pitch_hz(noisy.astype(np.int16)) == pytest.approx(hz, rel=0.02)


def test_noise_silence_and_next_to_nothing_have_no_pitch() -> None:
    assert median_pitch_hz((np.random.default_rng(1).standard_normal(16000) * 1000.0).astype(np.int16)) is None
    assert median_pitch_hz(np.zeros(16000, np.int16)) is None
    assert median_pitch_hz(np.zeros(0, np.int16)) is None
