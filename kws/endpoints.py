# SPDX-License-Identifier: Apache-2.0
"""Where the word is in a recording of one word, from its energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, Samples

BLOCK_S = 0.010
DROP_DB = 25.0
"""Speech reaches down to this far below its loudest block..."""
ABOVE_NOISE_DB = 6.0
"""...and stands out of the noise by this much."""
MAX_NOISE_BELOW_PEAK_DB = 10.0
"""In a recording that is speech from end to end the quietest blocks are no noise estimate: never ask for more."""
_SMOOTHING_BLOCKS = 3


def speech_bounds(samples: Samples, *, sample_rate_hz: int = SAMPLE_RATE_HZ) -> tuple[int, int] | None:
    """Estimate the first and one past the last sample of the word in a single-word recording.

    The level of 10 ms blocks, smoothed over three, is compared with a threshold between the recording's noise (its
    20 % quantile) and its peak. Good to some 30 ms, which is what an end-of-word latency needs.

    Parameters
    ----------
    samples : numpy.ndarray
        int16 ``[num_samples]``.
    sample_rate_hz : int
        Of the samples.

    Returns
    -------
    tuple of int or None
        None for digital silence and for recordings shorter than one block: there is no word to bound.
    """
    block = round(BLOCK_S * sample_rate_hz)
    num_blocks = len(samples) // block
    if num_blocks == 0 or not samples.any():
        return None
    level_db = _levels_db(samples[: num_blocks * block].reshape(num_blocks, block))
    peak_db = float(level_db.max())
    noise_db = float(np.quantile(level_db, 0.2))
    threshold_db = max(peak_db - DROP_DB, min(noise_db + ABOVE_NOISE_DB, peak_db - MAX_NOISE_BELOW_PEAK_DB))
    loud = np.flatnonzero(level_db >= threshold_db)
    return int(loud[0]) * block, (int(loud[-1]) + 1) * block


def _levels_db(blocks: NDArray[np.int16]) -> NDArray[np.float64]:
    """Level of each block ``[num_blocks, block_samples]`` in dB, smoothed; the mean is no part of it."""
    values = blocks.astype(np.float64)
    energy = values.var(axis=1)
    padded = np.pad(energy, _SMOOTHING_BLOCKS // 2, mode="edge")
    smoothed = np.convolve(padded, np.full(_SMOOTHING_BLOCKS, 1.0 / _SMOOTHING_BLOCKS), mode="valid")
    return np.asarray(10.0 * np.log10(smoothed + 1.0))
