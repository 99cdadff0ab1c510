# SPDX-License-Identifier: Apache-2.0
"""Audio as people have it in memory becomes what the core hears: mono int16 at the bundle's rate.

Files are read by `kws.audio`; this is for arrays, lists and blocks. Nothing is guessed: what could be meant in two
ways is refused, with the call that says which.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray

from kws.audio import FLOAT_LIMIT, HIGHEST_RATE_HZ, LOWEST_RATE_HZ, Samples, resample, to_int16
from kws.errors import AudioError


def as_mono(samples: ArrayLike) -> NDArray[Any]:
    """Return int16, or float64 of full scale ±1.0, of shape ``[num_samples]``.

    Parameters
    ----------
    samples : array_like
        int16 or other integers in the range of int16 (such as a list); or floats of full scale ±1.0. Of shape
        ``[n]``, ``[n, 1]`` or ``[1, n]``.

    Raises
    ------
    AudioError
        If there are several channels, or values that are not finite or of another scale.
    """
    try:
        array = np.asarray(samples)
    except ValueError as error:
        raise AudioError(
            f"samples: expected one array of numbers and got rows of different lengths ({error})"
        ) from None
    if array.ndim == 0:
        raise AudioError(
            f"samples: expected an array of int16, or of floats from -1 to 1, and got {type(samples).__name__}; turn "
            "bytes into samples with numpy.frombuffer(data, 'int16')"
        )
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim != 1:
        raise AudioError(
            f"samples: expected one channel [n] and got shape {list(array.shape)}; choose one with samples[:, 0], or "
            "average them with samples.mean(axis=1)"
        )
    if array.dtype == np.int16:
        return array
    if array.size == 0:
        return np.empty(0, np.int16)
    if np.issubdtype(array.dtype, np.floating):
        return _checked_floats(array.astype(np.float64))
    if np.issubdtype(array.dtype, np.integer) and array.dtype.itemsize > 1:
        return _checked_integers(array)
    raise AudioError(
        f"samples: expected int16, or floats from -1 to 1, and got {array.dtype}; scale them to floats from -1 to 1"
    )


def at_rate(samples: NDArray[Any], from_hz: int, to_hz: int) -> Samples:
    """Resample a whole recording from `as_mono`, exactly as `kws.audio.read_audio` does it with a file."""
    if from_hz == to_hz:
        return to_core(samples)
    return to_int16(resample(_as_floats(samples), from_hz=from_hz, to_hz=to_hz))


def to_core(samples: NDArray[Any]) -> Samples:
    """Round what `as_mono` gave to int16; int16 stays as it is."""
    return samples if samples.dtype == np.int16 else to_int16(samples)


def checked_rate(rate: float) -> int:
    """Return a sample rate in Hz as an integer.

    Raises
    ------
    AudioError
        If it is no whole number of Hz from 4000 to 768,000.
    """
    is_number = isinstance(rate, (int, float, np.integer, np.floating)) and not isinstance(rate, bool)
    if not is_number or not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ or rate != int(rate):
        raise AudioError(f"rate: expected a sample rate in Hz, such as rate=44100, and got {rate!r}")
    return int(rate)


class BlockResampler:
    """Resamples block by block; the blocks' sizes make no difference to the result.

    Parameters
    ----------
    from_hz, to_hz : int
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self.from_hz = from_hz
        self._stream = None
        if from_hz != to_hz:
            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float64", quality="HQ")

    def feed(self, samples: NDArray[Any]) -> Samples:
        """Take what `as_mono` gave; returns the samples that are certain by now."""
        if self._stream is None:
            return to_core(samples)
        return to_int16(self._stream.resample_chunk(_as_floats(samples)))

    def flush(self) -> Samples:
        """Return what is left at the end."""
        if self._stream is None:
            return np.empty(0, np.int16)
        return to_int16(self._stream.resample_chunk(np.empty(0, np.float64), last=True))


def _as_floats(samples: NDArray[Any]) -> NDArray[np.float64]:
    return samples / 32768.0 if samples.dtype == np.int16 else samples


def _checked_floats(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(samples).all():
        raise AudioError("samples: expected finite values and got NaN or infinity; look at where they come from")
    peak = float(np.abs(samples).max())
    if peak > FLOAT_LIMIT:
        raise AudioError(
            f"samples: expected floats from -1 to 1 and got up to {peak:g}; if they are of 16-bit scale, give "
            "samples.astype('int16')"
        )
    return samples


def _checked_integers(samples: NDArray[Any]) -> Samples:
    low, high = int(samples.min()), int(samples.max())
    if not -32768 <= low <= high <= 32767:
        raise AudioError(
            f"samples: expected integers of 16 bits (-32768 to 32767) and got {low} to {high}; for 32-bit audio give "
            "samples / 2**31"
        )
    return samples.astype(np.int16)
