# SPDX-License-Identifier: Apache-2.0
"""What the trunk learns from: pieces of speech, what the teacher says to them, and how they sound elsewhere."""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, to_int16
from kws.datasets.phonetics import english_words
from kws.datasets.synthetic import synthesize_utterances, vary
from kws.datasets.synthetic_choir import open_engines
from kws.features import Features, FeaturesConfig
from kws.training.augment.acoustics import Acoustics, AcousticsConfig, Waveform, resize
from kws.training.augment.sounds import draw_sound
from kws.training.trunk.teacher import SpeechEmbedding

PIECE_SAMPLES = 12 * SAMPLE_RATE_HZ
ENGINES = {"espeak-ng": 0.3, "hibari": 0.35, "flite": 0.35}
"""None that goes back to recordings for research only: words of the full size start from what these taught."""

_SIZES = (0.82, 1.22)
_GAP_S = (0.03, 0.6)
_LONGEST_SENTENCE = 4
_NUM_VOICES = 2000
_UTTERANCE_S = 1.25
"""Shorter than the mean, gap included: what is spoken must fill the hours asked for."""
_NUM_NOISES, _NOISE_S = 60, 8
_TEXTS, _GAPS, _OTHERS, _NOISES, _ELSEWHERE = 1, 2, 3, 4, 5
"""Which random stream a generator feeds; part of its seed."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """All pieces."""

    heard: NDArray[np.int8]
    """``[pieces, frames, bands]``: as it was spoken, or in a room, with noise, through a microphone."""
    embeddings: NDArray[np.float16]
    """``[pieces, count, 96]``: what the teacher says to each as it was spoken."""
    noise: NDArray[np.int8]
    """``[frames, bands]``: what is heard behind them while the trunk learns; may be empty."""

    def save(self, path: Path) -> None:
        """Write as ``.npz``."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Lessons:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in file.files})


def real_pieces(speech: Samples, seed: int, *, as_spoken: int = 1, by_others: int = 2) -> list[Samples]:
    """Cut recordings into pieces: so often as spoken, and so often by people of another size.

    Another person is the same piece resampled by 0.82 to 1.22: pitch, formants and tempo.
    """
    rng = np.random.default_rng([seed, _OTHERS])
    told = _cut(speech) * as_spoken
    for _ in range(by_others):
        for start in range(0, len(speech) - 2 * PIECE_SAMPLES + 1, PIECE_SAMPLES):
            longer = speech[start : start + 2 * PIECE_SAMPLES].astype(np.float32) / 32768.0
            told.append(to_int16(resize(longer, rng.uniform(*_SIZES))[:PIECE_SAMPLES]))
    return told


def synthetic_pieces(hours: float, seed: int, on_progress: Callable[[int, int], None]) -> list[Samples]:
    """English words and short rows of them, in all voices of this project."""
    engine = open_engines(ENGINES)
    rng = np.random.default_rng([seed, _TEXTS])
    words = english_words()
    count = math.ceil(hours * 3600.0 / _UTTERANCE_S)
    lengths = rng.integers(1, _LONGEST_SENTENCE + 1, count)
    texts = [" ".join(rng.choice(words, size=int(length))) for length in lengths]
    utterances = vary(texts, engine.voices(_NUM_VOICES, seed=seed), count, rng)
    spoken = synthesize_utterances(engine, utterances, on_progress=on_progress)
    rng = np.random.default_rng([seed, _GAPS])
    gaps = [np.zeros(int(rng.uniform(*_GAP_S) * SAMPLE_RATE_HZ), np.int16) for _ in spoken]
    stream = np.concatenate([part for pair in zip(spoken, gaps, strict=True) for part in pair])
    stream = stream[: round(hours * 3600.0 * SAMPLE_RATE_HZ)]
    return _cut(stream)


def _cut(stream: Samples) -> list[Samples]:
    return [stream[i : i + PIECE_SAMPLES] for i in range(0, len(stream) - PIECE_SAMPLES + 1, PIECE_SAMPLES)]


def make_lessons(
    pieces: Sequence[Samples],
    noise: Samples,
    features: FeaturesConfig,
    seed: int,
    elsewhere_share: float,
    on_progress: Callable[[int, int], None],
) -> Lessons:
    """Ask the teacher about every piece, and compute the features of how it sounds here or elsewhere, on all cores.

    Parameters
    ----------
    pieces : sequence of int16 arrays ``[PIECE_SAMPLES]``
    noise : int16 array
        Recorded backgrounds, in a row; sounds made on the spot are added.
    features : FeaturesConfig
        Of the network that learns.
    seed : int
    elsewhere_share : float
        Of the pieces, that are heard in a room, with noise, through a microphone; the rest as spoken.
    on_progress : callable
        Called with (done, total).
    """
    elsewhere = np.random.default_rng([seed, _ELSEWHERE]).random(len(pieces)) < elsewhere_share
    work = partial(_lesson, noise=noise, features=features, seed=seed)
    rows = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        for row in pool.map(work, range(len(pieces)), pieces, elsewhere.tolist(), chunksize=16):
            rows.append(row)
            on_progress(len(rows), len(pieces))
    heard, embeddings = zip(*rows, strict=True)
    behind = [Features(features).compute(to_int16(sound)) for sound in noises(noise, seed)]
    return Lessons(heard=np.stack(heard), embeddings=np.stack(embeddings), noise=np.concatenate(behind))


_workshop: tuple[SpeechEmbedding, Acoustics, Features] | None = None
"""Of this process: building it takes longer than a lesson."""


def _lesson(
    number: int, piece: Samples, elsewhere: bool, *, noise: Samples, features: FeaturesConfig, seed: int
) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    global _workshop
    if _workshop is None:
        acoustics = Acoustics(AcousticsConfig(), noises(noise, seed), seed=seed)
        _workshop = SpeechEmbedding(), acoustics, Features(features)
    teacher, acoustics, front_end = _workshop
    heard = piece
    if elsewhere:
        heard = acoustics.record(piece.astype(np.float32) / 32768.0, np.random.default_rng([seed, _ELSEWHERE, number]))
    return front_end.compute(heard), teacher.embed(piece).astype(np.float16)


def noises(noise: Samples, seed: int) -> list[Waveform]:
    """Sounds of 8 s made on the spot, and pieces of recorded ones."""
    rng = np.random.default_rng([seed, _NOISES])
    length = _NOISE_S * SAMPLE_RATE_HZ
    noises = [draw_sound(length, rng) for _ in range(_NUM_NOISES)]
    if len(noise) > length:
        starts = rng.integers(0, len(noise) - length, _NUM_NOISES)
        noises += [noise[start : start + length].astype(np.float32) / 32768.0 for start in starts]
    return noises
