# SPDX-License-Identifier: Apache-2.0
"""Balanced batches from the prepared variants: equaliser, SpecAugment, mixup, hard or soft targets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kws.features import FeaturesConfig
from kws.training.augment.features import colour_curves, draw_colour, draw_masks, powers_per_unit
from kws.training.clips.batches import compute_features
from kws.training.clips.dataset import ClipSet
from kws.training.clips.recipe.config import MaskingConfig
from kws.training.clips.recipe.features import Variants
from kws.training.clips.recipe.mining import Mined

_BATCH = 0xBA
"""Which random stream a generator feeds; part of its seed."""


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
    mined: Mined | None = None
    """Takes a share of every batch for the worst moments of the negatives, which are ``unknown``."""
    unknown: int = 1
    """Number of that label."""

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

    @cached_property
    def _curves(self) -> NDArray[np.float32]:
        return colour_curves(self.variants.features.shape[3])

    def batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Inputs ``[batch, *input_shape]`` and targets ``[batch, labels]`` of a step."""
        rng, size = np.random.default_rng([self.seed, _BATCH, step]), self.batch_clips
        clips = np.searchsorted(self._thresholds, rng.random(size), side="right").clip(max=len(self._thresholds) - 1)
        variant = rng.integers(1, len(self.variants.features), size=size)
        if self.plain_share:
            variant[rng.random(size) < self.plain_share] = 0
        heard = np.array(self.variants.features[variant, clips])
        move(heard, self.masking.shift_frames, rng)
        targets = np.eye(self.num_labels, dtype=np.float32)[self.variants.labels[clips]]
        if self.opinions is not None:
            targets += np.float32(self.teacher_weight) * (self.opinions[variant, clips] - targets)
        if self.mined is not None:
            worst = self.mined.draw(size, step // self.steps_per_epoch, heard.shape[1], rng)
            heard[: len(worst)] = worst
            targets[: len(worst)] = np.eye(self.num_labels, dtype=np.float32)[self.unknown]
        inputs = self.features.dequantize(heard)
        inputs += draw_colour(size, self.masking, self._curves, rng) / powers_per_unit(self.features)
        floor = self.features.dequantize(np.array(-128, np.int8))
        np.copyto(inputs, floor, where=draw_masks(inputs.shape, self.masking, rng))
        alpha = self.masking.mixup_alpha
        inputs, targets = mix(inputs, targets, alpha, rng) if alpha else (inputs, targets)
        return inputs[..., None], targets

    def validation(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Inputs and label numbers of the validation clips, nothing added."""
        features = compute_features(self.validation_clips, self.features)
        return self.features.dequantize(features)[..., None], self.validation_clips.labels


def move(features: NDArray[np.int8], shift_frames: int, rng: np.random.Generator) -> None:
    """Move half of ``[clips, frames, num_features]`` in time by up to ``shift_frames``, ends repeated; in place."""
    if not shift_frames:
        return
    clips, frames = features.shape[:2]
    furthest = rng.integers(-shift_frames, shift_frames + 1, size=clips)
    shift = np.where(rng.random(clips) < 0.5, furthest, 0)
    places = np.clip(np.arange(frames) + shift[:, None], 0, frames - 1)
    features[:] = features[np.arange(clips)[:, None], places]


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
