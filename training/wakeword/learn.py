# SPDX-License-Identifier: Apache-2.0
"""Stage 3 of a word project: one network learns from whole scenes, most from the decisions it finds hardest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kws.features import FeaturesConfig
from kws.training.augment.features import MaskConfig
from kws.training.fit import work
from kws.training.fit.callbacks import predict
from kws.training.fit.config import OptimizerConfig
from kws.training.fit.quantize import choose_representative
from kws.training.fit.seeding import make_deterministic
from kws.training.fit.side_by_side import run_side_by_side
from kws.training.fit.standing import Bars, Show
from kws.training.fit.train import LOOKAHEAD_STEPS, train
from kws.training.wakeword.batches import WordBatches
from kws.training.wakeword.config import ExamplesConfig
from kws.training.wakeword.data import WordData
from kws.training.wakeword.examples import WORD_SOURCES, Examples, WindowShape
from kws.training.wakeword.mining import Mining
from kws.training.wakeword.network import WordNetwork

_HEARD_SHARE = 0.05
"""Of the scenes, beside all others, once there are recordings that it woke at and should not have."""
_RECOGNISED_AT = 0.5
_SEEDS_APART = 1000
_PAUSE_WEIGHT = 0.5
"""Of telling silence from all else that is no word, beside waking and not waking."""
_HARDEST = 3
"""Decisions of a scene that count as much as all its others together: what would wake in a stream is a peak."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The trained network."""

    model: keras.Model
    """For one window."""
    validation_accuracy: float
    held_out_recognised: float | None
    """Share of held-out recordings whose word posterior reaches 0.5 in some decision."""
    representative: NDArray[np.int8]
    """Windows ``[clips, frames, num_features]`` that set the ranges of the int8 network."""

    def __str__(self) -> str:
        """Say how well it went."""
        text = f"validation {self.validation_accuracy:.2%}"
        if self.held_out_recognised is not None:
            text += f", held-out recordings recognised {self.held_out_recognised:.0%}"
        return text


@dataclass(frozen=True, kw_only=True)
class Training:
    """One of the trainings of a word, see `kws.training.fit.side_by_side`; what it averaged ends in a file."""

    number: int
    """From 0; each draws other batches."""
    data: WordData
    network: WordNetwork
    shape: WindowShape
    examples: ExamplesConfig
    masks: MaskConfig
    optimizer: OptimizerConfig
    accents: bool
    """Whether it hears words in accents."""
    stage: Path
    """Folder of all trainings, named by everything that each depends on."""

    @property
    def folder(self) -> Path:
        """Its checkpoint, mined moments and result."""
        return self.stage / f"{self.number + 1}"

    @property
    def result(self) -> Path:
        """Where its `Weights` are, once it has ended."""
        return self.folder / "weights.npz"

    def __call__(self, show: Show) -> None:
        """Train, or go on after the last epoch that was finished."""
        with work.writing(self.folder):
            self.folder.mkdir(exist_ok=True)
            work.once(self.result, Weights, lambda: self._train(show))

    def _train(self, show: Show) -> Weights:
        batches, mining = self.batches()
        trained = train(
            batches,
            self.network.of_scenes,
            self.optimizer,
            seed=self.network.seed,
            digest=f"{self.stage.name}-{self.number + 1}",
            folder=self.folder,
            loss=partial(scene_loss, smoothing=self.optimizer.label_smoothing),
            after_epoch=mining.after_epoch,
            judged=merged,
            show=show,
        )
        return Weights(arrays=tuple(trained.model.get_weights()))

    def batches(self) -> tuple[WordBatches, Mining]:
        """Make its batches, and what finds their worst moments."""
        data, examples, optimizer = self.data, self.examples, self.optimizer
        training, mix = _batch_mix(data, examples, accents=self.accents)
        rounds = examples.mining_rounds if examples.per_epoch // optimizer.batch_clips > LOOKAHEAD_STEPS else ()
        mining = Mining(
            data.negatives,
            self.network.features,
            self.shape,
            rounds=rounds,
            moments=examples.mined_moments,
            folder=self.folder,
        )
        batches = WordBatches(
            training,
            data.validation,
            data.negatives,
            data.babble,
            self.network.features,
            shape=self.shape,
            config=examples,
            masks=self.masks,
            mix=mix,
            num_labels=self.network.num_labels,
            batch_clips=optimizer.batch_clips,
            seed=self.network.seed + _SEEDS_APART * self.number,
            mining=mining,
        )
        return batches, mining


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of a network, as `keras.Model.get_weights` gives them."""

    arrays: tuple[NDArray[np.float32], ...]

    def save(self, path: Path) -> None:
        """Write as ``.npz``."""
        np.savez(path, *self.arrays)

    @classmethod
    def load(cls, path: Path) -> Weights:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(arrays=tuple(file[name] for name in file.files))


def learn(
    data: WordData,
    network: WordNetwork,
    shape: WindowShape,
    *,
    examples: ExamplesConfig,
    masks: MaskConfig,
    optimizer: OptimizerConfig,
    trainings: int,
    num_representative: int,
    folder: Path,
) -> Learned:
    """Train, more than once and side by side; what an interrupted training left in the folder is gone on from.

    Parameters
    ----------
    data : WordData
    network : WordNetwork
        Its seed is that of everything.
    shape : WindowShape
    examples : ExamplesConfig
        What batches are made of.
    masks : MaskConfig
    optimizer : OptimizerConfig
    trainings : int
        From the same start, on other batches, every second one without accents. The network is the mean of all.
    num_representative : int
        Windows that set the ranges of the int8 network.
    folder : Path
        Named by all of that.

    Raises
    ------
    TrainingError
        If a training fails or its process is ended from outside.
    """
    first = Training(
        number=0,
        data=data,
        network=network,
        shape=shape,
        examples=examples,
        masks=masks,
        optimizer=optimizer,
        accents=True,
        stage=folder,
    )
    jobs = [replace(first, number=number, accents=number % 2 == 0) for number in range(trainings)]
    _train_all(jobs)
    batches, _ = first.batches()
    positions = choose_representative(len(data.training), num_representative, network.seed)
    make_deterministic(network.seed)
    model = network.of_scenes()
    model.set_weights(mean_of([Weights.load(job.result) for job in jobs]).arrays)
    return Learned(
        model=network.of_window(model),
        validation_accuracy=_accuracy(model, *batches.validation()),
        held_out_recognised=recognised(model, data.held_out, network.features),
        representative=batches.plain_features(positions),
    )


def _train_all(jobs: Sequence[Training]) -> None:
    """Let every result lie in its file."""
    left = [job for job in jobs if not job.result.exists()]
    with Bars([f"training {job.number + 1} of {len(jobs)}, " if len(jobs) > 1 else "" for job in left]) as bars:
        run_side_by_side(left, bars.show)


def mean_of(networks: Sequence[Weights]) -> Weights:
    """Return the mean of the weights of some networks.

    Trained from one start on other batches they are good at different mistakes, and their mean at most of them.

    References
    ----------
    Wortsman et al., "Model soups", arXiv:2203.05482.
    """
    same = zip(*(weights.arrays for weights in networks), strict=True)
    return Weights(arrays=tuple(np.stack(arrays).mean(axis=0, dtype=np.float64).astype(np.float32) for arrays in same))


def _accuracy(model: keras.Model, inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    logits = predict(model, inputs).reshape(len(labels), -1)
    return float((merged(logits).argmax(axis=1) == labels).mean())


def merged(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits ``[..., labels]`` with the first and the last, "unknown" and "silence", made one, the first."""
    asleep = np.logaddexp(logits[..., 0], logits[..., -1])
    return np.concatenate([asleep[..., None], logits[..., 1:-1]], axis=-1)


