# SPDX-License-Identifier: Apache-2.0
"""What happens beside the gradient steps: weight averaging, validation, checkpoints, the progress bar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kws.training.fit import checkpoint
from kws.training.fit.standing import Bars, Show, Standing

_PREDICT_CLIPS = 256


class WeightAverage(keras.callbacks.Callback):
    """Keeps ``averaged`` as the exponential moving average of the model, batch-norm statistics included.

    The decay rises from 0.1 to its value, ``(1 + step) / (10 + step)`` at most, so that the random start is
    forgotten at once.
    """

    def __init__(self, averaged: keras.Model, decay: float) -> None:
        super().__init__()
        self.averaged = averaged
        self._decay = decay

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Pair the variables once."""
        import tensorflow as tf

        pairs = list(zip(_changing(self.averaged), _changing(self.model), strict=True))

        @tf.function
        def update(step: tf.Tensor) -> None:
            step = tf.cast(step, tf.float32)
            decay = tf.minimum(self._decay, (1.0 + step) / (10.0 + step))
            for average, weight in pairs:
                average.assign(weight + decay * (average - weight))

        self._update = update

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the average."""
        self._update(self.model.optimizer.iterations)


def _changing(model: keras.Model) -> list[keras.Variable]:
    """Weights and statistics of all layers but those that were told to stay as they are."""
    return [weight for layer in model.layers if layer.trainable for weight in layer.weights]


Judged = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Makes logits ``[clips, classes]`` that validation labels count from logits ``[clips, labels]``."""


class Validation(keras.callbacks.Callback):
    """Adds ``val_accuracy`` and ``val_loss`` of the averaged network to an epoch's figures."""

    def __init__(
        self, averaged: keras.Model, inputs: NDArray[np.float32], labels: NDArray[np.int64], judged: Judged | None
    ) -> None:
        super().__init__()
        self._averaged, self._inputs, self._labels, self._judged = averaged, inputs, labels, judged

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure."""
        logits = predict(self._averaged, self._inputs).reshape(len(self._labels), -1)
        logits = self._judged(logits) if self._judged else logits
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_posteriors = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        if logs is not None:
            logs["val_accuracy"] = float((logits.argmax(axis=1) == self._labels).mean())
            logs["val_loss"] = float(-log_posteriors[np.arange(len(self._labels)), self._labels].mean())


class AfterEpoch(keras.callbacks.Callback):
    """Hands the number of the finished epoch, from 0, and the averaged network to a function."""

    def __init__(self, averaged: keras.Model, tell: Callable[[int, keras.Model], None]) -> None:
        super().__init__()
        self._averaged, self._tell = averaged, tell

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell."""
        self._tell(epoch, self._averaged)


class Checkpoint(keras.callbacks.Callback):
    """Saves after every epoch all that the next one depends on."""

    def __init__(
        self, path: Path, averaged: keras.Model, run_digest: str, history: tuple[dict[str, float], ...]
    ) -> None:
        super().__init__()
        self.path, self._averaged, self._digest = path, averaged, run_digest
        self.history = list(history)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Append the figures and write; an epoch that ended without a loss is not worth keeping."""
        if not np.isfinite((logs or {})["loss"]):
            return
        self.history.append({key: float(value) for key, value in (logs or {}).items()})
        progress = checkpoint.Progress(epochs_done=epoch + 1, history=tuple(self.history))
        checkpoint.save(self.path, state_of(self.model, self._averaged), progress, self._digest)


class RichProgress(keras.callbacks.Callback):
    """Shows how far a training is after every step: on a line of its own, or by telling somebody who shows it."""

    def __init__(self, epochs: int, steps_per_epoch: int, first_epoch: int, show: Show | None = None) -> None:
        super().__init__()
        self._epochs, self._steps, self._epoch = epochs, steps_per_epoch, first_epoch
        self._figures: dict[str, float] = {}
        self._bars = Bars([""])
        self._show = show

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Show the bar."""
        if self._show is None:
            self._bars.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Name the epoch."""
        self._epoch = epoch
        self._tell(0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Advance by one step."""
        self._figures |= {key: float((logs or {})[key]) for key in ("loss", "accuracy") if key in (logs or {})}
        self._tell(batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the validation accuracy."""
        self._figures |= {key: float(value) for key, value in (logs or {}).items()}
        self._tell(self._steps)

    def close(self) -> None:
        """Leave the last state on the screen; safe to call twice."""
        if self._show is None:
            self._bars.close()

    def _tell(self, steps_of_epoch: int) -> None:
        standing = Standing(
            epoch=self._epoch + 1,
            epochs=self._epochs,
            steps_done=self._epoch * self._steps + steps_of_epoch,
            steps=self._epochs * self._steps,
            figures=self._text(),
        )
        if self._show is None:
            self._bars.show(0, standing)
        else:
            self._show(standing)

    def _text(self) -> str:
        text = f"loss {self._figures.get('loss', 0.0):.3f}"
        if "accuracy" in self._figures:
            text += f"  train {self._figures['accuracy']:6.2%}"
        if "val_accuracy" in self._figures:
            text += f"  validation [bold green]{self._figures['val_accuracy']:.2%}[/]"
        return text


def state_of(model: keras.Model, averaged: keras.Model) -> list[list[Any]]:
    """Return all variables a run's future depends on: weights, seeds, optimizer moments, averages."""
    return [list(model.variables), list(model.optimizer.variables), list(averaged.variables)]


def predict(model: keras.Model, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Outputs ``[clips, labels]`` of a network for inputs ``[clips, frames, num_features, 1]``."""
    chunks = range(0, len(inputs), _PREDICT_CLIPS)
    outputs = [np.asarray(model(inputs[i : i + _PREDICT_CLIPS], training=False)) for i in chunks]
    return np.concatenate(outputs)
