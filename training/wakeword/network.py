"""The network of a word project: the pretrained trunk, one more block as long as the word, and a row of logits.

Trained on whole scenes, it gives logits for every decision in them; shipped, the same weights look at one window,
and the C engine makes a stream of it again. In time alone everything is one-dimensional, which TensorFlow trains
several times faster than the two-dimensional layers that a bundle holds.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from kws.training.clips.config import BlockConfig, DataConfig, ModelConfig, RunConfig, StemConfig
from kws.training.fit.architectures import build_logits_model
from kws.training.fit.speech_trunk import ROW_FRAMES, STEM_FRAMES, Trunk, TrunkConfig, build, normalised
from kws.training.wakeword.config import WordProject
from kws.training.wakeword.examples import WindowShape
from kws.training.wakeword.speech import SpeechBank, word_durations_s

from kws.audio import SAMPLE_RATE_HZ

LONGEST_WORD_S = 2.0
"""A longer phrase would need a window, and so a delay and memory, that a small board does not have."""

_SHORTEST_WINDOW_S = 0.8
_USUAL_TAKES = 0.9
"""The window holds this share of all takes whole; slower ones lose their beginning."""
_FIXED, _EMBEDDING = "fixed", "embedding"
"""Layers that only train."""


def window_shape(project: WordProject, trunk: TrunkConfig, bank: SpeechBank) -> WindowShape:
    """Choose the window from how long the words take to say, and the scene from the window."""
    longest_s = max(
        float(np.quantile(word_durations_s(bank, label), _USUAL_TAKES)) for label in range(1, len(project.labels))
    )
    features, examples = trunk.features, project.examples
    wake_s = examples.wake_frames * features.hop_samples / SAMPLE_RATE_HZ
    seconds = max(_SHORTEST_WINDOW_S, longest_s + wake_s + examples.tail_ms / 1000.0)
    frames = 1 + (round(seconds * SAMPLE_RATE_HZ) - features.window_samples) // features.hop_samples
    window_frames = max(trunk.window_frames, frames + frames % ROW_FRAMES)
    return WindowShape(
        window_frames=window_frames,
        scene_frames=window_frames + examples.decisions_per_scene * ROW_FRAMES,
        hop_samples=features.hop_samples,
        window_samples=features.window_samples,
        tail_samples=examples.tail_ms * SAMPLE_RATE_HZ // 1000,
        wake_samples=examples.wake_frames * features.hop_samples,
    )


def run_config(project: WordProject, trunk: TrunkConfig, shape: WindowShape) -> RunConfig:
    """The project as a run of `kws.training.fit.train`."""
    window_ms = 1000 * (shape.window_samples + (shape.window_frames - 1) * shape.hop_samples) // SAMPLE_RATE_HZ
    return RunConfig(
        name=project.name,
        seed=project.seed,
        data=DataConfig(labels=project.labels, clip_ms=window_ms, fractions={}),
        features=trunk.features,
        augment=project.masks,
        model=model_config(trunk, shape.window_frames),
        optimizer=project.optimizer,
        quantize=project.quantize,
    )


def model_config(trunk: TrunkConfig, window_frames: int) -> ModelConfig:
    """The chain of layers that ships; the block behind the trunk spans all rows that the window leaves.

    A kernel over all rows weighs every moment of the word by itself; an average would forget their order.
    """
    rows = 1 + (window_frames - trunk.window_frames) // ROW_FRAMES
    return ModelConfig(
        stem=StemConfig(
            filters=trunk.channels,
            kernel=(STEM_FRAMES, trunk.features.num_features),
            strides=(ROW_FRAMES, 1),
            frequency_padding="valid",
        ),
        blocks=tuple(BlockConfig(filters=trunk.channels, kernel=(k, 1)) for k in (*trunk.kernel_frames, rows)),
        time_padding="valid",
        dropout=0.0,
    )


def scene_network(run: RunConfig, trunk: Trunk, anchor: float) -> keras.Model:
    """Build the network that trains: scenes ``[clips, frames, num_features]`` to logits of every decision.

    Parameters
    ----------
    run : RunConfig
    trunk : Trunk
        Where it starts from.
    anchor : float
        Weight of what keeps it there: the embedding of a scene may not go far from what the trunk made of it.

    Returns
    -------
    keras.Model
        For any number of frames from the window on; gives ``[clips, decisions, labels]``.
    """
    scenes = keras.Input((None, run.features.num_features), name="features")
    learning, embedding = _in_two(trunk)
    heard = learning(scenes)
    word = run.model.blocks[-1]
    start = [keras.initializers.HeNormal(seed=run.seed * 1000 + number) for number in range(2)]
    x = normalised(layers.DepthwiseConv1D(word.kernel[0], use_bias=False, depthwise_initializer=start[0])(heard))
    x = normalised(layers.Conv1D(word.filters, 1, use_bias=False, kernel_initializer=start[1])(x))
    initializer = keras.initializers.GlorotUniform(seed=run.seed * 1000 + 2)
    logits = layers.Dense(len(run.data.labels), kernel_initializer=initializer, name="logits")(x)
    fixed = keras.Sequential(_in_two(trunk), name=_FIXED)
    fixed.trainable = False
    logits = Anchor(anchor)([logits, embedding(heard) - fixed(scenes)])
    return keras.Model(scenes, logits, name="scenes")


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


def window_network(run: RunConfig, trained: keras.Model, window_frames: int) -> keras.Model:
    """Return the network that ships, for one window, with the weights of the one that trained."""
    shape = (window_frames, run.features.num_features, 1)
    model = build_logits_model(run.model, input_shape=shape, num_labels=len(run.data.labels), seed=run.seed)
    ours = model.get_weights()
    theirs = [
        weights for layer in trained.layers if layer.name not in (_FIXED, _EMBEDDING) for weights in layer.get_weights()
    ]
    model.set_weights([new.reshape(old.shape) for old, new in zip(ours, theirs, strict=True)])
    return model


def _in_two(trunk: Trunk) -> tuple[keras.Model, layers.Dense]:
    """The trunk up to its last block, and the layer that says the embedding."""
    whole = build(trunk.config, seed=0)
    whole.set_weights([*trunk.weights, *trunk.head])
    return keras.Model(whole.input, whole.layers[-2].output, name="trunk"), whole.layers[-1]
