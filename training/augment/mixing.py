"""Augmentation of one-second clips in plain numpy: shift, noise at a signal-to-noise ratio, gain, SpecAugment.

Everything draws from the generator it is given and from nothing else, so a clip's augmentation is a function of
(seed, variant, position) and does not depend on batch size, threads or where a run was resumed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from kws.training.clips.config import AugmentConfig
from numpy.typing import NDArray

_LOUD_SHARE = 0.5
"""Speech level is measured over the loudest half of the 25 ms pieces of a clip: pauses do not count."""
_PIECE_SAMPLES = 400
_SPEECH_SAMPLES_PER_MS = 16


def shift(samples: NDArray[np.int16], by: int) -> NDArray[np.int16]:
    """Delay ``[n]`` by ``by`` samples (advance when negative); zeros move in."""
    moved = np.zeros_like(samples)
    if by >= 0:
        moved[by:] = samples[: samples.size - by]
    else:
        moved[:by] = samples[-by:]
    return moved


def speech_rms(samples: NDArray[np.int16]) -> float:
    """Root mean square of the loud parts of ``[n]``, n at least 25 ms, in units of one LSB."""
    pieces = samples[: samples.size // _PIECE_SAMPLES * _PIECE_SAMPLES].reshape(-1, _PIECE_SAMPLES)
    power = np.sort(np.square(pieces.astype(np.float32)).mean(axis=1))
    return float(np.sqrt(power[int(power.size * _LOUD_SHARE) :].mean()))


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
        noise_rms = float(np.sqrt(np.square(piece).mean()))
        wanted = speech_rms(samples) / decibel(rng.uniform(*config.snr_db))
        mixed += piece * (wanted / max(noise_rms, 1.0))
    return _to_int16(mixed * decibel(rng.uniform(*config.gain_db)))


def make_silence(
    num_samples: int,
    noise: Sequence[NDArray[np.int16]],
    config: AugmentConfig,
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """Noise alone ``[num_samples]``, at a random level."""
    return _to_int16(cut_noise(noise, num_samples, rng) * decibel(rng.uniform(*config.silence_level_db)))


def mask_features(features: NDArray[np.int8], config: AugmentConfig, rng: np.random.Generator) -> NDArray[np.int8]:
    """SpecAugment on ``[clips, frames, num_features]``: runs of frames and of features become the clip's mean."""
    clips, frames, num_features = features.shape
    mean = np.rint(features.mean(axis=1, dtype=np.float32)).astype(np.int8)[:, None, :]
    hidden = np.zeros((clips, frames, num_features), bool)
    for _ in range(config.time_masks):
        hidden |= _runs(clips, frames, config.time_mask_frames, rng)[:, :, None]
    for _ in range(config.feature_masks):
        hidden |= _runs(clips, num_features, config.feature_mask_width, rng)[:, None, :]
    return np.where(hidden, mean, features)


def decibel(level_db: float) -> float:
    """Amplitude ratio of a level in dB."""
    return float(10.0 ** (level_db / 20.0))


def _runs(rows: int, length: int, longest: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """One run per row, its length uniform in 0..longest, anywhere: bool ``[rows, length]``."""
    width = rng.integers(0, min(longest, length) + 1, rows)
    start = (rng.uniform(size=rows) * (length - width + 1)).astype(np.int64)
    place = np.arange(length)
    return (place >= start[:, None]) & (place < (start + width)[:, None])


def _to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
