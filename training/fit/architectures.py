# SPDX-License-Identifier: Apache-2.0
"""Depthwise-separable CNNs (DS-CNN) as plain chains of layers the C engine runs.

Only convolutions, depthwise convolutions, one average pool over all rows, dense and softmax: no residuals, and no
GlobalAveragePooling (it becomes TFLite's MEAN, which is not a streaming operation).

With ``time_padding = "valid"`` or ``"causal"`` nothing is padded behind the newest frame, so a row of any layer
depends only on rows already heard: the network streams, and each new frame costs only its new columns. ``causal``
begins with zeros, which lets a network of a long reach keep many rows to pool. Frequency is always padded.

References
----------
Y. Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", arXiv:1711.07128 (DS-CNN S, M, L).
"""

from __future__ import annotations

import itertools
import math

import keras
from keras import layers

from kws.errors import ConfigError
from kws.training.fit.config import BlockConfig, ModelConfig

_MAX_SEEDS = 1000


def build_logits_model(
    config: ModelConfig, *, input_shape: tuple[int, int, int], num_labels: int, seed: int
) -> keras.Model:
    """Build the network up to its logits, freshly initialised.

    Parameters
    ----------
    config : ModelConfig
    input_shape : tuple of int
        Frames, features per frame, 1.
    num_labels : int
    seed : int
        Of every initialiser and of dropout: the same seed gives the same weights.

    Returns
    -------
    keras.Model
        ``[clips, frames, num_features, 1]`` to logits ``[clips, num_labels]``.

    Raises
    ------
    ConfigError
        If a layer would have no rows left.
    """
    maker = _LayerMaker(config, seed)
    inputs = keras.Input(input_shape, name="features")
    x = maker.stem(inputs)
    for number, block in enumerate(config.blocks, start=1):
        x = maker.block(x, block, name=f"block{number}")
    x = layers.AveragePooling2D(x.shape[1:3], name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    if config.dropout:
        x = layers.Dropout(config.dropout, seed=maker.next_seed(), name="dropout")(x)
    initializer = keras.initializers.GlorotUniform(seed=maker.next_seed())
    logits = layers.Dense(num_labels, kernel_initializer=initializer, name="logits")(x)
    return keras.Model(inputs, logits, name="ds_cnn")


def with_softmax(model: keras.Model) -> keras.Model:
    """Return the network that ships: the same weights, posteriors instead of logits."""
    posteriors = layers.Softmax(name="posteriors")(model.output)
    return keras.Model(model.input, posteriors, name=model.name)


def count_macs(model: keras.Model) -> int:
    """Multiply-accumulates of one decision window."""
    macs = 0
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D | layers.Conv2D | layers.Dense):
            shape = layer.output.shape[1:]
            positions = shape[0] * shape[1] if len(shape) == 3 else 1
            macs += positions * math.prod(layer.kernel.shape)
    return macs


class _LayerMaker:
    """Makes the blocks of one network; knows its padding and hands out seeds in order."""

    def __init__(self, config: ModelConfig, seed: int) -> None:
        self._config = config
        self._seeds = itertools.count(seed * _MAX_SEEDS)

    def next_seed(self) -> int:
        return next(self._seeds)

    def stem(self, x: keras.KerasTensor) -> keras.KerasTensor:
        stem = self._config.stem
        x, padding = self._pad(x, stem.kernel, stem.strides, name="stem", folds=stem.frequency_padding == "valid")
        convolution = layers.Conv2D(
            stem.filters,
            stem.kernel,
            stem.strides,
            padding,
            use_bias=False,
            kernel_initializer=self._initializer(),
            name="stem",
        )
        return _normalise(convolution(x), "stem")

    def block(self, x: keras.KerasTensor, block: BlockConfig, *, name: str) -> keras.KerasTensor:
        x, padding = self._pad(x, block.kernel, block.strides, name=name, folds=block.frequency_padding == "valid")
        # TensorFlow moves depthwise kernels equally far both ways only; the pointwise one can skip columns instead.
        equal = block.strides[0] == block.strides[1]
        depthwise = layers.DepthwiseConv2D(
            block.kernel,
            block.strides if equal else 1,
            padding,
            use_bias=False,
            depthwise_initializer=self._initializer(),
            name=f"{name}_depthwise",
        )
        pointwise = layers.Conv2D(
            block.filters,
            1,
            1 if equal else block.strides,
            use_bias=False,
            kernel_initializer=self._initializer(),
            name=f"{name}_pointwise",
        )
        x = _normalise(depthwise(x), f"{name}_depthwise")
        return _normalise(pointwise(x), f"{name}_pointwise")

    def _initializer(self) -> keras.Initializer:
        return keras.initializers.HeNormal(seed=self.next_seed())

    def _pad(
        self, x: keras.KerasTensor, kernel: tuple[int, int], strides: tuple[int, int], *, name: str, folds: bool = False
    ) -> tuple[keras.KerasTensor, str]:
        """Pad by hand where time is not padded like frequency: a convolution pads both or none."""
        rows, columns = x.shape[1:3]
        if self._config.time_padding == "same":
            return x, "same"
        above = kernel[0] - 1 if self._config.time_padding == "causal" else 0
        if rows + above < kernel[0]:
            raise ConfigError(
                f"model: {name} spans {kernel[0]} rows and only {rows} are left; "
                'use fewer blocks, smaller kernels, or time_padding = "same"'
            )
        before_after = (0, 0) if folds else _same(columns, kernel[1], strides[1])
        if above or any(before_after):
            x = layers.ZeroPadding2D(((above, 0), before_after), name=f"{name}_pad")(x)
        return x, "valid"


def _same(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, TensorFlow's rule: the odd one goes behind."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def _normalise(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
