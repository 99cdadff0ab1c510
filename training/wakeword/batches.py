"""Batches for `training.train`: stored windows drawn by kind, each time another piece, with SpecAugment.

Every batch is a function of (seed, round, step), so an interrupted run goes on exactly where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kws.features import FeaturesConfig, dct_matrix
from training import mixing
from training.config import RunConfig
from training.pipeline import FeatureScale
from training.wakeword.examples import Examples

if TYPE_CHECKING:
    import tensorflow as tf

_BATCH = 21
_COLOUR_ORDERS = 6


class WordBatches:
    """What `training.train.train` asks of a batch maker.

    Parameters
    ----------
    training, validation : Examples
        Stored windows, longer than the network's by the jitter.
    run : RunConfig
        Optimiser, SpecAugment and seed are used.
    mix : dict of str to float
        Share of each kind of example in a batch; kinds without examples give theirs to the others.
    window_frames : int
        Of the network.
    epoch_clips : int
        Windows drawn per epoch.
    round_number : int
        Mining round: each draws other batches.
    colour_db : float
        See `Colour`.
    """

    def __init__(
        self,
        training: Examples,
        validation: Examples,
        run: RunConfig,
        *,
        mix: dict[str, float],
        window_frames: int,
        epoch_clips: int,
        round_number: int,
        colour_db: float = 0.0,
    ) -> None:
        self._training, self._validation, self._run = training, validation, run
        self._window_frames = window_frames
        self._round = round_number
        self._colour = Colour(run.features, colour_db)
        self._jitter_frames = training.features.shape[1] - window_frames
        present = {kind: share for kind, share in mix.items() if share > 0.0 and (training.sources == kind).any()}
        self._members = [np.flatnonzero(training.sources == kind) for kind in present]
        self._shares = np.array(list(present.values())) / sum(present.values())
        self.scale = FeatureScale(scale=run.features.scale, zero_point=run.features.zero_point)
        self.steps_per_epoch = max(1, epoch_clips // run.optimizer.batch_clips)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Frames, features, 1."""
        return self._window_frames, self._training.features.shape[2], 1

    def batch(self, step: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Features ``[batch, frames, num_features]`` and label numbers ``[batch]`` of a step."""
        rng = np.random.default_rng([self._run.seed, _BATCH, self._round, step])
        size = self._run.optimizer.batch_clips
        kinds = rng.choice(len(self._members), size=size, p=self._shares)
        rows = np.array([self._members[kind][rng.integers(len(self._members[kind]))] for kind in kinds])
        starts = rng.integers(0, self._jitter_frames + 1, size)
        features = cut_windows(self._training.features[rows], starts, self._window_frames)
        features = self._colour.bend(features, rng)
        return mixing.mask_features(features, self._run.augment, rng), self._training.labels[rows]

    def validation(self) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Every validation window once, from the middle of its jitter."""
        starts = np.full(len(self._validation), self._jitter_frames // 2)
        return cut_windows(self._validation.features, starts, self._window_frames), self._validation.labels

    def plain_features(self, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        """Some training windows, from the middle of their jitter; they calibrate the quantisation."""
        starts = np.full(len(positions), self._jitter_frames // 2)
        return cut_windows(self._training.features[positions], starts, self._window_frames)

    def dataset(self, first_epoch: int, epochs: int) -> tf.data.Dataset:
        """Batches of the epochs ``first_epoch <= epoch < epochs`` as (float input, one-hot labels)."""
        import tensorflow as tf

        num_labels = len(self._run.data.labels)
        scale, zero_point = self.scale.scale, self.scale.zero_point

        def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features, labels = tf.numpy_function(self.batch, [step], [tf.int8, tf.int64], stateful=False)
            features = tf.ensure_shape(features, (None, *self.input_shape[:2]))
            real = (tf.cast(features, tf.float32) - zero_point) * scale
            return real[..., None], tf.one_hot(tf.ensure_shape(labels, (None,)), num_labels)

        steps = tf.data.Dataset.range(first_epoch * self.steps_per_epoch, epochs * self.steps_per_epoch)
        return steps.map(load, num_parallel_calls=2, deterministic=True).prefetch(4)


class Colour:
    """Another microphone: a smooth curve in dB, drawn anew, added to all frames of a window.

    A filter multiplies the spectrum, so it adds to the logarithm of every band alike in every frame; and what adds
    to the bands adds to their cosine transform. So it can be done on features, at no cost.

    Parameters
    ----------
    features : FeaturesConfig
    strength_db : float
        Standard deviation of the tilt; the finer bends are weaker.
    """

    def __init__(self, features: FeaturesConfig, strength_db: float) -> None:
        orders = np.arange(1, _COLOUR_ORDERS + 1)
        cosine_to_coefficient = np.sqrt(features.num_mel_bands / 2.0)
        nepers = strength_db * np.log(10.0) / 20.0 * (2.0 if features.spectrum == "power" else 1.0)
        steps = features.log_scale * nepers * cosine_to_coefficient / features.scale
        self._deviation = steps / np.sqrt(orders)
        self._to_features = dct_matrix(_COLOUR_ORDERS + 1, features.num_mel_bands, features.dct)[1:]
        if features.num_coefficients is not None:
            self._to_features = np.eye(_COLOUR_ORDERS + 1, features.num_coefficients)[1:]

    def bend(self, features: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int8]:
        """Add a curve of its own to each of ``[clips, frames, num_features]``."""
        curves = rng.standard_normal((len(features), _COLOUR_ORDERS)) * self._deviation @ self._to_features
        bent = features + np.rint(curves).astype(np.int16)[:, None, :]
        return np.clip(bent, -128, 127).astype(np.int8)


def cut_windows(features: NDArray[np.int8], starts: NDArray[np.int64], window_frames: int) -> NDArray[np.int8]:
    """Cut ``[clips, window_frames, num_features]`` out of longer windows, each from its own start."""
    frames = starts[:, None] + np.arange(window_frames)
    return np.asarray(features[np.arange(len(features))[:, None], frames])
