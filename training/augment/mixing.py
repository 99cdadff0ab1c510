# SPDX-License-Identifier: Apache-2.0
"""Augmentation of one-second clips in plain numpy: shift, noise at a signal-to-noise ratio, gain.

Everything draws from the generator it is given and from nothing else, so a clip's augmentation is a function of
(seed, variant, position) and does not depend on batch size, threads or where a run was resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws.levels import active_rms, background_gain, ratio, rms
from kws.ranges import Decibels, NotNegative, Share
from kws.training.augment.features import MaskConfig

_SPEECH_SAMPLES_PER_MS = 16


@dataclass(frozen=True, kw_only=True)
class AugmentConfig(MaskConfig):
    """What is done to a training clip before its features are computed, and to the features after."""

    time_shift_ms: NotNegative = 100
    """Largest shift to either side, uniform; what moves in is silence."""
    noise_probability: Share = 0.8
    snr_db: tuple[Decibels, Decibels] = (0.0, 25.0)
    """Speech over noise as `kws.levels` has it, uniform in dB."""
    gain_db: tuple[Decibels, Decibels] = (-12.0, 6.0)
    silence_level_db: tuple[Decibels, Decibels] = (-60.0, 0.0)
    """Level of noise-only clips against the recording, uniform in dB."""
    variants: NotNegative = 0
    """Augmented variants per clip that are computed once and then reused in turn; 0 = a new one every epoch."""


def shift(samples: NDArray[np.int16], by: int) -> NDArray[np.int16]:
    """Delay ``[n]`` by ``by`` samples (advance when negative); zeros move in."""
    moved = np.zeros_like(samples)
    if by >= 0:
        moved[by:] = samples[: samples.size - by]
    else:
        moved[:by] = samples[-by:]
    return moved


def cut_noise(noise: Sequence[NDArray[np.int16]], num_samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Cut a piece out of one recording, each as likely as any; short ones are repeated."""
    recording = noise[int(rng.integers(len(noise)))]
    if recording.size <= num_samples:
        recording = np.tile(recording, num_samples // recording.size + 2)
    start = int(rng.integers(recording.size - num_samples))
    piece: NDArray[np.float32] = recording[start : start + num_samples].astype(np.float32)
    return piece


def augment_speech(
    samples: NDArray[np.int16],
    noise: Sequence[NDArray[np.int16]],
    config: AugmentConfig,
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """Shift, add noise, change the level of one clip ``[n]``; rounded and clamped to int16."""
    most = config.time_shift_ms * _SPEECH_SAMPLES_PER_MS
    mixed = shift(samples, int(rng.integers(-most, most + 1))).astype(np.float32)
    noisy = rng.uniform() < config.noise_probability
    if noisy and noise:
        piece = cut_noise(noise, samples.size, rng)
        # Quieter than a step, a recording is nothing but rounding: never make that loud.
        mixed += piece * background_gain(active_rms(samples), max(rms(piece), 1.0), rng.uniform(*config.snr_db))
    return _to_int16(mixed * ratio(rng.uniform(*config.gain_db)))


def make_silence(
    num_samples: int,
    noise: Sequence[NDArray[np.int16]],
    config: AugmentConfig,
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """Noise alone ``[num_samples]``, at a random level."""
    return _to_int16(cut_noise(noise, num_samples, rng) * ratio(rng.uniform(*config.silence_level_db)))


def _to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
