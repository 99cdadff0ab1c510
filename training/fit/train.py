# SPDX-License-Identifier: Apache-2.0
"""Gradient descent: AdamW, cosine schedule, weight averaging, resumable, deterministic; whatever it learns from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kws.errors import TrainingError
from kws.training.fit import checkpoint
from kws.training.fit.callbacks import AfterEpoch, Checkpoint, Judged, RichProgress, Validation, WeightAverage, state_of
from kws.training.fit.config import OptimizerConfig
from kws.training.fit.seeding import make_deterministic
from kws.training.fit.standing import Show
from kws.training.fit.together import fit_together

CHECKPOINT_NAME = "checkpoint.npz"
_PARALLEL, _PREFETCHED = 2, 4
LOOKAHEAD_STEPS = _PARALLEL + _PREFETCHED + 2
"""Batches are made at most so many steps before they are learnt from."""

_RESTS_S = 0.3
"""What is made ahead is begun at once when there is room."""

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Of the targets and the outputs of a batch."""


class Batches(Protocol):
    """Where examples come from: a function of the step number, so that an interrupted run goes on where it was."""

    @property
    def steps_per_epoch(self) -> int:
        """How many batches make an epoch."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one example, as the network takes it."""

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Of what the network should say to one example."""

    def batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Inputs ``[batch, *input_shape]`` and targets ``[batch, *target_shape]`` of a step, counted from 0."""

    def validation(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Inputs and label numbers of examples that do not train."""


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """The averaged network of a finished run."""

    model: keras.Model
    """Features in real units to logits."""
    history: tuple[dict[str, float], ...]
    """One row of figures per epoch."""


def train(
    batches: Batches,
    network: Callable[[], keras.Model],
    optimizer: OptimizerConfig,
    *,
    seed: int,
    digest: str,
    folder: Path,
    loss: Loss | None = None,
    after_epoch: Callable[[int, keras.Model], None] | None = None,
    judged: Judged | None = None,
    strategy: tf.distribute.Strategy | None = None,
    show: Show | None = None,
) -> TrainedModel:
    """Train a network, or finish training it.

    Parameters
    ----------
    batches : Batches
    network : callable
        Makes the network with the weights to start from, to its logits; it is called twice.
    optimizer : OptimizerConfig
    seed : int
    digest : str
        Names everything trained weights depend on, see ``kws.training.fit.work``; a checkpoint of another is refused.
    folder : Path
        Gets ``checkpoint.npz`` after every epoch and TensorBoard logs in ``tensorboard/``. A checkpoint that lies
        there is gone on from.
    loss : callable, optional
        Cross-entropy with ``label_smoothing`` when not given.
    after_epoch : callable, optional
        Called with the number of the epoch, from 0, and the averaged network before the epoch counts as done. Batches
        are made up to `LOOKAHEAD_STEPS` ahead of the gradient steps: what it changes may show from the epoch after the
        next one on and not before.
    judged : callable, optional
        What validation makes of logits before it compares them with labels.
    strategy : tf.distribute.Strategy, optional
        Of the processors that train together, see ``kws.training.fit.together``.
    show : callable, optional
        Told after every step how far it is; a bar on the screen when not given.

    Raises
    ------
    TrainingError
        If the checkpoint does not belong to this run, or the loss stops being a number.
    """
    make_deterministic(seed)
    with strategy.scope() if strategy else nullcontext():
        model, averaged = network(), network()
        _compile(model, optimizer, batches.steps_per_epoch, loss)
    path = folder / CHECKPOINT_NAME
    done = checkpoint.Progress(epochs_done=0, history=())
    if path.exists():
        done = checkpoint.load(path, state_of(model, averaged), digest)
    saver = Checkpoint(path, averaged, digest, done.history)
    if done.epochs_done < optimizer.epochs:
        _fit(model, averaged, batches, optimizer, saver, after_epoch, judged, strategy, show)
    if len(saver.history) < optimizer.epochs:
        raise TrainingError("the loss is not a number any more; lower optimizer.learning_rate")
    return TrainedModel(model=averaged, history=tuple(saver.history))


class Loader:
    """Lets TensorFlow's threads make batches beside the gradient steps.

    When a training ends early, by Ctrl-C, an error or a loss that is no number, TensorFlow takes its threads down while
    it holds Python's lock, for which a thread that makes a batch would wait for ever: `rest` first.

    Parameters
    ----------
    batches : Batches
    """

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._working, self._changed = 0, threading.Condition()

    def dataset(self, first_epoch: int, epochs: int) -> tf.data.Dataset:
        """Batches of the epochs ``first_epoch <= epoch < epochs``."""
        inputs_shape, targets_shape = self._batches.input_shape, self._batches.target_shape

        def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            inputs, targets = tf.numpy_function(self._batch, [step], [tf.float32, tf.float32], stateful=False)
            return tf.ensure_shape(inputs, (None, *inputs_shape)), tf.ensure_shape(targets, (None, *targets_shape))

        per_epoch = self._batches.steps_per_epoch
        steps = tf.data.Dataset.range(first_epoch * per_epoch, epochs * per_epoch)
        return steps.map(load, num_parallel_calls=_PARALLEL, deterministic=True).prefetch(_PREFETCHED)

    def rest(self) -> None:
        """Return once no batch has been begun for a while: as many as are kept ahead of the steps are made then.

        Another Ctrl-C does not shorten it.
        """
        impatient: KeyboardInterrupt | None = None
        busy = True
        while busy:
            try:
                with self._changed:
                    busy = self._changed.wait(_RESTS_S) or self._working > 0
            except KeyboardInterrupt as again:
                impatient = again
        if impatient is not None:
            raise impatient

    def _batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self._count(1)
        try:
            return self._batches.batch(step)
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._changed:
            self._working += more
            self._changed.notify_all()


def _fit(
    model: keras.Model,
    averaged: keras.Model,
    batches: Batches,
    config: OptimizerConfig,
    saver: Checkpoint,
    after_epoch: Callable[[int, keras.Model], None] | None,
    judged: Judged | None,
    strategy: tf.distribute.Strategy | None,
    show: Show | None,
) -> None:
    """Go on after the epochs ``saver`` has on record."""
    first_epoch = len(saver.history)
    progress = RichProgress(config.epochs, batches.steps_per_epoch, first_epoch, show)
    # In this order: figures must be complete before they are saved, shown and logged.
    callbacks = [
        keras.callbacks.TerminateOnNaN(),
        WeightAverage(averaged, config.ema_decay),
        Validation(averaged, *batches.validation(), judged),
        *([AfterEpoch(averaged, after_epoch)] if after_epoch else []),
        saver,
        progress,
        keras.callbacks.TensorBoard(saver.path.parent / "tensorboard", write_graph=False),
    ]
    loader = Loader(batches)
    examples = loader.dataset(first_epoch, config.epochs)
    try:
        if strategy is not None:
            epochs = range(first_epoch, config.epochs)
            fit_together(model, examples, strategy, epochs, batches.steps_per_epoch, callbacks)
            return
        model.fit(
            examples,
            initial_epoch=first_epoch,
            epochs=config.epochs,
            steps_per_epoch=batches.steps_per_epoch,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    finally:
        if len(saver.history) < config.epochs:
            loader.rest()
        progress.close()


def _compile(model: keras.Model, config: OptimizerConfig, steps_per_epoch: int, loss: Loss | None) -> None:
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
    metrics = [] if loss else [keras.metrics.CategoricalAccuracy("accuracy")]
    loss = loss or keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    model.compile(optimizer, loss, metrics=metrics, jit_compile=False)
    optimizer.build(model.trainable_variables)  # variables born within the first step would have it traced twice
