# SPDX-License-Identifier: Apache-2.0
"""At which moments of hours of negatives a network comes nearest to waking: what it should learn from most.

Every round listens to all of them with the network of that epoch and keeps the worst moments in a file, so that a run
that was interrupted goes on with the moments it had.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from kws.training.fit.speech_trunk import ROW_FRAMES
from kws.training.wakeword.examples import WindowShape
from numpy.typing import NDArray

from kws.features import FeaturesConfig

_CHUNK_FRAMES, _CHUNKS = 3000, 8
"""Heard at once: the network is fastest so."""
_APART_DECISIONS = 25
"""One second: of moments nearer to each other the worst counts."""
_SMOOTHED_DECISIONS = 3
_USABLE_AFTER = 2
"""Epochs: batches of the next one may be under way while a round listens."""


class Mining:
    """Rounds of listening and what they found.

    Parameters
    ----------
    negatives : int8 [frames, num_features]
    features : FeaturesConfig
    shape : WindowShape
    rounds : tuple of int
        After how many epochs to listen.
    moments : int
        How many to keep.
    folder : Path
        Where each round's are kept.
    """

    def __init__(
        self,
        negatives: NDArray[np.int8],
        features: FeaturesConfig,
        shape: WindowShape,
        *,
        rounds: tuple[int, ...],
        moments: int,
        folder: Path,
    ) -> None:
        self._negatives, self._features, self._shape = negatives, features, shape
        self._rounds, self._count, self._folder = rounds, moments, folder
        self._found: dict[int, NDArray[np.int64]] = {}

    def after_epoch(self, epoch: int, averaged: keras.Model) -> None:
        """Listen, when a round is due; ``epoch`` counts from 0."""
        if epoch + 1 not in self._rounds or len(self._negatives) < self._shape.scene_frames:
            return
        scores = hear(averaged, self._negatives, self._features, self._shape.window_frames)
        path = self._file(epoch + 1)
        part = path.with_suffix(".part.npy")
        np.save(part, worst(scores, self._count))
        part.replace(path)

    def moments(self, epoch: int) -> NDArray[np.int64]:
        """Decisions to learn from in an epoch, counted from 0; the worst first, none before a round."""
        due = [done for done in self._rounds if done - 1 + _USABLE_AFTER <= epoch]
        if not due or len(self._negatives) < self._shape.scene_frames:
            return np.zeros(0, np.int64)
        if due[-1] not in self._found:
            self._found[due[-1]] = np.load(self._file(due[-1]))
        return self._found[due[-1]]

    def _file(self, done: int) -> Path:
        return self._folder / f"moments-{done:02d}.npy"


def hear(
    averaged: keras.Model, negatives: NDArray[np.int8], features: FeaturesConfig, window_frames: int
) -> NDArray[np.float32]:
    """How near the network is to waking at every decision of a stream of features.

    Parameters
    ----------
    averaged : keras.Model
        Of scenes.
    negatives : int8 [frames, num_features]
        At least a window.
    features : FeaturesConfig
    window_frames : int

    Returns
    -------
    float32 [decisions]
        The likeliest word's logit over that of anything else; decision ``i`` has heard ``window_frames + 2 i`` frames.
    """
    model = keras.Model(averaged.input, averaged.get_layer("logits").output)
    total = 1 + (len(negatives) - window_frames) // ROW_FRAMES
    step = min(1 + (_CHUNK_FRAMES - window_frames) // ROW_FRAMES, total)
    starts = np.minimum(np.arange(0, total, step), total - step)
    margins = np.empty(total, np.float32)
    inside = np.arange(window_frames + (step - 1) * ROW_FRAMES)
    for i in range(0, len(starts), _CHUNKS):
        some = starts[i : i + _CHUNKS]
        heard = features.dequantize(negatives[some[:, None] * ROW_FRAMES + inside])
        logits = np.asarray(model(heard, training=False))
        for start, rows in zip(some, logits[..., 1:].max(axis=-1) - logits[..., 0], strict=True):
            margins[start : start + step] = rows
    return margins


def worst(margins: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The decisions with the highest smoothed margins, the worst first, no two of them from one second."""
    smooth = np.convolve(margins, np.full(_SMOOTHED_DECISIONS, 1.0 / _SMOOTHED_DECISIONS), mode="same")
    seconds = len(smooth) // _APART_DECISIONS
    blocks = smooth[: seconds * _APART_DECISIONS].reshape(seconds, _APART_DECISIONS)
    peaks = blocks.argmax(axis=1) + np.arange(seconds) * _APART_DECISIONS
    free, kept = np.ones(len(smooth), bool), []
    for peak in peaks[np.argsort(-blocks.max(axis=1), kind="stable")].tolist():
        if free[peak]:
            kept.append(peak)
            free[max(peak - _APART_DECISIONS, 0) : peak + _APART_DECISIONS] = False
    return np.array(kept[:count], dtype=np.int64)


def draw_starts(
    moments: NDArray[np.int64], count: int, shape: WindowShape, num_frames: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw where scenes begin that hold one of the moments, the worst most; as frames of the negatives.

    The rank is drawn as the square of a uniform number: of 3000 moments the first hundred get a fifth of the draws.
    """
    chosen = moments[(len(moments) * rng.random(count) ** 2).astype(np.int64)]
    decisions = (shape.scene_frames - shape.window_frames) // ROW_FRAMES
    starts = (chosen - rng.integers(0, decisions + 1, count)) * ROW_FRAMES
    return np.clip(starts, 0, num_frames - shape.scene_frames)
