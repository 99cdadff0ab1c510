# SPDX-License-Identifier: Apache-2.0
"""The trunk: one convolution over all bands, then separable convolutions in time alone, as word networks begin with.

Without padding: a row hears `window_frames` frames, which is about what the teacher hears, and every two frames give
a row. Its file holds the weights in the order of `keras.Model.get_weights` and the settings they were trained for.
"""

from __future__ import annotations

import itertools
import json
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from kws.errors import TrainingError
from kws.features import FeaturesConfig
from kws.training.fit import settings

ROW_FRAMES = 2
"""Frames per row."""
EMBEDDING_SIZE = 96
"""Numbers in the speech embedding that it learnt to say, see `kws.training.trunk.teacher`."""
_INFO = "info"
_EPSILON = 1e-3


@dataclass(frozen=True, kw_only=True)
class TrunkConfig:
    """What the weights fit."""

    features: FeaturesConfig = field(
        default_factory=lambda: FeaturesConfig(mel_high_hz=7600.0, num_coefficients=None, scale=0.05, zero_point=-28)
    )
    channels: int = 96
    kernel_frames: tuple[int, ...] = (4, 4, 4, 4, 3, 3)
    """Rows each block's depthwise kernel spans."""
    stem_frames: int = 6
    """Frames the first convolution spans."""

    @property
    def window_frames(self) -> int:
        """Frames behind one row of the last block."""
        return self.stem_frames + ROW_FRAMES * sum(kernel - 1 for kernel in self.kernel_frames)


_SLOW = FeaturesConfig(
    window_samples=512,
    hop_samples=640,
    num_mel_bands=32,
    mel_high_hz=7600.0,
    num_coefficients=None,
    scale=0.05,
    zero_point=-28,
)
"""A frame costs 25,000 cycles, whatever is made of it: so fewer of them, 8 ms apart, and more network for each."""
SIZES: dict[str, TrunkConfig] = {
    "micro": TrunkConfig(features=_SLOW, channels=60, kernel_frames=(3, 3, 3, 3), stem_frames=4),
    "small": TrunkConfig(
        features=replace(TrunkConfig().features, window_samples=512, hop_samples=512),
        channels=80,
        kernel_frames=(3, 3, 3, 3, 3),
        stem_frames=4,
    ),
    "full": TrunkConfig(),
}
"""Shapes of what is in `kws.training.fit.config.TRUNK_FILES`."""


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """A trained trunk."""

    config: TrunkConfig
    weights: tuple[NDArray[np.float32], ...]
    """Of the layers that word networks start from."""
    head: tuple[NDArray[np.float32], ...]
    """Kernel and bias of the dense layer that says the (normalised) embedding."""


def build(config: TrunkConfig, *, seed: int) -> keras.Model:
    """Frames ``[clips, frames, bands]`` in real units to normalised embeddings ``[clips, rows, 96]``."""
    seeds = itertools.count(seed * 1000)
    frames = keras.Input((None, config.features.num_features), name="features")
    x = normalised(
        layers.Conv1D(config.channels, config.stem_frames, ROW_FRAMES, use_bias=False, **_start(seeds))(frames)
    )
    for kernel in config.kernel_frames:
        depthwise = {"depthwise_initializer": _start(seeds)["kernel_initializer"]}
        x = normalised(layers.DepthwiseConv1D(kernel, use_bias=False, **depthwise)(x))
        x = normalised(layers.Conv1D(config.channels, 1, use_bias=False, **_start(seeds))(x))
    return keras.Model(frames, layers.Dense(EMBEDDING_SIZE, name="embedding")(x), name="trunk")


def finished(trunk: Trunk, *, name: str) -> keras.Model:
    """The network of `build` with the weights of a trunk, to use and not to train: its norms are in its convolutions.

    It says the same in fewer passes over what lies between the layers.
    """
    config, weights = trunk.config, iter(trunk.weights)

    def with_weights(layer: layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
        y = layer(x)
        kernel, gamma, beta, mean, variance = itertools.islice(weights, 5)
        scale = gamma / np.sqrt(variance + _EPSILON)
        per_output = scale[:, None] if isinstance(layer, layers.DepthwiseConv1D) else scale
        layer.set_weights([kernel * per_output, beta - mean * scale])
        return y

    frames = keras.Input((None, config.features.num_features), name="features")
    x = with_weights(layers.Conv1D(config.channels, config.stem_frames, ROW_FRAMES, activation="relu"), frames)
    for kernel in config.kernel_frames:
        x = with_weights(layers.DepthwiseConv1D(kernel, activation="relu"), x)
        x = with_weights(layers.Conv1D(config.channels, 1, activation="relu"), x)
    head = layers.Dense(EMBEDDING_SIZE, name="embedding")
    model = keras.Model(frames, head(x), name=name)
    head.set_weights(trunk.head)
    model.trainable = False
    return model


def normalised(x: keras.KerasTensor) -> keras.KerasTensor:
    """Batch norm and ReLU."""
    return layers.ReLU()(layers.BatchNormalization(momentum=0.97, epsilon=_EPSILON)(x))


def save(model: keras.Model, config: TrunkConfig, path: Path) -> None:
    """Write a trained network; half precision is finer than int8 will be."""
    arrays: dict[str, Any] = {_INFO: np.array(json.dumps(settings.to_dict(config)))}
    arrays |= {str(i): weights.astype(np.float16) for i, weights in enumerate(model.get_weights())}
    np.savez_compressed(path, **arrays)


def load(path: Path) -> Trunk:
    """Read what `save` wrote.

    Raises
    ------
    TrainingError
        If the file is missing or broken.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            config = settings.parse(TrunkConfig, json.loads(str(file[_INFO])), where=str(path))
            weights = [file[str(number)].astype(np.float32) for number in range(len(file.files) - 1)]
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise TrainingError(
            f"{path}: no readable trunk ({error}); make it with python -m kws.training.trunk"
        ) from error
    return Trunk(config=config, weights=tuple(weights[:-2]), head=tuple(weights[-2:]))


def _start(seeds: itertools.count[int]) -> dict[str, keras.Initializer]:
    return {"kernel_initializer": keras.initializers.HeNormal(seed=next(seeds))}
