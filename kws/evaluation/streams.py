# SPDX-License-Identifier: Apache-2.0
"""Test streams: words mixed into long backgrounds at known places and a known signal-to-noise ratio.

A recipe and a seed give the same samples and the same truth on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, Samples, to_int16
from kws.endpoints import speech_bounds
from kws.errors import EvaluationError
from kws.evaluation.truth import HIT_TOLERANCE_S, Truth, Window
from kws.levels import active_rms, ratio, rms

MOST_SNR_DB = 100.0
"""Of 16-bit samples, one or the other is inaudible beyond it."""


@dataclass(frozen=True, kw_only=True)
class Word:
    """A recording of one word."""

    samples: Samples
    label: str | None
    """None: a distractor, which must not be spotted."""


@dataclass(frozen=True, kw_only=True)
class StreamRecipe:
    """How words and background become one stream."""

    snr_db: float = 10.0
    """Level of each word over the background's mean level."""
    word_dbfs: float = -26.0
    """Level of each word; -26 dB is the nominal speech level of ITU-T P.56."""
    min_gap_s: float = 2.0
    """Background between the end of a recording and the start of the next: at least a hit's tolerance."""
    max_gap_s: float = 5.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not HIT_TOLERANCE_S <= self.min_gap_s <= self.max_gap_s:
            raise EvaluationError(
                f"gaps between words: expected {HIT_TOLERANCE_S} s <= min <= max and got {self.min_gap_s} to "
                f"{self.max_gap_s} s; closer words would answer for each other"
            )
        if not -MOST_SNR_DB <= self.snr_db <= MOST_SNR_DB:
            raise EvaluationError(
                f"level of the words over the background: expected -{MOST_SNR_DB:g} to {MOST_SNR_DB:g} dB and got "
                f"{self.snr_db:g}; such as --snr-db 10"
            )


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Audio and what is said in it."""

    samples: Samples
    truth: Truth


def mix_stream(
    words: Sequence[Word], background: Samples, recipe: StreamRecipe, *, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> Stream:
    """Place every word once, in random order with random gaps, over a background repeated as often as needed.

    Parameters
    ----------
    words : sequence of Word
        Recordings that hold a word (its bounds are found by energy and become the truth window).
    background : numpy.ndarray
        int16 ``[num_samples]``, any length; read from a random place on, around its end.
    recipe : StreamRecipe
        Levels, gaps and seed.
    sample_rate_hz : int
        Of words and background.

    Returns
    -------
    Stream
        int16 samples and the truth windows of the labelled words.

    Raises
    ------
    EvaluationError
        If there is no word, a word is silent, or the background is empty.
    """
    if not words or background.size == 0:
        raise EvaluationError(
            f"a stream needs words and a background, got {len(words)} words and {background.size} samples"
        )
    random = np.random.default_rng(recipe.seed)
    order = random.permutation(len(words))
    gaps_s = random.uniform(recipe.min_gap_s, recipe.max_gap_s, len(words) + 1)
    gaps = np.rint(gaps_s * sample_rate_hz).astype(int)
    num_samples = int(gaps.sum()) + sum(word.samples.size for word in words)
    mixed = _background(background, num_samples, recipe, random)
    windows: list[Window] = []
    position = 0
    for gap, index in zip(gaps, order, strict=False):
        position += int(gap)
        word = words[index]
        start, end = _bounds(word, int(index), sample_rate_hz)
        mixed[position : position + word.samples.size] += _scaled(word.samples, recipe.word_dbfs, sample_rate_hz)
        if word.label is not None:
            windows.append(Window(label=word.label, start_sample=position + start, end_sample=position + end))
        position += word.samples.size
    truth = Truth(num_samples=num_samples, windows=tuple(windows), sample_rate_hz=sample_rate_hz)
    return Stream(samples=to_int16(mixed), truth=truth)


def _bounds(word: Word, index: int, sample_rate_hz: int) -> tuple[int, int]:
    bounds = speech_bounds(word.samples, sample_rate_hz=sample_rate_hz)
    if bounds is None:
        raise EvaluationError(f"word {index} ({word.label}): expected speech and got silence; leave it out")
    return bounds


def _background(
    background: Samples, num_samples: int, recipe: StreamRecipe, random: np.random.Generator
) -> NDArray[np.float64]:
    """Background of full scale ±1.0 at the recipe's level; digital silence stays silence."""
    start = int(random.integers(background.size))
    values = np.take(background, np.arange(start, start + num_samples), mode="wrap").astype(np.float64)
    has, wanted = rms(background), ratio(recipe.word_dbfs - recipe.snr_db)
    return values * (wanted / has) if has > 0.0 else values


def _scaled(samples: Samples, dbfs: float, sample_rate_hz: int) -> NDArray[np.float64]:
    """Word of full scale ±1.0 with its active level at ``dbfs``."""
    gain = ratio(dbfs) / active_rms(samples, sample_rate_hz=sample_rate_hz)
    return np.asarray(samples * gain, dtype=np.float64)
