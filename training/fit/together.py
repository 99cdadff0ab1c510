# SPDX-License-Identifier: Apache-2.0
"""Several processors, one network: synchronous gradient steps through `tf.distribute`.

Every batch is cut into equal parts, one per processor; gradients are summed before each step, so all keep the same
weights. Every worker makes all batches itself, they are functions of the step, and computes on its own parts. The loop
is ours because Keras' (3.15) cannot drive several workers: it reduces tuples where collectives take tensors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from kws.errors import ConfigError, TrainingError

StrategyName = Literal["one", "mirrored", "workers"]
_WORKERS = "TF_CONFIG"


def open_strategy(name: str) -> tf.distribute.Strategy | None:
    """Return what a name stands for; None for ``one``, the usual way.

    Parameters
    ----------
    name : str
        ``mirrored``: all GPUs of this machine. ``workers``: the machines in the environment variable ``TF_CONFIG``,
        each of which runs the same command with a folder of its own.

    Raises
    ------
    ConfigError
        If there is no such name, or no ``TF_CONFIG``.
    """
    if name not in get_args(StrategyName):
        raise ConfigError(f"--strategy: expected one of {', '.join(get_args(StrategyName))}, got {name!r}")
    if name == "one":
        return None
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if _WORKERS not in os.environ:
        raise ConfigError(
            f"--strategy workers: expected the workers' addresses in {_WORKERS}, and it is not set; as in "
            '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
        )
    return tf.distribute.MultiWorkerMirroredStrategy()


def fit_together(
    model: keras.Model,
    batches: tf.data.Dataset,
    strategy: tf.distribute.Strategy,
    epochs: range,
    steps_per_epoch: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train on the parts of every batch at once, calling back as `keras.Model.fit` does.

    Parameters
    ----------
    model : keras.Model
        Made and compiled in the strategy's scope.
    batches : tf.data.Dataset
        Inputs and targets, whole batches.
    strategy : tf.distribute.Strategy
    epochs : range
        Numbers of the epochs to come.
    steps_per_epoch : int
    callbacks : sequence of keras.callbacks.Callback

    Raises
    ------
    TrainingError
        If the workers do not stand at the same epoch.
    """
    _check_equal(strategy, epochs.start)
    called = keras.callbacks.CallbackList(list(callbacks), model=model)
    parts = iter(strategy.distribute_datasets_from_function(lambda context: _parts(batches, context)))
    step = _step(model, strategy)
    model.stop_training = False
    called.on_train_begin()
    for epoch in epochs:
        called.on_epoch_begin(epoch)
        losses = []
        for number in range(steps_per_epoch):
            losses.append(float(step(next(parts))))
            called.on_train_batch_end(number, {"loss": float(np.mean(losses))})
            if model.stop_training:
                return
        called.on_epoch_end(epoch, {"loss": float(np.mean(losses))})
    called.on_train_end()


def _step(model: keras.Model, strategy: tf.distribute.Strategy) -> Callable[[tuple[tf.Tensor, tf.Tensor]], tf.Tensor]:
    def part(inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            # Keras has divided it by the number of processors: parts add up.
            value = model.compute_loss(y=targets, y_pred=model(inputs, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        for statistic in model.non_trainable_variables:  # of the batch norms, each of which heard its part alone
            if statistic.dtype == "float32":
                statistic.assign(_over_all(tf.distribute.ReduceOp.MEAN, statistic.value))
        return _over_all(tf.distribute.ReduceOp.SUM, value)

    def whole(batch: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        return strategy.experimental_local_results(strategy.run(part, args=batch))[0]

    return tf.function(whole)


def _parts(batches: tf.data.Dataset, context: tf.distribute.InputContext) -> tf.data.Dataset:
    """One after the other, the parts of every batch that this machine computes on."""
    count = context.num_replicas_in_sync
    own = count // context.num_input_pipelines
    first = context.input_pipeline_id * own

    def cut(*batch: tf.Tensor) -> tf.data.Dataset:
        size = tf.shape(batch[0])[0] // count
        return tf.data.Dataset.range(first, first + own).map(
            lambda part: tuple(values[part * tf.cast(size, tf.int64) :][:size] for values in batch)
        )

    return batches.flat_map(cut)


def _over_all(operation: tf.distribute.ReduceOp, value: tf.Tensor) -> tf.Tensor:
    """Sum or mean over all processors, called on each."""
    return tf.distribute.get_replica_context().all_reduce(operation, tf.identity(value))  # on a device, as it must be


def _check_equal(strategy: tf.distribute.Strategy, epoch: int) -> None:
    @tf.function
    def mean() -> tf.Tensor:
        return strategy.run(lambda: _over_all(tf.distribute.ReduceOp.MEAN, tf.constant(float(epoch))))

    found = float(strategy.experimental_local_results(mean())[0])
    if found != epoch:
        raise TrainingError(
            f"the workers have not finished the same epochs (this one {epoch}, their mean {found:g}); give all "
            "of them the checkpoint of one"
        )
