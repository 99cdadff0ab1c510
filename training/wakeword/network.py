# SPDX-License-Identifier: Apache-2.0
"""The network of a word project: the pretrained trunk, one more block as long as the word, and a row of logits.

Trained on whole scenes, it gives logits for every decision in them; shipped, the same weights look at one window,
and the C engine makes a stream of it again. In time alone everything is one-dimensional, which TensorFlow trains
several times faster than the two-dimensional layers that a bundle holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kws.audio import SAMPLE_RATE_HZ
from kws.features import FeaturesConfig
from kws.training.fit.architectures import build_logits_model
from kws.training.fit.config import BlockConfig, ModelConfig, StemConfig
from kws.training.fit.speech_trunk import ROW_FRAMES, Trunk, TrunkConfig, build, finished, normalised
from kws.training.wakeword.config import ScenesConfig
from kws.training.wakeword.examples import WindowShape
from kws.training.wakeword.speech import SpeechBank, word_durations_s

_SHORTEST_WINDOW_S = 0.8
_USUAL_TAKES = 0.9
"""The window holds this share of all takes whole; slower ones lose their beginning."""
_FIXED, _EMBEDDING = "fixed", "embedding"
"""Layers that only train."""


def window_shape(config: ScenesConfig, trunk: TrunkConfig, bank: SpeechBank, num_words: int) -> WindowShape:
    """Choose the window from how long the words take to say, and the scene from the window."""
    longest_s = max(
        float(np.quantile(word_durations_s(bank, label), _USUAL_TAKES)) for label in range(1, num_words + 1)
    )
    features = trunk.features
    wake_s = config.wake_frames * features.hop_samples / SAMPLE_RATE_HZ
    seconds = max(_SHORTEST_WINDOW_S, longest_s + wake_s + config.tail_ms / 1000.0)
    frames = 1 + (round(seconds * SAMPLE_RATE_HZ) - features.window_samples) // features.hop_samples
    window_frames = max(trunk.window_frames, frames + frames % ROW_FRAMES)
    return WindowShape(
        window_frames=window_frames,
        scene_frames=window_frames + config.decisions_per_scene * ROW_FRAMES,
        hop_samples=features.hop_samples,
        window_samples=features.window_samples,
        tail_samples=config.tail_ms * SAMPLE_RATE_HZ // 1000,
        wake_samples=config.wake_frames * features.hop_samples,
    )


def model_config(trunk: TrunkConfig, window_frames: int) -> ModelConfig:
    """The chain of layers that ships; the block behind the trunk spans all rows that the window leaves.

    A kernel over all rows weighs every moment of the word by itself; an average would forget their order.
    """
    rows = 1 + (window_frames - trunk.window_frames) // ROW_FRAMES
    return ModelConfig(
        stem=StemConfig(
            filters=trunk.channels,
            kernel=(trunk.stem_frames, trunk.features.num_features),
            strides=(ROW_FRAMES, 1),
            frequency_padding="valid",
        ),
        blocks=tuple(BlockConfig(filters=trunk.channels, kernel=(k, 1)) for k in (*trunk.kernel_frames, rows)),
        time_padding="valid",
        dropout=0.0,
    )


@dataclass(frozen=True, kw_only=True)
class WordNetwork:
    """The two forms of a word's network: for scenes, which trains, and for one window, which ships."""

    trunk: Trunk
    """Where it starts from."""
    window_frames: int
    num_labels: int
    anchor: float
    """Weight of what keeps it there: the embedding of a scene may not go far from what the trunk made of it."""
    seed: int

    @property
    def features(self) -> FeaturesConfig:
        """The front end, which the trunk brings."""
        return self.trunk.config.features

    def of_scenes(self) -> keras.Model:
        """Build the network that trains.

        Returns
        -------
        keras.Model
            ``[clips, frames, num_features]``, any number of frames from the window on, to logits
            ``[clips, decisions, labels]``.
        """
        scenes = keras.Input((None, self.features.num_features), name="features")
        learning, embedding = _in_two(self.trunk)
        heard = learning(scenes)
        word = model_config(self.trunk.config, self.window_frames).blocks[-1]
        start = [keras.initializers.HeNormal(seed=self.seed * 1000 + number) for number in range(2)]
        x = normalised(layers.DepthwiseConv1D(word.kernel[0], use_bias=False, depthwise_initializer=start[0])(heard))
        x = normalised(layers.Conv1D(word.filters, 1, use_bias=False, kernel_initializer=start[1])(x))
        initializer = keras.initializers.GlorotUniform(seed=self.seed * 1000 + 2)
        logits = layers.Dense(self.num_labels, kernel_initializer=initializer, name="logits")(x)
        fixed = finished(self.trunk, name=_FIXED)
        logits = Anchor(self.anchor)([logits, embedding(heard) - fixed(scenes)])
        return keras.Model(scenes, logits, name="scenes")

    def of_window(self, trained: keras.Model) -> keras.Model:
        """Return the network that ships, with the weights of the one that trained."""
        config = model_config(self.trunk.config, self.window_frames)
        shape = (self.window_frames, self.features.num_features, 1)
        model = build_logits_model(config, input_shape=shape, num_labels=self.num_labels, seed=self.seed)
        ours = model.get_weights()
        theirs = [
            weights
            for layer in trained.layers
            if layer.name not in (_FIXED, _EMBEDDING)
            for weights in layer.get_weights()
        ]
        model.set_weights([new.reshape(old.shape) for old, new in zip(ours, theirs, strict=True)])
        return model


class Anchor(layers.Layer):
    """Passes logits on; adds the mean square of the drift to the loss."""

    def __init__(self, weight: float, **options: Any) -> None:
        super().__init__(name="anchor", **options)
        self._weight = weight

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Take logits and drift."""
        logits, drift = inputs
        self.add_loss(self._weight * keras.ops.mean(keras.ops.square(drift)))
        return logits


def _in_two(trunk: Trunk) -> tuple[keras.Model, layers.Dense]:
    """The trunk up to its last block, and the layer that says the embedding."""
    whole = build(trunk.config, seed=0)
    whole.set_weights([*trunk.weights, *trunk.head])
    return keras.Model(whole.input, whole.layers[-2].output, name="trunk"), whole.layers[-1]
