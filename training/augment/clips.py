# SPDX-License-Identifier: Apache-2.0
"""Other speakers, rooms, levels and noises for whole arrays of clips at once.

Plain numpy on ``[clips, samples]``: at 26 thousand clips a variant, clip-by-clip augmentation would take longer
than the training. Everything draws from the generator it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ
from kws.levels import active_rms
from kws.ranges import Decibels, Share, Width

Clips = NDArray[np.float32]
"""``[clips, samples]``, full scale +-1.0."""

_FULL_SCALE = 32768.0
_REVERBERATION_SAMPLES = 4096
_DIRECT_SAMPLES = 40
_QUIETEST_SPEECH = 0.003
_BABBLE_SNR_DB = (5.5, 22.5)


@dataclass(frozen=True, kw_only=True)
class ClipAcousticsConfig:
    """How far an augmented clip lies from the recording."""

    speed_spread: Width = 0.05
    """Standard deviation of the logarithm of the playback speed: size of the speaker and tempo together."""
    shift_ms: Width = 50.0
    """Standard deviation of the displacement in time; clipped at twice that."""
    reverberation_probability: Share = 0.1
    gain_spread_db: Width = 5.0
    noise_probability: Share = 0.5
    snr_db: tuple[Decibels, Decibels] = (2.5, 32.5)
    """Speech over noise as `kws.levels` has it, uniform in dB."""
    babble_probability: Share = 0.06
    """Share of clips whose noise is another speaker, at 5.5 to 22.5 dB."""
    silence_level_db: tuple[Decibels, Decibels] = (-90.0, -22.0)
    """Level of noise-only clips against full scale, uniform."""


class ClipAcoustics:
    """Makes augmented clips.

    Parameters
    ----------
    config : ClipAcousticsConfig
    noise : sequence of int16 arrays
        Recordings longer than a clip.
    babble : sequence of int16 arrays
        Continuous speech, longer than a clip each; may be empty.
    """

    def __init__(
        self, config: ClipAcousticsConfig, noise: Sequence[NDArray[np.int16]], babble: Sequence[NDArray[np.int16]]
    ) -> None:
        self._config, self._noise, self._babble = config, noise, babble

    def augment(self, clips: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.int16]:
        """Return clips ``[clips, samples]`` as heard elsewhere; rounded and clamped."""
        config = self._config
        speech = _resample(clips.astype(np.float32) / np.float32(_FULL_SCALE), config, rng)
        chosen = np.flatnonzero(rng.random(len(speech)) < config.reverberation_probability)
        speech[chosen] = _reverberate(speech[chosen], rng)
        speech *= _decibel(_normal(rng, len(speech), config.gain_spread_db, limit=2.0))
        return _to_int16(speech + self._backgrounds(speech, rng))

    def silence(self, count: int, num_samples: int, rng: np.random.Generator) -> NDArray[np.int16]:
        """Noise alone ``[count, num_samples]``, at all levels."""
        level_db = rng.uniform(*self._config.silence_level_db, (count, 1))
        return _to_int16(self._noises(count, num_samples, rng) * _decibel(level_db))

    def _backgrounds(self, speech: Clips, rng: np.random.Generator) -> Clips:
        """Noise or another speaker for each clip, scaled to its level."""
        config, (count, num_samples) = self._config, speech.shape
        background = self._noises(count, num_samples, rng)
        snr_db = rng.uniform(*config.snr_db, (count, 1))
        if self._babble:
            talking = np.flatnonzero(rng.random(count) < config.babble_probability)
            background[talking] = _level(cut(self._babble, len(talking), num_samples, rng))
            snr_db[talking] = rng.uniform(*_BABBLE_SNR_DB, (len(talking), 1))
        wanted = np.maximum(_speech_levels(speech), _QUIETEST_SPEECH) / _decibel(snr_db)
        noisy = rng.random((count, 1)) < config.noise_probability
        return (background * wanted * noisy).astype(np.float32)

    def _noises(self, count: int, num_samples: int, rng: np.random.Generator) -> Clips:
        """Level-1 noise ``[count, num_samples]`` with spectra bent at random, so that six recordings pass for many."""
        from scipy import fft

        pieces = cut(self._noise, count, num_samples, rng)
        spectra = fft.rfft(pieces, axis=1)
        frequency_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, spectra.shape[1], dtype=np.float32)
        octaves = np.log2(frequency_hz + 50.0) - np.log2(1000.0)
        tilt, bend = rng.uniform(-0.8, 0.6, (count, 1)), rng.uniform(-0.2, 0.2, (count, 1))
        gains = np.minimum(np.exp2(tilt * octaves + bend * octaves**2), 30.0).astype(np.float32)
        return _level(fft.irfft(spectra * gains, num_samples, axis=1))


def cut(recordings: Sequence[NDArray[np.int16]], count: int, num_samples: int, rng: np.random.Generator) -> Clips:
    """Cut ``[count, num_samples]`` out of recordings, each of them as likely as any."""
    pieces = np.empty((count, num_samples), np.float32)
    for piece in pieces:
        recording = recordings[int(rng.integers(len(recordings)))]
        start = rng.integers(recording.size - num_samples + 1)
        piece[:] = recording[start : start + num_samples]
    return pieces / np.float32(_FULL_SCALE)


def _resample(clips: Clips, config: ClipAcousticsConfig, rng: np.random.Generator) -> Clips:
    """Play every clip at another speed from another place, by linear interpolation; outside is silence."""
    count, num_samples = clips.shape
    speed = np.exp(_normal(rng, count, config.speed_spread, limit=2.0))
    shift = _normal(rng, count, config.shift_ms * SAMPLE_RATE_HZ / 1000, limit=2.0)
    middle = num_samples / 2
    places = (np.arange(num_samples) - middle) * speed + middle + shift
    before = np.floor(places).astype(np.int64)
    weight = (places - before).astype(np.float32)
    inside = (before >= 0) & (before < num_samples - 1)
    before = np.clip(before, 0, num_samples - 2)
    rows = np.arange(count)[:, None]
    return np.where(inside, clips[rows, before] * (1 - weight) + clips[rows, before + 1] * weight, np.float32(0))


def _reverberate(clips: Clips, rng: np.random.Generator) -> Clips:
    """Add the decaying noise that follows a sound in a room."""
    from scipy import fft

    count, num_samples = clips.shape
    decay_s = rng.uniform(0.1, 0.45, (count, 1))
    time_s = np.arange(_REVERBERATION_SAMPLES) / SAMPLE_RATE_HZ
    tail = rng.standard_normal((count, _REVERBERATION_SAMPLES), np.float32) * np.exp(-6.9 * time_s / decay_s)
    tail[:, :_DIRECT_SAMPLES] = 0.0
    response = tail / np.sqrt(np.square(tail).sum(axis=1, keepdims=True)) * rng.uniform(0.1, 0.6, (count, 1))
    response[:, 0] = 1.0
    length = num_samples + _REVERBERATION_SAMPLES
    heard = fft.irfft(fft.rfft(clips, length) * fft.rfft(response.astype(np.float32), length), length)
    return np.asarray(heard[:, :num_samples], np.float32)


def _speech_levels(clips: Clips) -> Clips:
    """Active level of each clip, ``[clips, 1]``."""
    return np.array([[active_rms(clip)] for clip in _to_int16(clips)], np.float32) / np.float32(_FULL_SCALE)


def _level(clips: Clips) -> Clips:
    return clips / (np.sqrt(np.square(clips).mean(axis=1, keepdims=True)) + np.float32(1e-6))


def _normal(rng: np.random.Generator, count: int, spread: float, *, limit: float) -> NDArray[np.float32]:
    """Normal values ``[count, 1]``, at most ``limit`` spreads from zero."""
    return (np.clip(rng.standard_normal((count, 1)), -limit, limit) * spread).astype(np.float32)


def _decibel(level_db: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.power(10.0, level_db / 20.0).astype(np.float32)


def _to_int16(clips: Clips) -> NDArray[np.int16]:
    return np.clip(np.rint(clips * _FULL_SCALE), -32768, 32767).astype(np.int16)
