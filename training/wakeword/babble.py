# SPDX-License-Identifier: Apache-2.0
"""Several people talking at once, to be heard behind words: a room full of guests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, to_int16
from kws.levels import active_rms, ratio
from kws.training.augment.acoustics import Waveform

CROWD_S = 10.0
_SPEAKERS = (5, 10)
_NEARER_DB = 4.0
_LEVEL = 0.05
"""Of full scale, a speaker's."""
_RECORDED_SHARE = 0.5
"""Of the speakers, where there are recordings of speech."""
_BABBLE = 13


def make_babble(
    sentences: Sequence[NDArray[np.int16]], recorded: Sequence[NDArray[np.int16]], *, crowds: int, seed: int
) -> NDArray[np.int16]:
    """Let five to nine people talk at once, others every ten seconds.

    Parameters
    ----------
    sentences : sequence of int16 arrays
        Synthetic speech, short.
    recorded : sequence of int16 arrays
        Pieces of real speech.
    crowds : int
        How often they change.
    seed : int

    Returns
    -------
    int16 [samples]
        Empty when nobody says anything.
    """
    rng = np.random.default_rng([seed, _BABBLE])
    sources = [source for source in (sentences, recorded) if len(source)]
    if not sources or not crowds:
        return np.zeros(0, np.int16)
    shares = [1.0] if len(sources) == 1 else [1.0 - _RECORDED_SHARE, _RECORDED_SHARE]
    parts = []
    for _ in range(crowds):
        crowd = np.zeros(round(CROWD_S * SAMPLE_RATE_HZ), np.float32)
        for chosen in rng.choice(len(sources), rng.integers(*_SPEAKERS), p=shares):
            crowd += _talk(sources[chosen], crowd.size, rng)
        parts.append(to_int16(crowd))
    return np.concatenate(parts)


def _talk(source: Sequence[NDArray[np.int16]], num_samples: int, rng: np.random.Generator) -> Waveform:
    """One person who says one thing after the other, from anywhere in the first on."""
    said = [source[int(rng.integers(len(source)))]]
    said[0] = said[0][int(rng.integers(max(said[0].size, 1))) :]
    while sum(part.size for part in said) < num_samples:
        said.append(source[int(rng.integers(len(source)))])
    speech = np.concatenate(said)[:num_samples]
    level = _LEVEL * ratio(rng.uniform(-_NEARER_DB, _NEARER_DB))
    return speech.astype(np.float32) * np.float32(level / max(active_rms(speech), 1.0))
