# SPDX-License-Identifier: Apache-2.0
"""Between a mouth and the samples: speakers, rooms, noise, microphones.

Long-form augmentation for wake words, where little or no real speech is at hand: every take of a word passes
through another speaker variation, another room, another noise and another microphone. Rooms come from
pyroomacoustics (image sources, computed once into a bank), filters and distortions from audiomentations.

Everything is a function of the generator it is given: the same seed gives the same samples.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, to_int16
from kws.levels import active_rms, ratio, rms
from kws.ranges import Decibels, Factor, Positive, Share, Width, Within

Waveform = NDArray[np.float32]
"""Samples, full scale +-1.0."""

_ROOM_TAIL_DB = 50.0
_MAX_IMAGE_ORDER = 8
_FULL_SCALE = 32768.0
_LAST_BIT = 2.0 / _FULL_SCALE
"""What is no louder is the microphone's own, at no other level."""


_Semitones = Annotated[float, Within(-24.0, 24.0)]


@dataclass(frozen=True, kw_only=True)
class AcousticsConfig:
    """How far takes may differ; every pair is a range drawn from uniformly."""

    speed_probability: Share = 0.6
    speed: tuple[Factor, Factor] = (0.86, 1.18)
    """Resampling: pitch, formants and tempo together, as a larger or smaller speaker."""
    stretch_probability: Share = 0.15
    stretch: tuple[Factor, Factor] = (0.85, 1.2)
    """Tempo alone."""
    pitch_probability: Share = 0.08
    pitch_semitones: tuple[_Semitones, _Semitones] = (-3.0, 3.0)
    """Pitch alone."""
    room_probability: Share = 0.6
    num_rooms: Positive = 200
    equalizer_probability: Share = 0.35
    equalizer_db: Width = 9.0
    band_limit_probability: Share = 0.4
    """Small microphones and loudspeakers: nothing below 60..400 Hz, nothing above 3.2..7.5 kHz."""
    noise_probability: Share = 0.85
    snr_db: tuple[Decibels, Decibels] = (0.0, 30.0)
    level_dbfs: tuple[Decibels, Decibels] = (-42.0, -14.0)
    """Active level of the speech, or level of what is not speech."""
    sound_dbfs: tuple[Decibels, Decibels] = (-70.0, -14.0)
    """Level of what is heard while nobody speaks."""
    clipping_probability: Share = 0.08
    clipping_percent: Annotated[int, Within(0, 100)] = 15
    """At most this share of samples is clipped."""


def draw_room(rng: np.random.Generator) -> Waveform:
    """Draw one impulse response: a box with a talker and a microphone; the direct sound is sample 0, height 1."""
    import pyroomacoustics

    size_m = rng.uniform([2.2, 2.2, 2.2], [8.0, 6.0, 3.4])
    absorption = rng.uniform(0.15, 0.7)
    room = pyroomacoustics.ShoeBox(
        size_m,
        fs=SAMPLE_RATE_HZ,
        materials=pyroomacoustics.Material(float(absorption)),
        max_order=_MAX_IMAGE_ORDER,
    )
    margin_m = 0.3
    room.add_source(rng.uniform(margin_m, size_m - margin_m))
    room.add_microphone(rng.uniform(margin_m, size_m - margin_m))
    room.compute_rir()
    response = np.asarray(room.rir[0][0], dtype=np.float64)
    direct = int(np.argmax(np.abs(response)))
    response = response[max(direct - 8, 0) :] / response[direct]
    audible = np.flatnonzero(np.abs(response) > 10.0 ** (-_ROOM_TAIL_DB / 20.0))
    return np.asarray(response[: int(audible[-1]) + 1], dtype=np.float32)


