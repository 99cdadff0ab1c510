# SPDX-License-Identifier: Apache-2.0
"""The negatives as a stream: where in them the network comes nearest to a keyword, and windows from there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import keras
import numpy as np
from numpy.typing import NDArray

from kws.features import Features, FeaturesConfig
from kws.training.augment.features import cut_windows
from kws.training.fit.mining import Rounds, draw

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
_CHUNK_FRAMES, _CHUNKS = 3000, 8
"""Heard at once: the network is fastest so."""
_WORKERS = 2
_NEAR_DECISIONS = 4
"""Windows lie up to so many decisions before or behind a moment."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Long recordings, one after the other."""

    features: NDArray[np.int8]
    """``[frames, num_features]``."""
    recordings: tuple[NDArray[np.int16], ...]
    firsts: NDArray[np.int64]
    """First frame of each recording, and the number of frames."""

    def audio(self, frames: NDArray[np.int64], num_samples: int, hop_samples: int) -> NDArray[np.int16]:
        """Samples ``[windows, num_samples]`` from where frames begin, moved to lie within a recording."""
        pieces = np.empty((len(frames), num_samples), np.int16)
        of = np.searchsorted(self.firsts, frames, side="right") - 1
        for piece, recording, frame in zip(pieces, of, frames, strict=True):
            samples = self.recordings[recording]
            start = (frame - self.firsts[recording]) * hop_samples
            start = int(np.clip(start, 0, samples.size - num_samples))
            piece[:] = samples[start : start + num_samples]
        return pieces


def stream(recordings: Sequence[NDArray[np.int16]], config: FeaturesConfig, num_samples: int) -> Stream:
    """Hear recordings with the front end; those shorter than a window are left out."""
    usable = tuple(recording for recording in recordings if recording.size >= num_samples)
    with ThreadPoolExecutor(_WORKERS) as pool:
        heard = list(pool.map(lambda recording: Features(config).compute(recording), usable))
    firsts = np.cumsum([0, *map(len, heard)])
    return Stream(features=np.concatenate(heard), recordings=usable, firsts=firsts)


def hear(
    network: keras.Model,
    build: Callable[[int], keras.Model],
    features: NDArray[np.int8],
    config: FeaturesConfig,
    spoken: Sequence[int],
) -> NDArray[np.float32]:
    """Posterior of the likeliest keyword at every decision of a stream.

    Parameters
    ----------
    network : keras.Model
        Clips to logits, as `kws.training.fit.architectures.build_logits_model` builds it.
    build : callable
        The same for another number of frames.
    features : int8 [frames, num_features]
    config : FeaturesConfig
    spoken : sequence of int
        Numbers of the keywords.

    Returns
    -------
    float32 [decisions]
        Decision ``i`` heard the window that begins with frame ``i * decision_frames(network)``, and in a causal network
        what was before it.
    """
    window, rows = network.input_shape[1], network.get_layer("pool").input.shape[1]
    stride, chunk = decision_frames(network), min(_CHUNK_FRAMES, len(features))
    longer = build(chunk)
    longer.set_weights(network.get_weights())
    body = keras.Model(longer.input, longer.get_layer("pool").input)
    starts = np.arange(0, len(features) - window + 1, (chunk - window) // stride * stride + stride)
    found = np.zeros(1 + (len(features) - window) // stride, np.float32)
    for i in range(0, len(starts), _CHUNKS):
        some = np.minimum(starts[i : i + _CHUNKS], (len(features) - chunk) // stride * stride)
        heard = config.dequantize(cut_windows(features, some, chunk))[..., None]
        likeliest = _posteriors(body(heard, training=False), rows, network)[..., list(spoken)].max(axis=-1)
        for start, values in zip(some // stride, likeliest, strict=True):
            found[start : start + len(values)] = values[: len(found) - start]
    return found


def decision_frames(network: keras.Model) -> int:
    """How many frames make a row of what the network pools, which is a decision of a stream."""
    return math.prod(layer.strides[0] for layer in network.layers if isinstance(layer, _CONVOLUTIONS))


def _posteriors(outputs: keras.KerasTensor, rows: int, network: keras.Model) -> NDArray[np.float32]:
    """What pool, dense layer and softmax make of rows ``[chunks, rows, columns, channels]``, window by window."""
    kernel, bias = (np.asarray(weight) for weight in network.get_layer("logits").weights)
    values = np.asarray(outputs).mean(axis=2)
    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0), (0, 0))), axis=1, dtype=np.float64)
    logits = (sums[:, rows:] - sums[:, :-rows]) / rows @ kernel + bias
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


@dataclass(frozen=True, kw_only=True)
class Mined:
    """Windows around the worst moments, for batches."""

    stream: Stream
    rounds: Rounds
    share: float
    """Of a batch."""
    stride: int
    """Frames between decisions."""
    past_epochs: int = 0
    """Epochs before the first of these batches."""

    def after(self, epochs: int) -> Mined:
        """Return the same for batches that follow so many epochs."""
        return replace(self, past_epochs=epochs)

    def starts(self, moments: NDArray[np.int64], window_frames: int) -> NDArray[np.int64]:
        """First frames of the windows of some decisions."""
        return np.asarray(np.clip(moments * self.stride, 0, len(self.stream.features) - window_frames))

    def draw(self, size: int, epoch: int, window_frames: int, rng: np.random.Generator) -> NDArray[np.int8]:
        """Draw windows ``[count, window_frames, num_features]`` for a batch, none before the first round."""
        moments = self.rounds.moments(self.past_epochs + epoch)
        count = round(size * self.share) if moments.size else 0
        near = draw(moments, count, rng) + rng.integers(-_NEAR_DECISIONS, _NEAR_DECISIONS + 1, count)
        return cut_windows(self.stream.features, self.starts(near, window_frames), window_frames)
