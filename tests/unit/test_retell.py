"""Recordings told again: as long, at the same level, and not the same."""

from __future__ import annotations

import numpy as np

from kws.audio import SAMPLE_RATE_HZ
from training import retell
from training.wakeword.ambient import retold

TONE_HZ = 1000.0


def tone(seconds: float) -> np.ndarray:
    times_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.rint(8000.0 * np.sin(2.0 * np.pi * TONE_HZ * times_s)).astype(np.int16)


def peaks_hz(samples: np.ndarray) -> np.ndarray:
    """Strongest frequency of every second."""
    seconds = samples[: len(samples) // SAMPLE_RATE_HZ * SAMPLE_RATE_HZ].reshape(-1, SAMPLE_RATE_HZ)
    return np.abs(np.fft.rfft(seconds.astype(np.float64))).argmax(axis=1).astype(np.float64)


def test_another_person_moves_every_frequency_and_each_piece_by_its_own_factor() -> None:
    told = retell.by_others(tone(36.0), np.random.default_rng(1))
    heard = peaks_hz(told)
    assert 0.8 * 36 < len(told) / SAMPLE_RATE_HZ < 1.25 * 36
    assert np.all((heard > TONE_HZ * 0.81) & (heard < TONE_HZ * 1.23))
    assert heard.max() - heard.min() > 10.0


def test_scraps_keep_the_sound_and_lose_the_order() -> None:
    rising = np.linspace(1.0, 8000.0, 30 * SAMPLE_RATE_HZ).astype(np.int16)
    told = retell.in_scraps(rising, 20 * SAMPLE_RATE_HZ, np.random.default_rng(1))
    assert told.shape == (20 * SAMPLE_RATE_HZ,)
    assert told.dtype == np.int16
    assert told.min() >= 0
    assert told.max() <= 8000
    falls = np.flatnonzero(np.diff(told[::1600].astype(int)) < -400)
    assert falls.size > 10
    inside = told[5000:][:400].astype(int)
    assert np.abs(np.diff(inside)).max() < 200, "no clicks between scraps"


def test_long_negatives_are_told_again_and_silence_is_not() -> None:
    speech = tone(5.0)
    versions = retold(speech, 2, seed=3)
    assert len(versions) == 4
    again = retold(speech, 2, seed=3)
    assert all(np.array_equal(one, other) for one, other in zip(versions, again, strict=True))
    assert not np.array_equal(versions[0], versions[1])
    assert retold(np.zeros(0, np.int16), 2, seed=3) == []
    assert retold(speech, 0, seed=3) == []