class Acoustics:
    """Applies what lies between a mouth and the samples.

    Parameters
    ----------
    config : AcousticsConfig
    noise : sequence of float32 arrays
        Backgrounds of any length; white noise stands in when there is none.
    seed : int
        Of the bank of rooms.
    """

    def __init__(self, config: AcousticsConfig, noise: Sequence[Waveform], *, seed: int) -> None:
        import audiomentations

        self._config = config
        self._noise = [recording for recording in noise if recording.size]
        rng = np.random.default_rng([seed, 0x200])
        self._rooms = [draw_room(rng) for _ in range(config.num_rooms)]
        with _quiet():
            self._stretch = audiomentations.TimeStretch(*config.stretch, leave_length_unchanged=False, p=1.0)
            self._pitch = audiomentations.PitchShift(*config.pitch_semitones, p=1.0)
            self._equalizer = audiomentations.SevenBandParametricEQ(-config.equalizer_db, config.equalizer_db, p=1.0)
            self._high_pass = audiomentations.HighPassFilter(60, 400, min_rolloff=6, max_rolloff=24, p=1.0)
            self._low_pass = audiomentations.LowPassFilter(3200, 7500, min_rolloff=6, max_rolloff=24, p=1.0)
            self._clipping = audiomentations.ClippingDistortion(0, config.clipping_percent, p=1.0)

    def another_speaker(self, speech: Waveform, rng: np.random.Generator) -> Waveform:
        """Return the take as another speaker might have said it: size, tempo, pitch. The length changes."""
        config = self._config
        if rng.random() < config.speed_probability:
            speech = resize(speech, rng.uniform(*config.speed))
        with _seeded(rng):
            if rng.random() < config.stretch_probability:
                speech = self._stretch(speech, sample_rate=SAMPLE_RATE_HZ)
            if rng.random() < config.pitch_probability:
                speech = self._pitch(speech, sample_rate=SAMPLE_RATE_HZ)
        return speech

    def record(self, scene: Waveform, rng: np.random.Generator) -> NDArray[np.int16]:
        """Pass a scene through a room, add noise, and hear it with a microphone.

        Parameters
        ----------
        scene : float32 [samples]
        rng : numpy.random.Generator

        Returns
        -------
        int16 [samples]
        """
        config = self._config
        level = ratio(rng.uniform(*config.level_dbfs))
        scene = self._in_room(scene, rng)
        spoken = active_rms(to_int16(scene)) / _FULL_SCALE
        signal = scene * (level / spoken) if spoken > 0.0 else scene
        if rng.random() < config.noise_probability:
            snr_db = rng.uniform(*config.snr_db)
            signal = signal + self._background(scene.size, rng) * level * ratio(-snr_db)
        return to_int16(self._microphone(signal.astype(np.float32), rng))

    def hear(self, sound: Waveform, rng: np.random.Generator) -> NDArray[np.int16]:
        """Hear a sound that is no speech in a room, with a microphone, at some level.

        Parameters
        ----------
        sound : float32 [samples]
        rng : numpy.random.Generator

        Returns
        -------
        int16 [samples]
        """
        if rms(sound) > _LAST_BIT:
            sound = self._in_room(sound, rng)
        loud = rms(sound)
        level = ratio(rng.uniform(*self._config.sound_dbfs))
        signal = sound * np.float32(level / loud) if loud > _LAST_BIT else sound
        return to_int16(self._microphone(signal.astype(np.float32), rng))

    def _in_room(self, sound: Waveform, rng: np.random.Generator) -> Waveform:
        """Return the sound as it is heard in some room, or, by chance, in none."""
        from scipy.signal import fftconvolve

        if rng.random() >= self._config.room_probability:
            return sound
        room = self._rooms[int(rng.integers(len(self._rooms)))]
        heard: Waveform = fftconvolve(sound, room)[: sound.size].astype(np.float32)
        return heard

    def _microphone(self, signal: Waveform, rng: np.random.Generator) -> Waveform:
        config = self._config
        with _seeded(rng):
            if rng.random() < config.equalizer_probability:
                signal = self._equalizer(signal, sample_rate=SAMPLE_RATE_HZ)
            if rng.random() < config.band_limit_probability:
                signal = self._high_pass(signal, sample_rate=SAMPLE_RATE_HZ)
            if rng.random() < config.band_limit_probability:
                signal = self._low_pass(signal, sample_rate=SAMPLE_RATE_HZ)
            if rng.random() < config.clipping_probability:
                signal = self._clipping(signal, sample_rate=SAMPLE_RATE_HZ)
        return signal

    def _background(self, num_samples: int, rng: np.random.Generator) -> Waveform:
        """Cut a piece of some noise, at level 1."""
        if not self._noise:
            return rng.standard_normal(num_samples, dtype=np.float32)
        recording = self._noise[int(rng.integers(len(self._noise)))]
        start = int(rng.integers(recording.size))
        piece = np.take(recording, np.arange(start, start + num_samples), mode="wrap")
        level = rms(piece)
        return piece / np.float32(level) if level > 0.0 else piece


def resize(speech: Waveform, factor: float) -> Waveform:
    """Play a take `factor` times faster: pitch, formants and tempo rise together."""
    import soxr

    steps = 1000
    resized: Waveform = soxr.resample(speech, round(steps * factor), steps, quality="MQ").astype(np.float32)
    return resized


@contextmanager
def _seeded(rng: np.random.Generator) -> Iterator[None]:
    """audiomentations draws from the two global generators; give them a seed of ours."""
    seed = int(rng.integers(2**31))
    random.seed(seed)
    np.random.seed(seed)
    with _quiet():
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
