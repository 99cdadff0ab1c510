"""The tf.data pipeline: augmented audio through the C front end to batches of the network's input.

Features are computed by the very code that runs on the board (``kws.features``), so training cannot disagree
with deployment. Every batch is a function of (seed, step): shuffling, augmentation and silence are the same in a
run that was interrupted and resumed as in one that was not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from kws.training.augment import mixing
from kws.training.clips.config import RunConfig
from kws.training.clips.dataset import SILENCE, ClipSet, TrainingData
from numpy.typing import NDArray

from kws.features import Features

if TYPE_CHECKING:
    import tensorflow as tf

_FEATURE_CHUNK = 256
_AUDIO, _SHUFFLE, _MASK = 1, 2, 3
"""Which random stream a generator feeds; part of its seed."""


@dataclass(frozen=True, kw_only=True)
class FeatureScale:
    """Real value = (int8 - zero_point) * scale: the input quantisation of the network."""

    scale: float
    zero_point: int

    def to_real(self, features: NDArray[np.int8]) -> NDArray[np.float32]:
        """Values ``[...]`` the float network sees; exactly what int8 arithmetic stands for."""
        return (features.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


class BatchMaker:
    """Makes training batches by number; owns the cache of augmented variants.

    Parameters
    ----------
    data : TrainingData
    run : RunConfig
    """

    def __init__(self, data: TrainingData, run: RunConfig) -> None:
        self._data, self._run = data, run
        self._features = Features(run.features)
        self.scale = FeatureScale(scale=run.features.scale, zero_point=run.features.zero_point)
        self._quota = _quota(data, run)
        self.epoch_clips = sum(self._quota.values())
        """Clips of one epoch, silence included."""
        self.steps_per_epoch = max(1, self.epoch_clips // run.optimizer.batch_clips)
        silence = self._quota.get(SILENCE, 0)
        self._cache = _VariantCache(run.augment.variants, len(data.training) + silence)

    def epoch_positions(self, epoch: int) -> NDArray[np.int64]:
        """Shuffled positions of an epoch's clips; from ``len(training)`` on they stand for silence."""
        rng = np.random.default_rng([self._run.seed, _SHUFFLE, epoch])
        clips = self._data.training
        chosen = []
        for label, count in self._quota.items():
            if label == SILENCE:
                chosen.append(len(clips) + np.arange(count))
                continue
            members = np.flatnonzero(clips.labels == self._data.labels.index(label))
            rounds = -(-count // members.size)
            chosen.append(np.concatenate([rng.permutation(members) for _ in range(rounds)])[:count])
        return rng.permutation(np.concatenate(chosen))

    def batch(self, step: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Features ``[batch, frames, num_features]`` and label numbers ``[batch]`` of a step, counted from 0."""
        epoch, index = divmod(step, self.steps_per_epoch)
        size = self._run.optimizer.batch_clips
        positions = self.epoch_positions(epoch)[index * size : (index + 1) * size]
        variants = self._run.augment.variants
        features = self._augmented(positions, epoch % variants if variants else epoch)
        rng = np.random.default_rng([self._run.seed, _MASK, step])
        return mixing.mask_features(features, self._run.augment, rng), self._labels(positions)

    def _labels(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        clips = self._data.training
        spoken = positions < len(clips)
        labels = np.full(positions.size, self._data.labels.index(SILENCE) if SILENCE in self._quota else -1)
        labels[spoken] = clips.labels[positions[spoken]]
        return labels

    def _augmented(self, positions: NDArray[np.int64], variant: int) -> NDArray[np.int8]:
        cached = self._cache.get(variant, positions)
        if cached is not None:
            return cached
        audio = np.stack([self._augment(int(position), variant) for position in positions])
        features = self._features.compute_batch(audio)
        self._cache.put(variant, positions, features)
        return features

    def _augment(self, position: int, variant: int) -> NDArray[np.int16]:
        rng = np.random.default_rng([self._run.seed, _AUDIO, variant, position])
        clips, noise, config = self._data.training, self._data.noise, self._run.augment
        if position >= len(clips):
            return mixing.make_silence(clips.audio.shape[1], noise, config, rng)
        return mixing.augment_speech(clips.audio[clips.rows[position]], noise, config, rng)

    def dataset(self, first_epoch: int, epochs: int) -> tf.data.Dataset:
        """Batches of the epochs ``first_epoch <= epoch < epochs`` as (float input, one-hot labels)."""
        import tensorflow as tf

        num_labels = len(self._data.labels)
        shape = (None, *self.input_shape[:2])
        scale, zero_point = self.scale.scale, self.scale.zero_point

        def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features, labels = tf.numpy_function(self.batch, [step], [tf.int8, tf.int64], stateful=False)
            features = tf.ensure_shape(features, shape)
            real = (tf.cast(features, tf.float32) - zero_point) * scale
            return real[..., None], tf.one_hot(tf.ensure_shape(labels, (None,)), num_labels)

        steps = tf.data.Dataset.range(first_epoch * self.steps_per_epoch, epochs * self.steps_per_epoch)
        return steps.map(load, num_parallel_calls=2, deterministic=True).prefetch(4)

    def validation(self) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Features ``[clips, frames, num_features]`` and label numbers of the validation clips, nothing added."""
        clips = self._data.validation
        return compute_features(clips, self._run), clips.labels

    def plain_features(self, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        """Features ``[len(positions), frames, num_features]`` of training clips, nothing added."""
        return self._features.compute_batch(self._data.training.clips(positions))

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Frames, features, 1."""
        samples = self._data.training.audio.shape[1]
        config = self._run.features
        frames = 1 + (samples - config.window_samples) // config.hop_samples
        return frames, config.num_features, 1


class _VariantCache:
    """Feature arrays of a fixed number of augmented variants, filled as they are first used."""

    def __init__(self, variants: int, positions: int) -> None:
        self._known = np.zeros((variants, positions), bool)
        self._features: NDArray[np.int8] | None = None

    def get(self, variant: int, positions: NDArray[np.int64]) -> NDArray[np.int8] | None:
        if not self._known.shape[0] or not self._known[variant, positions].all():
            return None
        assert self._features is not None
        features: NDArray[np.int8] = self._features[variant, positions]
        return features

    def put(self, variant: int, positions: NDArray[np.int64], features: NDArray[np.int8]) -> None:
        if not self._known.shape[0]:
            return
        if self._features is None:
            self._features = np.zeros((*self._known.shape, *features.shape[1:]), np.int8)
        self._features[variant, positions] = features
        self._known[variant, positions] = True


def compute_features(clips: ClipSet, run: RunConfig) -> NDArray[np.int8]:
    """Features ``[clips, frames, num_features]`` of a whole set, nothing added."""
    front_end = Features(run.features)
    chunks = range(0, len(clips), _FEATURE_CHUNK)
    return np.concatenate(
        [front_end.compute_batch(clips.clips(slice(start, start + _FEATURE_CHUNK))) for start in chunks]
    )


def _quota(data: TrainingData, run: RunConfig) -> dict[str, int]:
    """How many clips of each label an epoch holds."""
    counts = np.bincount(data.training.labels, minlength=len(data.labels))
    fractions = {label: share for label, share in run.data.fractions.items() if label in data.labels}
    natural = {
        label: int(counts[i]) for i, label in enumerate(data.labels) if label not in fractions and label != SILENCE
    }
    total = sum(natural.values()) / (1.0 - sum(fractions.values()))
    asked = {label: round(total * share) for label, share in fractions.items()}
    has_clips = {label: bool(counts[data.labels.index(label)]) or label == SILENCE for label in asked}
    return {label: n for label, n in (natural | asked).items() if n and has_clips.get(label, True)}
