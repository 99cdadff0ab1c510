# SPDX-License-Identifier: Apache-2.0
"""Trains the trunk to say what the teacher says, whatever lies between mouth and microphone.

Everything that happens to a segment happens in the network that trains, so that an accelerator is never kept waiting:
it is cut out of its lesson, another microphone bends its spectrum, noise is heard behind it. Runs on any backend of
Keras: TensorFlow here, JAX on a machine with a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from kws.errors import ConfigError
from kws.features import FeaturesConfig
from kws.ranges import Decibels
from kws.training.augment.features import (
    ColourConfig,
    Levels,
    colour,
    colour_curves,
    powers_per_unit,
    with_background,
)
from kws.training.fit.callbacks import RichProgress
from kws.training.fit.seeding import make_deterministic
from kws.training.fit.speech_trunk import ROW_FRAMES, TrunkConfig, build
from kws.training.trunk.lessons import Lessons
from kws.training.trunk.teacher import STEP_SAMPLES, WINDOW_SAMPLES

TEACHERS_RHYTHM = (STEP_SAMPLES, WINDOW_SAMPLES)
_INAUDIBLE_DB = 1000.0
_PLACES = 31
"""Which random stream a generator feeds; part of its seed."""


@dataclass(frozen=True, kw_only=True)
class DistilConfig(ColourConfig):
    """How long and how hard."""

    epochs: int = 40
    steps_per_epoch: int = 400
    batch_clips: int = 48
    segment_frames: int = 118
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    ema_decay: float = 0.998
    noise_share: float = 0.4
    """Of the segments, that have noise behind them beside what their lesson has."""
    snr_db: tuple[Decibels, Decibels] = (0.0, 30.0)
    """Speech over noise as `kws.levels` has it, uniform in dB."""

    def __post_init__(self) -> None:
        """Refuse a training without a step."""
        if min(self.epochs, self.steps_per_epoch, self.batch_clips) < 1:
            raise ConfigError(f"expected an epoch and a segment or more, got {self.epochs} and {self.batch_clips}")


class Clock:
    """Which row of a segment has heard what an embedding heard.

    Parameters
    ----------
    config : TrunkConfig
    segment_frames : int
    num_embeddings : int
        Of a lesson.
    rhythm : tuple of int
        Samples between embeddings, a whole number of hops, and samples that one has heard.
    """

    def __init__(
        self, config: TrunkConfig, segment_frames: int, num_embeddings: int, rhythm: tuple[int, int] = TEACHERS_RHYTHM
    ) -> None:
        step_samples, window_samples = rhythm
        features = config.features
        rows = (segment_frames - config.window_frames) // ROW_FRAMES + 1
        first_end = (config.window_frames - 1) * features.hop_samples + features.window_samples
        self._step_frames = step_samples // features.hop_samples
        self.num_starts = num_embeddings - segment_frames // self._step_frames
        numbers = np.arange(segment_frames // self._step_frames)
        late = numbers * step_samples + window_samples - first_end
        row = -(-late // (ROW_FRAMES * features.hop_samples))
        inside = (row >= 0) & (row < rows)
        self.rows: NDArray[np.int64] = row[inside]
        self.numbers: NDArray[np.int64] = numbers[inside]

    def start_frame(self, number: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
        """First frame of a segment that begins where embedding `number` does."""
        return number * self._step_frames


def distil(
    lessons: Lessons,
    config: TrunkConfig,
    run: DistilConfig,
    *,
    seed: int,
    rhythm: tuple[int, int] = TEACHERS_RHYTHM,
) -> keras.Model:
    """Train.

    Parameters
    ----------
    lessons : Lessons
    config : TrunkConfig
    run : DistilConfig
    seed : int
    rhythm : tuple of int
        Of the embeddings, see `Clock`.

    Returns
    -------
    keras.Model
        Its outputs are embeddings in units of `scale_of`.
    """
    make_deterministic(seed)
    trunk = build(config, seed=seed)
    clock = Clock(config, run.segment_frames, lessons.embeddings.shape[1], rhythm)
    places = keras.Input((2,), dtype="int32", name="places")
    heard, wanted = Listener(lessons, config.features, run, clock, seed)(places)
    pupil = keras.Model(places, Distance(clock.rows)([trunk(heard), wanted]))
    steps = run.epochs * run.steps_per_epoch
    warm_up = max(1, steps // max(run.epochs, 2))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, 0.01, warmup_target=run.learning_rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=run.weight_decay, use_ema=True, ema_momentum=run.ema_decay
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    pupil.compile(optimizer, loss=None, jit_compile=keras.backend.backend() == "jax")
    optimizer.build(pupil.trainable_variables)  # variables born within the first step would have it traced twice
    progress = RichProgress(run.epochs, run.steps_per_epoch, 0)
    try:
        pupil.fit(_Places(lessons, run, clock, seed), epochs=run.epochs, callbacks=[progress], shuffle=False, verbose=0)
    finally:
        progress.close()
    return trunk


class _Places(keras.utils.PyDataset):
    """A batch is a function of (seed, step): which pieces, and which of their embeddings come first."""

    def __init__(self, lessons: Lessons, run: DistilConfig, clock: Clock, seed: int) -> None:
        super().__init__()
        self._pieces, self._starts, self._run, self._seed = len(lessons.heard), clock.num_starts, run, seed
        self._epoch = 0

    @property
    def num_batches(self) -> int:
        return self._run.steps_per_epoch

    def on_epoch_end(self) -> None:
        self._epoch += 1

    def __getitem__(self, step: int) -> tuple[NDArray[np.int32]]:
        rng = np.random.default_rng([self._seed, _PLACES, self._epoch, step])
        limits = (self._pieces, self._starts)
        return (np.stack([rng.integers(0, limit, self._run.batch_clips, np.int32) for limit in limits], axis=1),)


class Listener(keras.layers.Layer):
    """Takes places ``[clips, 2]`` (piece, embedding) to features ``[clips, frames, bands]`` and what to say to them.

    A filter multiplies the spectrum, so it adds to the logarithm of every band alike in every frame; powers of
    independent sounds add.
    """

    def __init__(self, lessons: Lessons, features: FeaturesConfig, run: DistilConfig, clock: Clock, seed: int) -> None:
        super().__init__(name="listener", trainable=False)
        self._run, self._clock, self._features = run, clock, features
        self._random = keras.random.SeedGenerator(seed)
        self._frames, self._count = lessons.heard.shape[1], lessons.embeddings.shape[1]
        self._heard = self._keep(lessons.heard.reshape(-1, features.num_features), "heard")
        self._said = self._keep(lessons.embeddings.reshape(-1, lessons.embeddings.shape[2]), "said")
        self._noise = self._keep(lessons.noise, "noise")
        self._has_noise = len(lessons.noise) > run.segment_frames and run.noise_share > 0.0
        self._mean, self._deviation = scale_of(lessons)
        self._to_log_power = float(powers_per_unit(features))
        self._curves, self._levels = colour_curves(features.num_mel_bands), Levels(features)

    def _keep(self, values: NDArray[np.generic], name: str) -> keras.Variable:
        return keras.Variable(values, dtype=values.dtype.name, trainable=False, name=name)

    def call(self, places: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Cut, bend, mix."""
        run, clock = self._run, self._clock
        pieces, starts = places[:, :1], places[:, 1:]
        frames = pieces * self._frames + clock.start_frame(starts) + np.arange(run.segment_frames, dtype=np.int32)
        powers = self._real(ops.take(self._heard, frames, axis=0)) + self._colour(places)
        if self._has_noise:
            powers = self._with_noise(powers, places)
        numbers = pieces * self._count + starts + clock.numbers.astype(np.int32)
        said = ops.cast(ops.take(self._said, numbers, axis=0), "float32")
        return self._as_stored(powers), (said - self._mean) / self._deviation

    def _real(self, stored: keras.KerasTensor) -> keras.KerasTensor:
        """Logarithms of power."""
        real = (ops.cast(stored, "float32") - self._features.zero_point) * self._features.scale
        return real * self._to_log_power

    def _as_stored(self, powers: keras.KerasTensor) -> keras.KerasTensor:
        """Round and limit as the front end does."""
        scale, zero_point = self._features.scale, self._features.zero_point
        steps = ops.round(powers / (self._to_log_power * scale))
        return ops.clip(steps, -128.0 - zero_point, 127.0 - zero_point) * scale

    def _colour(self, places: keras.KerasTensor) -> keras.KerasTensor:
        clips = ops.shape(places)[0]
        normals = keras.random.normal((clips, len(self._curves)), seed=self._random)
        gains = keras.random.uniform((clips, 1), -1.0, 1.0, seed=self._random)
        return colour(normals, gains, self._run, self._curves)

    def _with_noise(self, powers: keras.KerasTensor, places: keras.KerasTensor) -> keras.KerasTensor:
        clips, frames = ops.shape(places)[0], self._run.segment_frames
        starts = keras.random.randint((clips, 1), 0, self._noise.shape[0] - frames, seed=self._random)
        behind = self._real(ops.take(self._noise, starts + np.arange(frames, dtype=np.int32), axis=0))
        behind = behind + self._colour(places)
        snr_db = keras.random.uniform((clips, 1, 1), *self._run.snr_db, seed=self._random)
        mixed = keras.random.uniform((clips, 1, 1), seed=self._random) < self._run.noise_share
        return with_background(powers, behind, ops.where(mixed, snr_db, _INAUDIBLE_DB), self._levels, ops)


