# SPDX-License-Identifier: Apache-2.0
"""Augmented audio through the C front end to batches of the network's input.

Features are computed by the very code that runs on the board (``kws.features``), so training cannot disagree
with deployment. Every batch is a function of (seed, step): shuffling, augmentation and silence are the same in a
run that was interrupted and resumed as in one that was not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kws.features import Features, FeaturesConfig
from kws.labels import SILENCE
from kws.training.augment import mixing
from kws.training.augment.features import mask_features
from kws.training.augment.mixing import AugmentConfig
from kws.training.clips.dataset import ClipSet, TrainingData

_FEATURE_CHUNK = 256
_AUDIO, _SHUFFLE, _MASK = 1, 2, 3
"""Which random stream a generator feeds; part of its seed."""


class ClipBatches:
    """Makes training batches by number; owns the cache of augmented variants.

    Parameters
    ----------
    data : TrainingData
    features : FeaturesConfig
    augment : AugmentConfig
    fractions : mapping of str to float
        Share of an epoch for some labels; the others fill the rest as often as they occur.
    batch_clips : int
    seed : int
    """

    def __init__(
        self,
        data: TrainingData,
        features: FeaturesConfig,
        augment: AugmentConfig,
        *,
        fractions: Mapping[str, float],
        batch_clips: int,
        seed: int,
    ) -> None:
        self._data, self._config, self._augment, self._seed = data, features, augment, seed
        self._front_end, self._batch_clips = Features(features), batch_clips
        self._quota = _quota(data, fractions)
        self.epoch_clips = sum(self._quota.values())
        """Clips of one epoch, silence included."""
        self.steps_per_epoch = max(1, self.epoch_clips // batch_clips)
        silence = self._quota.get(SILENCE, 0)
        self._cache = _VariantCache(augment.variants, len(data.training) + silence)

    def epoch_positions(self, epoch: int) -> NDArray[np.int64]:
        """Shuffled positions of an epoch's clips; from ``len(training)`` on they stand for silence."""
        rng = np.random.default_rng([self._seed, _SHUFFLE, epoch])
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

    def batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Inputs ``[batch, *input_shape]`` and one-hot labels of a step, counted from 0."""
        features, labels = self.features(step)
        return self._inputs(features), np.eye(len(self._data.labels), dtype=np.float32)[labels]

    def features(self, step: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Features ``[batch, frames, num_features]`` and label numbers ``[batch]`` of a step, counted from 0."""
        epoch, index = divmod(step, self.steps_per_epoch)
        size = self._batch_clips
        positions = self.epoch_positions(epoch)[index * size : (index + 1) * size]
        variants = self._augment.variants
        features = self._augmented(positions, epoch % variants if variants else epoch)
        rng = np.random.default_rng([self._seed, _MASK, step])
        return mask_features(features, self._augment, rng), self._labels(positions)

    def _inputs(self, features: NDArray[np.int8]) -> NDArray[np.float32]:
        return self._config.dequantize(features)[..., None]

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
        audio = np.stack([self._heard(int(position), variant) for position in positions])
        features = self._front_end.compute_batch(audio)
        self._cache.put(variant, positions, features)
        return features

    def _heard(self, position: int, variant: int) -> NDArray[np.int16]:
        rng = np.random.default_rng([self._seed, _AUDIO, variant, position])
        clips, noise, config = self._data.training, self._data.noise, self._augment
        if position >= len(clips):
            return mixing.make_silence(clips.audio.shape[1], noise, config, rng)
        return mixing.augment_speech(clips.audio[clips.rows[position]], noise, config, rng)

    def validation(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Inputs and label numbers of the validation clips, nothing added."""
        clips = self._data.validation
        return self._inputs(compute_features(clips, self._config)), clips.labels

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Frames, features, 1."""
        samples = self._data.training.audio.shape[1]
        config = self._config
        frames = 1 + (samples - config.window_samples) // config.hop_samples
        return frames, config.num_features, 1

    @property
    def target_shape(self) -> tuple[int]:
        """One value per label."""
        return (len(self._data.labels),)


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


def compute_features(clips: ClipSet, config: FeaturesConfig) -> NDArray[np.int8]:
    """Features ``[clips, frames, num_features]`` of a whole set, nothing added."""
    front_end = Features(config)
    chunks = range(0, len(clips), _FEATURE_CHUNK)
    return np.concatenate(
        [front_end.compute_batch(clips.clips(slice(start, start + _FEATURE_CHUNK))) for start in chunks]
    )


def _quota(data: TrainingData, wanted: Mapping[str, float]) -> dict[str, int]:
    """How many clips of each label an epoch holds."""
    counts = np.bincount(data.training.labels, minlength=len(data.labels))
    fractions = {label: share for label, share in wanted.items() if label in data.labels}
    natural = {
        label: int(counts[i]) for i, label in enumerate(data.labels) if label not in fractions and label != SILENCE
    }
    total = sum(natural.values()) / (1.0 - sum(fractions.values()))
    asked = {label: round(total * share) for label, share in fractions.items()}
    has_clips = {label: bool(counts[data.labels.index(label)]) or label == SILENCE for label in asked}
    return {label: n for label, n in (natural | asked).items() if n and has_clips.get(label, True)}
