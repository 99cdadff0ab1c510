"""What people said, told again: by people of another size, and in scraps in another order.

Recordings of real people are few; what is learned from them should be how people sound, not what these few said.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, to_int16
from training.augment import resize

_SIZES = (0.82, 1.22)
_PIECE_SAMPLES = 12 * SAMPLE_RATE_HZ
"""Spoken by one person."""
_SCRAP_S = (0.12, 0.6)
_FADE_SAMPLES = SAMPLE_RATE_HZ // 100

Samples = NDArray[np.int16]


def by_others(speech: Samples, rng: np.random.Generator) -> Samples:
    """Resample every 12 s by another factor of 0.82 to 1.22: pitch, formants and tempo, as of another person.

    Parameters
    ----------
    speech : int16 [samples]
    rng : numpy.random.Generator

    Returns
    -------
    int16 [samples]
        About as long.
    """
    parts = [np.zeros(0, np.int16)]
    for start in range(0, len(speech), _PIECE_SAMPLES):
        piece = speech[start : start + _PIECE_SAMPLES].astype(np.float32) / 32768.0
        parts.append(to_int16(resize(piece, rng.uniform(*_SIZES))))
    return np.concatenate(parts)


def in_scraps(speech: Samples, num_samples: int, rng: np.random.Generator) -> Samples:
    """Put scraps of 0.12 to 0.6 s from anywhere behind each other, faded over 10 ms: speech without words.

    Parameters
    ----------
    speech : int16 [samples]
        Longer than a scrap.
    num_samples : int
    rng : numpy.random.Generator

    Returns
    -------
    int16 [num_samples]
    """
    told = np.zeros(num_samples, np.float32)
    fade = np.linspace(0.0, 1.0, _FADE_SAMPLES, dtype=np.float32)
    done = 0
    while done < num_samples:
        length = min(int(rng.uniform(*_SCRAP_S) * SAMPLE_RATE_HZ), len(speech))
        start = int(rng.integers(len(speech) - length + 1))
        scrap = speech[start : start + length].astype(np.float32)
        scrap[:_FADE_SAMPLES] *= fade
        scrap[-_FADE_SAMPLES:] *= fade[::-1]
        room = min(length, num_samples - done)
        told[done : done + room] += scrap[:room]
        done += length - _FADE_SAMPLES
    return np.clip(np.rint(told), -32768, 32767).astype(np.int16)
