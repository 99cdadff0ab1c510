"""Batches for `kws.training.fit.train`: scenes drawn by kind and pieces of long negatives, each time in another colour.

What is cheap on features is done here, every time anew: another microphone, another level, real speech or noise
behind the scene, SpecAugment. Every batch is a function of (seed, step), so an interrupted run goes on exactly where
it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from kws.training.augment import mixing
from kws.training.clips.batches import FeatureScale
from kws.training.clips.config import RunConfig
from kws.training.fit.speech_trunk import ROW_FRAMES
from kws.training.wakeword.config import ExamplesConfig
from kws.training.wakeword.examples import Examples, WindowShape
from numpy.typing import NDArray

from kws.features import FeaturesConfig
from kws.mel_tables import dct_matrix

if TYPE_CHECKING:
    import tensorflow as tf

AMBIENT = "ambient"
_BATCH = 21
_COLOUR_ORDERS = 6
_SPEECH_QUANTILE = 0.9
"""Level of a scene: that of its loudest tenth of frames."""


class WordBatches:
    """What `kws.training.fit.train.train` asks of a batch maker.

    Parameters
    ----------
    training, validation : Examples
    negatives : int8 [frames, num_features]
        Long audio in which none of the words is said.
    run : RunConfig
        Optimiser, SpecAugment and seed are used.
    shape : WindowShape
    config : ExamplesConfig
    mix : dict of str to float
        Share of each kind of example in a batch, ``ambient`` being the long negatives; kinds without examples give
        theirs to the others.
    """

    def __init__(
        self,
        training: Examples,
        validation: Examples,
        negatives: NDArray[np.int8],
        run: RunConfig,
        *,
        shape: WindowShape,
        config: ExamplesConfig,
        mix: dict[str, float],
    ) -> None:
        self._training, self._validation, self._negatives = training, validation, negatives
        self._run, self._shape = run, shape
        self._targets = decision_targets(training, shape, len(run.data.labels))
        self._surroundings = Surroundings(run.features, negatives, config)
        members = {kind: np.flatnonzero(training.sources == kind) for kind in mix}
        members[AMBIENT] = np.arange(max(len(negatives) - shape.scene_frames + 1, 0))
        self._kinds = [kind for kind, share in mix.items() if share > 0.0 and members[kind].size]
        self._members = [members[kind] for kind in self._kinds]
        self._shares = np.array([mix[kind] for kind in self._kinds]) / sum(mix[kind] for kind in self._kinds)
        self.scale = FeatureScale(scale=run.features.scale, zero_point=run.features.zero_point)
        self.steps_per_epoch = max(1, config.per_epoch // run.optimizer.batch_clips)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Frames, features, 1."""
        return self._shape.scene_frames, self._training.features.shape[2], 1

    def batch(self, step: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Features ``[batch, frames, num_features]`` and targets as of `decision_targets` of a step."""
        rng = np.random.default_rng([self._run.seed, _BATCH, step])
        counts = rng.multinomial(self._run.optimizer.batch_clips, self._shares)
        features, targets = [], []
        for kind, members, count in zip(self._kinds, self._members, counts, strict=True):
            rows = members[rng.integers(0, members.size, count)]
            if kind == AMBIENT:
                features.append(cut_windows(self._negatives, rows, self._shape.scene_frames))
                targets.append(_all_unknown(count, self._targets.shape[1:]))
            else:
                features.append(self._training.features[rows])
                targets.append(self._targets[rows])
        heard = self._surroundings.surround(np.concatenate(features), rng)
        return mixing.mask_features(heard, self._run.augment, rng), np.concatenate(targets)

    def validation(self) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """One window of every validation scene: where it should wake, or the middle."""
        shape = self._shape
        middle = np.full(len(self._validation), shape.num_samples)
        ends = np.where(
            self._validation.ends >= 0, self._validation.ends + shape.tail_samples + shape.wake_samples // 2, middle
        )
        starts = (ends - shape.window_samples) // shape.hop_samples + 1 - shape.window_frames
        return self._windows(self._validation.features, starts), self._validation.labels

    def plain_features(self, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        """Windows from the middle of some training scenes; they calibrate the quantisation."""
        middle = (self._shape.scene_frames - self._shape.window_frames) // 2
        return self._windows(self._training.features[positions], np.full(len(positions), middle))

    def _windows(self, scenes: NDArray[np.int8], starts: NDArray[np.int64]) -> NDArray[np.int8]:
        frames = starts[:, None] + np.arange(self._shape.window_frames)
        return np.asarray(scenes[np.arange(len(scenes))[:, None], frames])

    def dataset(self, first_epoch: int, epochs: int) -> tf.data.Dataset:
        """Batches of the epochs ``first_epoch <= epoch < epochs`` as (float input, targets)."""
        import tensorflow as tf

        scale, zero_point = self.scale.scale, self.scale.zero_point

        def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features, targets = tf.numpy_function(self.batch, [step], [tf.int8, tf.float32], stateful=False)
            features = tf.ensure_shape(features, (None, *self.input_shape[:2]))
            targets = tf.ensure_shape(targets, (None, *self._targets.shape[1:]))
            return (tf.cast(features, tf.float32) - zero_point) * scale, targets

        steps = tf.data.Dataset.range(first_epoch * self.steps_per_epoch, epochs * self.steps_per_epoch)
        return steps.map(load, num_parallel_calls=2, deterministic=True).prefetch(4)


def decision_targets(examples: Examples, shape: WindowShape, num_labels: int) -> NDArray[np.float32]:
    """What every decision of a scene should say: ``[examples, decisions, labels]``, one-hot, or 0 where it may choose.

    Awake for a while from shortly after the end of a word; asleep before it; between the two, and when the word
    begins to leave the window, either is fine.
    """
    heard = shape.decision_samples(ROW_FRAMES)[None, :]
    since = heard - examples.ends[:, None] - shape.tail_samples
    awake = (examples.ends[:, None] >= 0) & (since >= 0) & (since <= shape.wake_samples)
    targets = np.zeros((*awake.shape, num_labels), dtype=np.float32)
    targets[..., 0] = heard <= examples.quiet_until[:, None]
    scenes, decisions = np.nonzero(awake)
    targets[scenes, decisions, examples.labels[scenes]] = 1.0
    return targets


def colour_curves(num_mel_bands: int) -> NDArray[np.float64]:
    """Curves ``[6, bands]`` over the bands of which a microphone's colour is made: cosines, the quicker the weaker."""
    orders = np.arange(1, _COLOUR_ORDERS + 1)
    cosines = dct_matrix(_COLOUR_ORDERS + 1, num_mel_bands, "orthonormal")[1:]
    return np.asarray(cosines * np.sqrt(num_mel_bands / 2.0) / np.sqrt(orders)[:, None])


class Surroundings:
    """Another microphone, another level, something else to hear: drawn anew every time, on features, at little cost.

    A filter multiplies the spectrum, so it adds to the logarithm of every band alike in every frame; powers of
    independent sounds add; and what is done to the bands is done to their cosine transform.

    Parameters
    ----------
    features : FeaturesConfig
    background : int8 [frames, num_features]
        To mix behind scenes; may be empty.
    config : ExamplesConfig
        Strengths and probabilities.
    """

    def __init__(self, features: FeaturesConfig, background: NDArray[np.int8], config: ExamplesConfig) -> None:
        self._background, self._config = background, config
        self._scale, self._zero_point = features.scale, features.zero_point
        self._powers = 2.0 if features.spectrum == "magnitude" else 1.0
        self._log_scale = features.log_scale
        self._step_per_db = features.log_scale * np.log(10.0) / 10.0 / self._powers
        self._curves = colour_curves(features.num_mel_bands)
        self._to_bands = np.eye(features.num_mel_bands, dtype=np.float32)
        self._to_features = self._to_bands
        if features.num_coefficients is not None:
            matrix = dct_matrix(features.num_coefficients, features.num_mel_bands, features.dct)
            self._to_features = matrix.T.astype(np.float32)
            self._to_bands = np.linalg.pinv(matrix).T.astype(np.float32)

    def surround(self, features: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int8]:
        """Change ``[clips, frames, num_features]``, each clip in its own way."""
        bands = self._real(features) + self._colour(len(features), rng)
        mixed = np.flatnonzero(rng.random(len(features)) < self._config.background_probability)
        if mixed.size and len(self._background) >= features.shape[1]:
            bands[mixed] = self._mix(bands[mixed], rng)
        steps = np.rint(bands @ self._to_features / self._scale) + self._zero_point
        return np.clip(steps, -128, 127).astype(np.int8)

    def _real(self, features: NDArray[np.int8]) -> NDArray[np.float32]:
        real = (features.astype(np.float32) - np.float32(self._zero_point)) * np.float32(self._scale)
        return np.asarray(real @ self._to_bands)

    def _colour(self, clips: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """A smooth curve over the bands and a gain, for every clip its own, ``[clips, 1, bands]``."""
        curves_db = rng.standard_normal((clips, len(self._curves))) * self._config.colour_db @ self._curves
        curves_db += rng.uniform(-self._config.gain_db, self._config.gain_db, (clips, 1))
        return (curves_db * self._step_per_db).astype(np.float32)[:, None, :]

    def _mix(self, bands: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        starts = rng.integers(0, len(self._background) - bands.shape[1] + 1, len(bands))
        behind = self._real(cut_windows(self._background, starts, bands.shape[1])) + self._colour(len(bands), rng)
        snr = rng.uniform(*self._config.background_snr_db, len(bands)) * self._step_per_db
        behind += (_level(bands) - _level(behind) - snr).astype(np.float32)[:, None, None]
        to_log_power = np.float32(self._powers / self._log_scale)
        return np.asarray(np.logaddexp(bands * to_log_power, behind * to_log_power) / to_log_power)


def _level(bands: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.quantile(bands.mean(axis=2), _SPEECH_QUANTILE, axis=1)


def _all_unknown(clips: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    targets = np.zeros((clips, *shape), dtype=np.float32)
    targets[..., 0] = 1.0
    return targets


def cut_windows(stream: NDArray[np.int8], starts: NDArray[np.int64], num_frames: int) -> NDArray[np.int8]:
    """Cut ``[clips, num_frames, num_features]`` out of a stream ``[frames, num_features]``."""
    return np.asarray(stream[starts[:, None] + np.arange(num_frames)])
