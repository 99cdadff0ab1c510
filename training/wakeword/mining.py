"""Mining: hear long negatives with the network as it is, and keep the windows that would wake it."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ
from kws.features import Features, FeaturesConfig
from training.callbacks import predict
from training.pipeline import FeatureScale
from training.wakeword.examples import Examples, WindowShape

MINED = "mined"
WAKES_AT = 0.3
"""Posterior of any word from which a negative window is worth learning from."""
_STRIDE_FRAMES = 4
_APART_S = 0.4
_BLOCK_WINDOWS = 16384


@dataclass(frozen=True, kw_only=True)
class Mined:
    """What one round found."""

    examples: Examples
    hours: float

    @property
    def per_hour(self) -> float:
        """Windows found per hour of negatives, those of one burst counted once."""
        return len(self.examples) / self.hours if self.hours > 0.0 else 0.0


def mine(model: keras.Model, stream: NDArray[np.int16], features: FeaturesConfig, shape: WindowShape) -> Mined:
    """Slide over a stream and keep the windows whose word posterior peaks above `WAKES_AT`.

    Parameters
    ----------
    model : keras.Model
        Features to logits.
    stream : int16 [samples]
        Negatives, any length.
    features : FeaturesConfig
    shape : WindowShape

    Returns
    -------
    Mined
        Windows with the peak in the middle of the jitter, labelled unknown.
    """
    frames = Features(features).compute(stream)
    scale = FeatureScale(scale=features.scale, zero_point=features.zero_point)
    scores = word_scores(model, frames, shape.window_frames, scale)
    apart = round(_APART_S * SAMPLE_RATE_HZ / shape.hop_samples / _STRIDE_FRAMES)
    starts = peaks(scores, apart) * _STRIDE_FRAMES - shape.jitter_frames // 2
    starts = starts[(starts >= 0) & (starts + shape.num_frames <= len(frames))]
    windows = frames[starts[:, None] + np.arange(shape.num_frames)]
    examples = Examples(
        features=windows,
        labels=np.zeros(len(starts), dtype=np.int64),
        sources=np.full(len(starts), MINED),
    )
    return Mined(examples=examples, hours=stream.size / SAMPLE_RATE_HZ / 3600.0)


def word_scores(
    model: keras.Model, frames: NDArray[np.int8], window_frames: int, scale: FeatureScale
) -> NDArray[np.float32]:
    """Highest posterior of any word ``[windows]``, for a window every fourth frame of ``[frames, num_features]``."""
    starts = np.arange(0, len(frames) - window_frames + 1, _STRIDE_FRAMES)
    scores = [np.zeros(0, dtype=np.float32)]
    for first in range(0, len(starts), _BLOCK_WINDOWS):
        block = starts[first : first + _BLOCK_WINDOWS, None] + np.arange(window_frames)
        scores.append(posteriors(model, scale.to_real(frames[block])[..., None])[:, 1:].max(axis=1))
    return np.concatenate(scores)


def posteriors(model: keras.Model, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Posteriors ``[clips, labels]`` for inputs ``[clips, frames, num_features, 1]``."""
    logits = predict(model, inputs)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def peaks(scores: NDArray[np.float32], apart: int) -> NDArray[np.int64]:
    """Positions of the highest score of each burst above `WAKES_AT`; bursts are at least `apart` positions apart."""
    loud = np.flatnonzero(scores >= WAKES_AT)
    if loud.size == 0:
        return loud
    bursts = np.split(loud, np.flatnonzero(np.diff(loud) > apart) + 1)
    return np.array([burst[np.argmax(scores[burst])] for burst in bursts], dtype=np.int64)
