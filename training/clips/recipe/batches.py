# SPDX-License-Identifier: Apache-2.0
"""Balanced batches from the prepared variants: equaliser, SpecAugment, mixup, hard or soft targets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from kws.training.clips.batches import compute_features
from kws.training.clips.dataset import ClipSet
from kws.training.clips.recipe.config import MaskingConfig
from kws.training.clips.recipe.features import Variants
from numpy.typing import NDArray

from kws.features import FeaturesConfig

_BATCH = 0xBA
"""Which random stream a generator feeds; part of its seed."""
_EQUALIZER_TERMS = 3


@dataclass(frozen=True, kw_only=True)
class RecipeBatches:
    """Makes batches by number, as ``kws.training.clips.batches.ClipBatches`` does from plain clips."""

    variants: Variants
    validation_clips: ClipSet
    num_labels: int
    features: FeaturesConfig
    masking: MaskingConfig
    seed: int
    batch_clips: int
    clips_per_epoch: int
    plain_share: float = 0.0
    """Share of clips without augmentation."""
    opinions: NDArray[np.float32] | None = None
    """A teacher's posteriors ``[1 + variants, clips, labels]``; together with the labels they make the targets."""
    teacher_weight: float = 0.0
    """Share of the opinions in the targets."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches that count as an epoch."""
        return max(1, self.clips_per_epoch // self.batch_clips)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Frames, features, 1."""
        return (*self.variants.features.shape[2:], 1)

    @property
    def target_shape(self) -> tuple[int]:
        """One value per label."""
        return (self.num_labels,)

    @cached_property
    def _thresholds(self) -> NDArray[np.float64]:
        return np.cumsum(self.variants.weights) / self.variants.weights.sum()

    def batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Inputs ``[batch, *input_shape]`` and targets ``[batch, labels]`` of a step."""
        rng, size = np.random.default_rng([self.seed, _BATCH, step]), self.batch_clips
        clips = np.searchsorted(self._thresholds, rng.random(size), side="right").clip(max=len(self._thresholds) - 1)
        variant = rng.integers(1, len(self.variants.features), size=size)
        if self.plain_share:
            variant[rng.random(size) < self.plain_share] = 0
        inputs = self.features.dequantize(self.variants.features[variant, clips])
        inputs += equalizer(size, inputs.shape[2], self.masking.equalizer, rng)[:, None]
        mask(inputs, self.masking, float(self.features.dequantize(np.array(-128, np.int8))), rng)
        targets = np.eye(self.num_labels, dtype=np.float32)[self.variants.labels[clips]]
        if self.opinions is not None:
            targets += np.float32(self.teacher_weight) * (self.opinions[variant, clips] - targets)
        alpha = self.masking.mixup_alpha
        inputs, targets = mix(inputs, targets, alpha, rng) if alpha else (inputs, targets)
        return inputs[..., None], targets

    def validation(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Inputs and label numbers of the validation clips, nothing added."""
        features = compute_features(self.validation_clips, self.features)
        return self.features.dequantize(features)[..., None], self.validation_clips.labels


def equalizer(count: int, num_bands: int, strength: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw smooth curves ``[count, num_bands]`` to add to logarithmic bands: a gain and a few cosines."""
    position = np.linspace(0.0, np.pi, num_bands)
    cosines = np.cos(np.arange(_EQUALIZER_TERMS + 1)[:, None] * position)
    return np.asarray(rng.standard_normal((count, _EQUALIZER_TERMS + 1)) * strength @ cosines, np.float32)


def mask(inputs: NDArray[np.float32], config: MaskingConfig, floor: float, rng: np.random.Generator) -> None:
    """Blank runs of frames and of bands of ``[batch, frames, bands]`` in place (SpecAugment)."""
    _, frames, bands = inputs.shape
    blank = _runs(len(inputs), frames, config.time_masks, config.time_mask_frames, rng)[:, :, None]
    blank = blank | _runs(len(inputs), bands, config.band_masks, config.band_mask_width, rng)[:, None, :]
    np.copyto(inputs, np.float32(floor), where=blank)


def mix(
    inputs: NDArray[np.float32], targets: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blend half of the clips with others, inputs and targets alike (mixup)."""
    share = rng.beta(alpha, alpha, len(inputs))
    share = np.minimum(share, 1.0 - share) * (rng.random(len(inputs)) < 0.5)
    share = share.astype(np.float32)
    partner = rng.permutation(len(inputs))
    return (
        inputs + share[:, None, None] * (inputs[partner] - inputs),
        targets + share[:, None] * (targets[partner] - targets),
    )


def _runs(count: int, length: int, num_runs: int, longest: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mark ``num_runs`` random runs of up to ``longest`` places in each of ``[count, length]``."""
    place = np.arange(length)
    marked = np.zeros((count, length), bool)
    for _ in range(num_runs):
        start = rng.uniform(0, length, (count, 1))
        marked |= (place >= start) & (place < start + rng.uniform(0, longest, (count, 1)))
    return marked
