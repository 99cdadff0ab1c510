# SPDX-License-Identifier: Apache-2.0
"""Which recordings are copies of one take: the same sound again, louder, later, cut otherwise or compressed.

Public collections and folders of volunteers hold the same take under several names. A copy on the other side of a
split is a take that was learnt by heart, and a copy in a test counts a success twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soxr
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ

ALIKE = 0.65
"""Least correlation of two copies. It finds all 440 pairs of copies among 520 recordings of two words, and 7 pairs
that are none: takes by one person that are very much alike."""
_RATE_HZ = 4000
_LONGEST_S = 3.0


def find_takes(recordings: Sequence[NDArray[np.int16]]) -> NDArray[np.int64]:
    """Say for every recording which take it holds.

    Parameters
    ----------
    recordings : sequence of int16 arrays
        At 16 kHz; only the first three seconds are compared, below 2 kHz.

    Returns
    -------
    int64 [recordings]
        The number of the first recording with the same take; its own for one that is a copy of none before it. The
        greatest cross-correlation over all shifts decides, against `ALIKE`.
    """
    takes = np.arange(len(recordings))
    length = 2 * round(_LONGEST_S * _RATE_HZ)
    spectra = np.zeros((len(recordings), length // 2 + 1), np.complex64)
    for row, recording in zip(spectra, recordings, strict=True):
        row[:] = np.fft.rfft(_shape(recording), length)
    for index in range(1, len(recordings)):
        alike = np.fft.irfft(spectra[:index] * np.conj(spectra[index]), length, axis=1).max(axis=1)
        found = np.flatnonzero(alike >= ALIKE)
        if found.size:
            same = np.isin(takes, takes[found])
            takes[same] = takes[index] = takes[found].min()
    return takes


def _shape(recording: NDArray[np.int16]) -> NDArray[np.float64]:
    """Its sound below 2 kHz at energy 1; nothing at all for silence."""
    cut = recording[: round(_LONGEST_S * SAMPLE_RATE_HZ)].astype(np.float64)
    slow = soxr.resample(cut, SAMPLE_RATE_HZ, _RATE_HZ, quality="MQ") if cut.size else cut
    slow = slow - slow.mean() if slow.size else slow
    energy = float(np.sqrt(np.sum(slow**2)))
    return np.asarray(slow / energy if energy > 0.0 else slow)
