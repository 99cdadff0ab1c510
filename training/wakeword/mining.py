# SPDX-License-Identifier: Apache-2.0
"""At which moments of hours of negatives a network of scenes comes nearest to waking (`kws.training.fit.mining`)."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from kws.features import FeaturesConfig
from kws.training.fit.mining import Rounds, draw, worst
from kws.training.fit.speech_trunk import ROW_FRAMES
from kws.training.wakeword.examples import WindowShape

_CHUNK_FRAMES, _CHUNKS = 3000, 8
"""Heard at once: the network is fastest so."""


class Mining(Rounds):
    """Rounds of listening to features of negatives.

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
        def find(averaged: keras.Model) -> NDArray[np.int64]:
            return worst(hear(averaged, negatives, features, shape.window_frames), moments)

        super().__init__(find, rounds=rounds if len(negatives) >= shape.scene_frames else (), folder=folder)


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
        asleep = np.logaddexp(logits[..., 0], logits[..., -1])
        for start, rows in zip(some, logits[..., 1:-1].max(axis=-1) - asleep, strict=True):
            margins[start : start + step] = rows
    return margins


def draw_starts(
    moments: NDArray[np.int64], count: int, shape: WindowShape, num_frames: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw where scenes begin that hold one of the moments, the worst most; as frames of the negatives."""
    decisions = (shape.scene_frames - shape.window_frames) // ROW_FRAMES
    starts = (draw(moments, count, rng) - rng.integers(0, decisions + 1, count)) * ROW_FRAMES
    return np.clip(starts, 0, num_frames - shape.scene_frames)
