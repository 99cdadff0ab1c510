# SPDX-License-Identifier: Apache-2.0
"""Recordings made of numbers: what a front end meets, and what could upset its arithmetic."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int16Array = npt.NDArray[np.int16]


def voice(num_samples: int, *, peak: int, seed: int = 0) -> Int16Array:
    """Return gliding harmonics with formants, breath noise and pauses: the dynamics of speech."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(num_samples) / 16000.0
    pitch_hz = 120.0 + 60.0 * np.sin(2 * np.pi * 1.3 * seconds + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / 16000.0
    formants_hz = 500.0 + 250.0 * np.sin(2 * np.pi * 2.1 * seconds), 1500.0 + 600.0 * np.sin(2 * np.pi * 1.7 * seconds)
    sound = 0.02 * rng.standard_normal(num_samples)
    for harmonic in range(1, 40):
        away = [np.abs(np.log(harmonic * pitch_hz / formant)) for formant in formants_hz]
        sound += np.exp(-2.0 * np.minimum(*away)) / harmonic**0.7 * np.sin(harmonic * phase)
    sound *= np.clip(np.sin(2 * np.pi * 1.5 * seconds), 0.0, 1.0) ** 2 + 1e-4
    return np.round(sound / np.abs(sound).max() * peak).astype(np.int16)


def noise(num_samples: int, *, peak: int, seed: int = 0) -> Int16Array:
    """Return white noise."""
    return np.random.default_rng(seed).integers(-peak, peak + 1, num_samples).astype(np.int16)


def extremes(num_samples: int) -> dict[str, Int16Array]:
    """Return the loudest and the quietest signals there are, by name."""
    index = np.arange(num_samples)
    return {
        "silence": np.zeros(num_samples, np.int16),
        "lowest sample": np.full(num_samples, -32768, np.int16),
        "one step of offset": np.full(num_samples, 1, np.int16),
        "minus one": np.full(num_samples, -1, np.int16),
        "loudest at half the sample rate": np.where(index % 2, 32767, -32768).astype(np.int16),
        "loudest square wave": np.where(index // 8 % 2, 32767, -32768).astype(np.int16),
        "loudest noise": np.where(np.random.default_rng(5).random(num_samples) < 0.5, 32767, -32768).astype(np.int16),
        "one click": np.where(index % 480 == 240, -32768, 0).astype(np.int16),
        "one faint click": np.where(index % 480 == 240, 1, 0).astype(np.int16),
    }
