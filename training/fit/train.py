"""Gradient descent on one run's network: AdamW, cosine schedule, weight averaging, resumable, deterministic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from kws.training.clips.batches import BatchMaker, FeatureScale
from kws.training.clips.config import OptimizerConfig, RunConfig
from kws.training.clips.dataset import TrainingData
from kws.training.fit import checkpoint, settings
from kws.training.fit.architectures import build_logits_model
from kws.training.fit.callbacks import Checkpoint, RichProgress, Validation, WeightAverage, state_of
from numpy.typing import NDArray

from kws.errors import TrainingError

CHECKPOINT_NAME = "checkpoint.npz"
_TEACHING = ("seed", "data", "features", "augment", "model", "optimizer", "recipe")
"""Settings of a run that trained weights depend on; names, thresholds and quantisation are none of them."""


class Batches(Protocol):
    """Where training batches come from: a function of the step number, so that a run can be resumed."""

    scale: FeatureScale
    steps_per_epoch: int

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Frames, features, 1."""

    def dataset(self, first_epoch: int, epochs: int) -> tf.data.Dataset:
        """Batches of the epochs ``first_epoch <= epoch < epochs`` as (float inputs, targets over the labels)."""

    def validation(self) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Features and label numbers of the validation clips."""

    def plain_features(self, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        """Features of some training clips, nothing added; they calibrate the quantisation."""


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """The averaged network of a finished run."""

    model: keras.Model
    """Features in real units to logits."""
    history: tuple[dict[str, float], ...]
    """One row of figures per epoch."""


def make_deterministic(seed: int) -> None:
    """Same seed, same bits: seeds everything and forbids operations whose result depends on timing."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def digest_of(run: RunConfig, data: TrainingData) -> str:
    """Name of everything trained weights depend on: a checkpoint of another is refused."""
    values = settings.to_dict(run)
    return checkpoint.digest({name: values[name] for name in _TEACHING}, data.sha256)


def train(
    data: TrainingData,
    run: RunConfig,
    folder: Path,
    *,
    resume: bool = False,
    maker: Batches | None = None,
    build: Callable[[], keras.Model] | None = None,
    start: keras.Model | None = None,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
) -> TrainedModel:
    """Train the network a configuration describes.

    Parameters
    ----------
    data : TrainingData
    run : RunConfig
    folder : Path
        Gets ``checkpoint.npz`` after every epoch and TensorBoard logs in ``tensorboard/``.
    resume : bool
        Go on after the checkpoint in ``folder``, if there is one.
    maker : Batches, optional
        Where batches and validation come from, if not straight from ``data``.
    build : callable, optional
        Makes the freshly initialised network, if it is not the one of ``run.model``.
    start : keras.Model, optional
        A network of the same shape to go on from, instead of fresh weights.
    loss : callable, optional
        Of (targets, outputs) of a batch; cross-entropy with ``label_smoothing`` when not given.

    Raises
    ------
    TrainingError
        If the checkpoint does not belong to this run, or the loss stops being a number.
    """
    make_deterministic(run.seed)
    maker = maker or BatchMaker(data, run)
    build = build or partial(_build, run, maker, len(data.labels))
    model, averaged = build(), build()
    if start is not None:
        model.set_weights(start.get_weights())
        averaged.set_weights(start.get_weights())
    _compile(model, run.optimizer, maker.steps_per_epoch, loss)
    path = folder / CHECKPOINT_NAME
    run_digest = digest_of(run, data)
    done = checkpoint.Progress(epochs_done=0, history=())
    if resume and path.exists():
        done = checkpoint.load(path, state_of(model, averaged), run_digest)
    saver = Checkpoint(path, averaged, run_digest, done.history)
    if done.epochs_done < run.optimizer.epochs:
        _fit(model, averaged, maker, run.optimizer, saver)
    if len(saver.history) < run.optimizer.epochs:
        raise TrainingError("the loss is not a number any more; lower optimizer.learning_rate")
    return TrainedModel(model=averaged, history=tuple(saver.history))


def _fit(model: keras.Model, averaged: keras.Model, maker: Batches, config: OptimizerConfig, saver: Checkpoint) -> None:
    """Go on after the epochs ``saver`` has on record."""
    first_epoch = len(saver.history)
    features, labels = maker.validation()
    inputs = maker.scale.to_real(features)[..., None]
    progress = RichProgress(config.epochs, maker.steps_per_epoch, first_epoch)
    # In this order: figures must be complete before they are saved, shown and logged.
    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        WeightAverage(averaged, config.ema_decay),
        Validation(averaged, inputs, labels),
        saver,
        progress,
        keras.callbacks.TensorBoard(saver.path.parent / "tensorboard", write_graph=False),
    ]
    try:
        model.fit(
            maker.dataset(first_epoch, config.epochs),
            initial_epoch=first_epoch,
            epochs=config.epochs,
            steps_per_epoch=maker.steps_per_epoch,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    finally:
        progress.close()


def _build(run: RunConfig, maker: Batches, num_labels: int) -> keras.Model:
    return build_logits_model(run.model, input_shape=maker.input_shape, num_labels=num_labels, seed=run.seed)


def _compile(
    model: keras.Model,
    config: OptimizerConfig,
    steps_per_epoch: int,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None,
) -> None:
    warmup = round(config.warmup_epochs * steps_per_epoch)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else config.learning_rate,
        decay_steps=max(1, config.epochs * steps_per_epoch - warmup),
        alpha=config.final_learning_rate / config.learning_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    metrics = [] if loss else ["accuracy"]
    loss = loss or keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    model.compile(optimizer, loss, metrics=metrics, jit_compile=False)
    optimizer.build(model.trainable_variables)
