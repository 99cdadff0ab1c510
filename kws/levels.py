# SPDX-License-Identifier: Apache-2.0
"""What "10 dB SNR" means here: one definition of level for training, evaluation and benchmarks.

The level of speech is the root mean square between the first and the last moment of speech (``active_rms``): silence
before and behind a word does not make it quieter, pauses inside it do. The level of a background is the root mean
square of all of it (``rms``). SNR is the ratio of the two, in dB.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kws.audio import SAMPLE_RATE_HZ, Samples
from kws.endpoints import speech_bounds


def rms(samples: ArrayLike) -> float:
    """Root mean square of all samples, in their unit; 0 when there are none."""
    values = np.asarray(samples, dtype=np.float64)
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def peak_dbfs(samples: Samples) -> float:
    """Highest sample in dB of full scale; -100 for silence."""
    peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
    return float(20.0 * np.log10(peak / 32768.0)) if peak else -100.0


def active_rms(samples: Samples, *, sample_rate_hz: int = SAMPLE_RATE_HZ) -> float:
    """Root mean square over the speech in a recording, silence around it left out; 0 when there is no speech.

    Parameters
    ----------
    samples : numpy.ndarray
        int16 ``[num_samples]``; speech is found by its energy, see ``kws.endpoints.speech_bounds``.
    sample_rate_hz : int
        Of the samples.
    """
    bounds = speech_bounds(samples, sample_rate_hz=sample_rate_hz)
    return 0.0 if bounds is None else rms(samples[bounds[0] : bounds[1]])


def ratio(level_db: float) -> float:
    """Ratio of amplitudes that a level in dB stands for."""
    return float(10.0 ** (level_db / 20.0))


def background_gain(speech_level: float, background_level: float, snr_db: float) -> float:
    """Factor on a background that puts it ``snr_db`` below speech; 1 for a background that is digital silence.

    Parameters
    ----------
    speech_level : float
        ``active_rms`` of the speech.
    background_level : float
        ``rms`` of the background, in the same unit.
    snr_db : float
    """
    return speech_level / (background_level * ratio(snr_db)) if background_level > 0.0 else 1.0
