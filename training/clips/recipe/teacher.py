# SPDX-License-Identifier: Apache-2.0
"""A larger network, trained on the same clips, whose opinions soften the labels of the one that ships.

It never leaves the training machine, so it may have what the C engine does not: residual additions, padding in
time, half a million weights.

References
----------
K. He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
G. Hinton et al., "Distilling the Knowledge in a Neural Network", arXiv:1503.02531.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from kws.training.clips.recipe.batches import RecipeBatches
from kws.training.clips.recipe.config import TeacherConfig
from kws.training.fit.callbacks import predict
from kws.training.fit.config import OptimizerConfig
from kws.training.fit.train import train

_SEEDS = 5_000_000
_DROPOUT = 0.3
_STAGES = 3


def build(config: TeacherConfig, input_shape: tuple[int, int, int], num_labels: int, *, seed: int) -> keras.Model:
    """Build the residual network up to its logits."""
    seeds = itertools.count(_SEEDS + seed * 1000)
    inputs = keras.Input(input_shape, name="features")
    x = _convolve(inputs, config.width, 5, 2, seeds)
    x = layers.ReLU()(x)
    for stage in range(1, _STAGES):
        for block in range(config.blocks_per_stage):
            x = _residual(x, config.width * 2**stage, 2 if block == 0 else 1, seeds)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(_DROPOUT, seed=next(seeds))(x)
    logits = layers.Dense(num_labels, kernel_initializer=keras.initializers.GlorotUniform(next(seeds)))(x)
    return keras.Model(inputs, logits, name="teacher")


def opinions(
    batches: RecipeBatches,
    config: TeacherConfig,
    optimizer: OptimizerConfig,
    folder: Path,
    strategy: tf.distribute.Strategy | None = None,
) -> NDArray[np.float32]:
    """Train the teacher and ask it about every variant of every clip.

    Parameters
    ----------
    batches : RecipeBatches
        Of the network that will learn from it.
    config : TeacherConfig
    optimizer : OptimizerConfig
        Of that network; the teacher's own settings replace some of it.
    folder : Path
        Gets the teacher's checkpoint.
    strategy : tf.distribute.Strategy, optional
        Of the processors that train together.

    Returns
    -------
    float32 array, shape [1 + variants, clips, labels]
        Posteriors.
    """
    own = replace(batches, masking=config.masking, batch_clips=config.batch_clips)
    trained = train(
        own,
        partial(build, config, own.input_shape, own.num_labels, seed=own.seed),
        replace(
            optimizer,
            epochs=config.epochs,
            batch_clips=config.batch_clips,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
        ),
        seed=own.seed,
        digest=folder.name,
        folder=folder,
        strategy=strategy,
    )
    dequantize = own.features.dequantize
    logits = [predict(trained.model, dequantize(rows)[..., None]) for rows in own.variants.features]
    return np.stack([_softmax(rows) for rows in logits])


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def _residual(x: keras.KerasTensor, channels: int, stride: int, seeds: Iterator[int]) -> keras.KerasTensor:
    y = layers.ReLU()(_convolve(x, channels, 3, stride, seeds))
    y = _convolve(y, channels, 3, 1, seeds)
    if x.shape[-1] != channels:
        x = layers.AveragePooling2D(stride, padding="same")(x) if stride > 1 else x
        x = _convolve(x, channels, 1, 1, seeds)
    return layers.ReLU()(layers.Add()([x, y]))


def _convolve(x: keras.KerasTensor, channels: int, kernel: int, stride: int, seeds: Iterator[int]) -> keras.KerasTensor:
    initializer = keras.initializers.HeNormal(seed=next(seeds))
    x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, kernel_initializer=initializer)(x)
    return layers.BatchNormalization(momentum=0.97)(x)