class Distance(keras.layers.Layer):
    """Passes on what was said; adds how far it is from what was wanted to the loss."""

    def __init__(self, rows: NDArray[np.int64]) -> None:
        super().__init__(name="distance")
        self._rows = rows.astype(np.int32)

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Take rows said and embeddings wanted."""
        said, wanted = inputs
        said = ops.take(said, self._rows, axis=1)
        self.add_loss(ops.mean(ops.square(said - wanted)))
        return said


Scale = tuple[NDArray[np.float32], NDArray[np.float32]]
"""What to subtract from each number of an embedding, and what to divide it by."""


def scale_of(lessons: Lessons) -> Scale:
    """Mean and standard deviation of each number of the teacher's embeddings."""
    embeddings = lessons.embeddings.astype(np.float32)
    return embeddings.mean(axis=(0, 1)), embeddings.std(axis=(0, 1)) + 1e-3


def explained(
    model: keras.Model,
    lessons: Lessons,
    config: TrunkConfig,
    scale: Scale,
    *,
    rhythm: tuple[int, int] = TEACHERS_RHYTHM,
) -> float:
    """Share of the embeddings' variance that the trunk says right.

    Parameters
    ----------
    model : keras.Model
    lessons : Lessons
        That it was not trained on.
    config : TrunkConfig
    scale : Scale
        `scale_of` the lessons that it was trained on.
    rhythm : tuple of int
        Of the embeddings, see `Clock`.
    """
    features = config.features
    wanted = (lessons.embeddings.astype(np.float32) - scale[0]) / scale[1]
    clock = Clock(config, lessons.heard.shape[1], wanted.shape[1] + lessons.heard.shape[1], rhythm)
    numbers = clock.numbers[clock.numbers < wanted.shape[1]]
    rows = clock.rows[: len(numbers)]
    real = (lessons.heard.astype(np.float32) - features.zero_point) * features.scale
    said = np.concatenate([ops.convert_to_numpy(model(piece[None], training=False)) for piece in real])[:, rows]
    return float(1.0 - np.mean((said - wanted[:, numbers]) ** 2) / np.var(wanted[:, numbers]))
