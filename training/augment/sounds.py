# SPDX-License-Identifier: Apache-2.0
"""Sounds that are no speech, made on the spot: coloured noise, hum, music-like tones, taps, silence."""

from __future__ import annotations

import numpy as np

from kws.audio import SAMPLE_RATE_HZ
from kws.training.augment.acoustics import Waveform

_SEMITONE = 2.0 ** (1.0 / 12.0)
_SCALE = (0, 2, 4, 5, 7, 9, 11, 12)


def draw_sound(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Draw one of them, at a root mean square of about 0.1 (silence: dithered by one step or less)."""
    makers = (coloured_noise, hum, melody, taps, near_silence)
    maker = makers[int(rng.choice(len(makers), p=(0.4, 0.1, 0.25, 0.15, 0.1)))]
    return maker(num_samples, rng)


def draw_pause(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Draw what is heard while nobody speaks or plays: one of the sounds but a melody, or two or three of them."""
    makers = (coloured_noise, hum, taps, clatter, near_silence)
    sound = np.zeros(num_samples, np.float32)
    for number in range(int(rng.integers(1, 4))):
        maker = makers[int(rng.choice(len(makers), p=(0.4, 0.1, 0.15, 0.2, 0.15)))]
        sound += maker(num_samples, rng) * np.float32(10.0 ** (-rng.uniform(0.0, 1.5) if number else 0.0))
    return sound


def coloured_noise(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Noise whose spectrum falls by 0 to 9 dB per octave, swelling and fading slowly."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    frequency = np.maximum(np.fft.rfftfreq(num_samples, 1.0 / SAMPLE_RATE_HZ), 20.0)
    noise = np.fft.irfft(spectrum * (frequency / 20.0) ** -rng.uniform(0.0, 1.5), num_samples)
    times_s = np.arange(num_samples) / SAMPLE_RATE_HZ
    swell = 1.0 + rng.uniform(0.0, 0.9) * np.sin(2 * np.pi * (rng.uniform(0.2, 6.0) * times_s + rng.random()))
    return _normal(noise * swell)


def hum(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Mains or motor: a low tone and its harmonics."""
    return _normal(_tone(num_samples, rng.uniform(45.0, 240.0), 12, rng))


def melody(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Notes and chords of a scale with plucked or held envelopes."""
    track = np.zeros(num_samples)
    root_hz = rng.uniform(90.0, 500.0)
    note_samples = int(rng.uniform(0.1, 0.6) * SAMPLE_RATE_HZ)
    decay = np.exp(-np.arange(note_samples) / SAMPLE_RATE_HZ * rng.uniform(0.0, 8.0))
    for start in range(0, num_samples, note_samples):
        steps = rng.choice(_SCALE, size=int(rng.integers(1, 4)))
        chord = sum(_tone(note_samples, root_hz * _SEMITONE ** int(step), 6, rng) for step in steps)
        stop = min(start + note_samples, num_samples)
        track[start:stop] = (chord * decay)[: stop - start]
    return _normal(track)


def taps(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Short bursts: keys, dishes, doors."""
    track = rng.standard_normal(num_samples) * 1e-3
    for _ in range(int(rng.integers(1, 9))):
        length = int(rng.uniform(0.004, 0.12) * SAMPLE_RATE_HZ)
        start = int(rng.integers(num_samples))
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.2 * length))
        stop = min(start + length, num_samples)
        track[start:stop] += (burst * rng.uniform(0.2, 1.0))[: stop - start]
    return _normal(track)


def clatter(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Dishes, cutlery, drawers, tools: things that ring when they are struck, and things that scrape."""
    track = rng.standard_normal(num_samples) * 10.0 ** rng.uniform(-4.0, -1.5)
    for _ in range(int(rng.integers(1, 31))):
        event = _struck(rng) if rng.random() < 0.7 else _scraped(rng)
        start = int(rng.integers(num_samples))
        stop = min(start + event.size, num_samples)
        track[start:stop] += event[: stop - start] * 10.0 ** rng.uniform(-1.0, 0.0)
    return _normal(track)


def _struck(rng: np.random.Generator) -> np.ndarray:
    """Damped partials that are no harmonics of each other, high ones over first."""
    times_s = np.arange(round(0.6 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    event = np.zeros(times_s.size)
    rings_s = 10.0 ** rng.uniform(-2.3, -0.7)
    for _ in range(int(rng.integers(2, 8))):
        frequency_hz = 10.0 ** rng.uniform(2.4, 3.85)
        decay_s = rings_s * min((1000.0 / frequency_hz) ** 0.5, 1.5)
        event += rng.random() * np.exp(-times_s / decay_s) * np.sin(2 * np.pi * frequency_hz * times_s)
    return event * np.minimum(times_s / 10.0 ** rng.uniform(-3.5, -2.3), 1.0)


def _scraped(rng: np.random.Generator) -> np.ndarray:
    """A band of noise that swells and fades."""
    length = round(10.0 ** rng.uniform(-1.5, -0.4) * SAMPLE_RATE_HZ)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(length, 1.0 / SAMPLE_RATE_HZ), 20.0) / 10.0 ** rng.uniform(2.7, 3.8))
    band = np.exp(-0.5 * (octaves / rng.uniform(0.15, 1.0)) ** 2)
    event = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * band, length) * np.hanning(length)
    return np.asarray(event / max(float(np.abs(event).max()), 1e-9))


def near_silence(num_samples: int, rng: np.random.Generator) -> Waveform:
    """Nothing but the last bit of a converter; sometimes not even that."""
    level = float(rng.choice([0.0, 0.5, 1.0])) / 32768.0
    return (rng.standard_normal(num_samples) * level).astype(np.float32)


def _tone(num_samples: int, frequency_hz: float, harmonics: int, rng: np.random.Generator) -> np.ndarray:
    phase = 2.0 * np.pi * frequency_hz / SAMPLE_RATE_HZ * np.arange(num_samples)
    weights = rng.random(harmonics) / np.arange(1, harmonics + 1)
    return np.asarray(sum(w * np.sin((k + 1) * phase) for k, w in enumerate(weights)))


def _normal(track: np.ndarray) -> Waveform:
    rms = float(np.sqrt(np.mean(track**2)))
    return (track * (0.1 / max(rms, 1e-9))).astype(np.float32)
