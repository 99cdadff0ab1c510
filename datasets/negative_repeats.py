# SPDX-License-Identifier: Apache-2.0
"""Music that plays a piece over and over, or again in another recording: what was heard before counts once.

False accepts are counted by the hour. A moment that wakes a word wakes it in every repeat, and an hour in which nothing
happens shows less when half of it was heard before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ

Recording = tuple[str, NDArray[np.float32]]
"""Name, and 16 kHz mono samples in -1..1."""

_RATE_HZ = 2000
"""Only what lies below 1 kHz is compared."""
_LEVELLED_HZ = 2
"""Width over which spectra are levelled."""
_SHORTEST_S = 10
"""A repeat lasts at least so long: the bar of a drum that comes again is none."""
_SCRAP_S = 2
"""What lies between two repeats and is shorter belongs to them."""
_ALIKE = 0.9
"""Least correlation of a second with what it repeats."""
_IN_VAIN = 5
"""After so many lags that show nothing, from that of the highest cross-correlation down, no other is looked at."""


class Unheard:
    """Leaves out of recordings what was heard before, in them or in an earlier one."""

    def __init__(self) -> None:
        self._before: list[NDArray[np.float32]] = []
        self.repeated_s = 0.0
        """How much was left out so far."""

    def of(self, recordings: Iterable[Recording]) -> Iterator[Recording]:
        """Yield what is new of each, in pieces cut at seconds.

        Parameters
        ----------
        recordings : iterable of (str, float32 [samples])
            At 16 kHz.
        """
        for name, samples in recordings:
            new = self._new(samples)
            self.repeated_s += (samples.size - sum(samples[piece].size for piece in new)) / SAMPLE_RATE_HZ
            yield from ((name, samples[piece]) for piece in new)

    def _new(self, samples: NDArray[np.float32]) -> list[slice]:
        slow = np.asarray(soxr.resample(samples, SAMPLE_RATE_HZ, _RATE_HZ, quality="MQ"), np.float32)
        again = np.zeros(-(-samples.size // SAMPLE_RATE_HZ), bool)
        if again.size > _SHORTEST_S:
            for before in (*self._before, slow):
                again |= _repeats(slow, before)[: again.size]
            self._before.append(slow)
        again = _without_runs(again, False, _SCRAP_S) if again.any() else again
        return [slice(start * SAMPLE_RATE_HZ, end * SAMPLE_RATE_HZ) for start, end in _runs(~again)]


def _repeats(slow: NDArray[np.float32], before: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which seconds of a recording repeat what lies in another, or earlier in the same one."""
    itself = before is slow
    size = 1 << (slow.size + before.size).bit_length()
    alike = np.fft.irfft(_flat(slow, size) * np.conj(_flat(before, size)), size)
    if itself:  # it repeats what was before, not what comes, nor what sounds now
        alike[: _SHORTEST_S * _RATE_HZ] = alike[slow.size :] = 0.0
    again = np.zeros(-(-slow.size // _RATE_HZ), bool)
    seconds = alike[: size // _RATE_HZ * _RATE_HZ].reshape(-1, _RATE_HZ)
    best, in_vain = seconds.max(axis=1), 0
    for second in np.argsort(best)[::-1]:
        if not best[second] > 0.0 or in_vain == _IN_VAIN:
            break
        lag = int(second) * _RATE_HZ + int(seconds[second].argmax())
        found = _without_runs(_alike(slow, before, lag if lag < slow.size else lag - size), True, _SHORTEST_S)
        in_vain = 0 if found.any() else in_vain + 1
        again |= found
    return again


def _flat(slow: NDArray[np.float32], size: int) -> NDArray[np.complex64]:
    """The spectrum with its slopes and hills levelled, so that a lag stands out as a peak."""
    spectrum = np.fft.rfft(slow, size)
    half = size * _LEVELLED_HZ // _RATE_HZ // 2
    summed = np.cumsum(np.abs(spectrum), dtype=np.float64)
    places = np.arange(spectrum.size)
    level = summed[np.minimum(places + half, spectrum.size - 1)] - summed[np.maximum(places - half, 0)]
    return np.asarray(spectrum / np.maximum(level, 1e-9), dtype=np.complex64)


def _alike(slow: NDArray[np.float32], before: NDArray[np.float32], shift: int) -> NDArray[np.bool_]:
    """Which seconds of one are those of the other, ``shift`` samples later."""
    moved = np.zeros(-(-slow.size // _RATE_HZ) * _RATE_HZ, np.float64)
    start, end = max(shift, 0), max(min(shift + before.size, slow.size), 0)
    moved[start:end] = before[start - shift : end - shift]
    ours = np.pad(slow.astype(np.float64), (0, moved.size - slow.size)).reshape(-1, _RATE_HZ)
    theirs = moved.reshape(-1, _RATE_HZ)
    energy = np.sqrt((ours**2).sum(axis=1) * (theirs**2).sum(axis=1))
    return np.asarray((ours * theirs).sum(axis=1) > _ALIKE * np.maximum(energy, 1e-12))


def _runs(values: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where runs of true values begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], values, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _without_runs(values: NDArray[np.bool_], of: bool, shorter_than: int) -> NDArray[np.bool_]:
    """Turn runs of a value that are too short into the other; at the ends of a recording too."""
    turned = values.copy()
    for start, end in _runs(values == of):
        if end - start < shorter_than:
            turned[start:end] = not of
    return turned
