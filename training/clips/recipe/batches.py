"""Balanced batches from the prepared variants: equaliser, SpecAugment, mixup, hard or soft targets."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
from kws.training.clips.batches import FeatureScale, compute_features
from kws.training.clips.config import RunConfig
from kws.training.clips.dataset import TrainingData
from kws.training.clips.recipe.config import MaskingConfig
from kws.training.clips.recipe.features import Variants
from numpy.typing import NDArray

from kws.features import Features

if TYPE_CHECKING:
    import tensorflow as tf

_BATCH = 0xBA
"""Which random stream a generator feeds; part of its seed."""
_EQUALIZER_TERMS = 3


class RecipeBatches:
    """Makes batches by number, as ``kws.training.clips.batches.BatchMaker`` does from plain clips.

    Parameters
    ----------
    variants : Variants
    run : RunConfig
        With a recipe.
    data : TrainingData
        For its labels and validation clips.
    masking : MaskingConfig
    opinions : float32 array, shape [1 + variants, clips, labels], optional
        A teacher's posteriors; together with the labels they make the targets.
    """

    def __init__(
        self,
        variants: Variants,
        run: RunConfig,
        data: TrainingData,
        *,
        masking: MaskingConfig,
        opinions: NDArray[np.float32] | None = None,
    ) -> None:
        assert run.recipe is not None
        self._variants, self._run, self._data = variants, run, data
        self._masking, self._plain_share = masking, 0.0
        self._opinions = opinions
        self._teacher_weight = run.recipe.teacher.weight if run.recipe.teacher and opinions is not None else 0.0
        self._thresholds = np.cumsum(variants.weights) / variants.weights.sum()
        self.scale = FeatureScale(scale=run.features.scale, zero_point=run.features.zero_point)
        self.steps_per_epoch = max(1, run.recipe.clips_per_epoch // run.optimizer.batch_clips)

    def with_plain_share(self, share: float) -> RecipeBatches:
        """Return the same batches, but for a share of clips without augmentation."""
        batches = copy(self)
        batches._plain_share = share
        return batches

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Frames, features, 1."""
        return (*self._variants.features.shape[2:], 1)

    def batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Network inputs ``[batch, frames, num_features]`` and targets ``[batch, labels]`` of a step."""
        rng = np.random.default_rng([self._run.seed, _BATCH, step])
        size = self._run.optimizer.batch_clips
        clips = np.searchsorted(self._thresholds, rng.random(size), side="right").clip(max=len(self._thresholds) - 1)
        variant = rng.integers(1, len(self._variants.features), size=size)
        if self._plain_share:
            variant[rng.random(size) < self._plain_share] = 0
        inputs = self.scale.to_real(self._variants.features[variant, clips])
        inputs += equalizer(size, inputs.shape[2], self._masking.equalizer, rng)[:, None]
        mask(inputs, self._masking, float(self.scale.to_real(np.array(-128, np.int8))), rng)
        targets = np.eye(len(self._data.labels), dtype=np.float32)[self._variants.labels[clips]]
        if self._opinions is not None:
            targets += np.float32(self._teacher_weight) * (self._opinions[variant, clips] - targets)
        alpha = self._masking.mixup_alpha
        return mix(inputs, targets, alpha, rng) if alpha else (inputs, targets)

    def dataset(self, first_epoch: int, epochs: int) -> tf.data.Dataset:
        """Batches of the epochs ``first_epoch <= epoch < epochs``."""
        import tensorflow as tf

        def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            inputs, targets = tf.numpy_function(self.batch, [step], [tf.float32, tf.float32], stateful=False)
            inputs = tf.ensure_shape(inputs, (None, *self.input_shape[:2]))
            return inputs[..., None], tf.ensure_shape(targets, (None, len(self._data.labels)))

        steps = tf.data.Dataset.range(first_epoch * self.steps_per_epoch, epochs * self.steps_per_epoch)
        return steps.map(load, num_parallel_calls=2, deterministic=True).prefetch(4)

    def validation(self) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Features ``[clips, frames, num_features]`` and label numbers of the validation clips, nothing added."""
        return compute_features(self._data.validation, self._run), self._data.validation.labels

    def plain_features(self, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        """Features ``[positions, frames, num_features]`` of some training clips, nothing added."""
        return Features(self._run.features).compute_batch(self._data.training.clips(positions))


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