def scene_loss(targets: tf.Tensor, logits: tf.Tensor, *, smoothing: float) -> tf.Tensor:
    """Loss of a batch of scenes, whose decisions are not alike.

    Those that should wake count by their mean. Those that must not count by their mean and, just as much, by the
    mean of the hardest few: a false accept is one bad moment in an hour. For all that, silence is as good as unknown;
    which of the two it is counts by itself, where the targets say.

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
    unknown, silence = targets[..., 0], targets[..., -1]
    asleep, counts = tf.maximum(unknown, silence), tf.reduce_max(targets, axis=-1)
    quiet_logit = tf.reduce_logsumexp(tf.stack([logits[..., 0], logits[..., -1]]), axis=0)
    merged_logits = tf.concat([quiet_logit[..., None], logits[..., 1:-1]], axis=-1)
    right = tf.concat([asleep[..., None], targets[..., 1:-1]], axis=-1)
    soft = right * (1.0 - smoothing) + counts[..., None] * smoothing / tf.cast(tf.shape(right)[-1], tf.float32)
    losses = -tf.reduce_sum(soft * tf.nn.log_softmax(merged_logits), axis=-1)
    awake = counts - asleep
    hit = tf.math.divide_no_nan(tf.reduce_sum(losses * awake, axis=1), tf.reduce_sum(awake, axis=1))
    quiet = tf.math.divide_no_nan(tf.reduce_sum(losses * asleep, axis=1), tf.reduce_sum(asleep, axis=1))
    hardest = tf.reduce_mean(tf.math.top_k(losses * asleep, _HARDEST).values, axis=1)
    return hit + (quiet + hardest) / 2.0 + _PAUSE_WEIGHT * _pause_loss(counts, unknown, silence, logits)


def _pause_loss(counts: tf.Tensor, unknown: tf.Tensor, silence: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy of silence against unknown, mean over the decisions at which only one of them is right."""
    margin = logits[..., -1] - logits[..., 0]
    pause, talk = silence * (1.0 - unknown), counts * (1.0 - silence)
    losses = pause * tf.nn.softplus(-margin) + talk * tf.nn.softplus(margin)
    return tf.math.divide_no_nan(tf.reduce_sum(losses, axis=1), tf.reduce_sum(pause + talk, axis=1))


def _batch_mix(data: WordData, config: ExamplesConfig, *, accents: bool) -> tuple[Examples, dict[str, float]]:
    """All examples and the share of each kind in a batch; accents have theirs of the word's."""
    mix, examples = dict(config.mix), data.training
    if data.recordings is not None:
        if (data.recordings.sources == "recording").any():
            mix["recording"] = mix["word"] * config.recording_share
            mix["word"] -= mix["recording"]
        mix["heard"] = _HEARD_SHARE
        examples = Examples.join([data.training, data.recordings])
    words, accented = (int((examples.sources == source).sum()) for source in WORD_SOURCES)
    if accented and (accents or not words):
        mix["accent"] = mix["word"] * accented / (words + accented)
        mix["word"] -= mix["accent"]
    return examples, mix


def recognised(model: keras.Model, held_out: Examples | None, features: FeaturesConfig) -> float | None:
    """Share of scenes in which their word is likelier than all else at some moment; None without scenes."""
    if held_out is None or not len(held_out):
        return None
    logits = predict(model, features.dequantize(held_out.features))
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    posteriors = raised / raised.sum(axis=-1, keepdims=True)
    best = posteriors[np.arange(len(held_out)), :, held_out.labels].max(axis=1)
    return float((best >= _RECOGNISED_AT).mean())
