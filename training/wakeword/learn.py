"""Stage 3 of a word project: one network learns from whole scenes, most from the decisions it finds hardest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from kws.training.clips.config import RunConfig
from kws.training.clips.dataset import ClipSet, TrainingData
from kws.training.fit.callbacks import predict
from kws.training.fit.quantize import choose_calibration
from kws.training.fit.speech_trunk import Trunk
from kws.training.fit.train import train
from kws.training.wakeword import network
from kws.training.wakeword.batches import WordBatches
from kws.training.wakeword.config import WordProject
from kws.training.wakeword.examples import Examples, WindowShape
from numpy.typing import NDArray

Say = Callable[[str], None]

_RECOGNISED_AT = 0.5
_HARDEST = 3
"""Decisions of a scene that count as much as all its others together: what would wake in a stream is a peak."""


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Everything there is to learn from."""

    training: Examples
    """Synthetic words, near-misses, other speech, noise."""
    validation: Examples
    recordings: Examples | None
    """Scenes of the user's own takes."""
    held_out: Examples | None
    """Scenes of takes that only measure."""
    negatives: NDArray[np.int8]
    """Features of long audio ``[frames, num_features]`` without the words."""
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The trained network."""

    model: keras.Model
    """For one window."""
    validation_accuracy: float
    held_out_recognised: float | None
    """Share of held-out recordings whose word posterior reaches 0.5 in some decision."""
    calibration: NDArray[np.int8]
    """Windows ``[clips, frames, num_features]`` that set the ranges of the int8 network."""


def learn(
    project: WordProject,
    lessons: Lessons,
    run: RunConfig,
    shape: WindowShape,
    trunk: Trunk,
    folder: Path,
    say: Say,
) -> Learned:
    """Train; a checkpoint in the folder lets an interrupted training go on."""
    examples, mix = _lesson(project, lessons)
    batches = WordBatches(
        examples,
        lessons.validation,
        lessons.negatives,
        run,
        shape=shape,
        config=project.examples,
        mix=mix,
    )
    trained = train(
        _names(project, lessons),
        run,
        folder,
        resume=True,
        maker=batches,
        build=partial(network.scene_network, run, trunk, project.anchor),
        loss=partial(scene_loss, smoothing=run.optimizer.label_smoothing),
    )
    learned = Learned(
        model=network.window_network(run, trained.model, shape.window_frames),
        validation_accuracy=trained.history[-1]["val_accuracy"],
        held_out_recognised=_recognised(trained.model, lessons.held_out, batches),
        calibration=batches.plain_features(
            choose_calibration(len(lessons.training), run.quantize.calibration_clips, project.seed)
        ),
    )
    say(_sentence(learned))
    return learned


def scene_loss(targets: tf.Tensor, logits: tf.Tensor, *, smoothing: float) -> tf.Tensor:
    """Loss of a batch of scenes, whose decisions are not alike.

    Those that should wake count by their mean. Those that must not count by their mean and, just as much, by the
    mean of the hardest few: a false accept is one bad moment in an hour.

    Parameters
    ----------
    targets : [clips, decisions, labels]
        Of `batches.decision_targets`.
    logits : [clips, decisions, labels]
    smoothing : float
        Of the labels.

    Returns
    -------
    [clips]
    """
    counts = tf.reduce_max(targets, axis=-1)
    asleep = targets[..., 0]
    soft = targets * (1.0 - smoothing) + counts[..., None] * smoothing / tf.cast(tf.shape(targets)[-1], tf.float32)
    losses = -tf.reduce_sum(soft * tf.nn.log_softmax(logits), axis=-1)
    awake = counts - asleep
    hit = tf.math.divide_no_nan(tf.reduce_sum(losses * awake, axis=1), tf.reduce_sum(awake, axis=1))
    quiet = tf.math.divide_no_nan(tf.reduce_sum(losses * asleep, axis=1), tf.reduce_sum(asleep, axis=1))
    hardest = tf.reduce_mean(tf.math.top_k(losses * asleep, _HARDEST).values, axis=1)
    return hit + (quiet + hardest) / 2.0


def _lesson(project: WordProject, lessons: Lessons) -> tuple[Examples, dict[str, float]]:
    """All examples and the share of each kind in a batch."""
    mix = dict(project.examples.mix)
    if lessons.recordings is None:
        return lessons.training, mix
    mix["recording"] = mix["word"] * project.examples.recording_share
    mix["word"] -= mix["recording"]
    return Examples.join([lessons.training, lessons.recordings]), mix


def _recognised(model: keras.Model, held_out: Examples | None, batches: WordBatches) -> float | None:
    if held_out is None or not len(held_out):
        return None
    logits = predict(model, batches.scale.to_real(held_out.features))
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    posteriors = raised / raised.sum(axis=-1, keepdims=True)
    best = posteriors[np.arange(len(held_out)), :, held_out.labels].max(axis=1)
    return float((best >= _RECOGNISED_AT).mean())


def _names(project: WordProject, lessons: Lessons) -> TrainingData:
    """What `train` wants to know of the data when batches come from elsewhere: labels and a digest."""
    none = ClipSet(audio=np.zeros((0, 0), np.int16), rows=np.zeros(0, np.int64), labels=np.zeros(0, np.int64), words=())
    return TrainingData(labels=project.labels, training=none, validation=none, noise=(), sha256=lessons.sha256)


def _sentence(learned: Learned) -> str:
    text = f"validation {learned.validation_accuracy:.2%}"
    if learned.held_out_recognised is not None:
        text += f", held-out recordings recognised {learned.held_out_recognised:.0%}"
    return text
