"""Trains the trunk to say what the teacher says, whatever lies between mouth and microphone."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from training.callbacks import RichProgress, WeightAverage
from training.pipeline import FeatureScale
from training.train import make_deterministic
from training.trunk.lessons import Lessons
from training.trunk.network import ROW_FRAMES, TrunkConfig, build
from training.trunk.teacher import STEP_SAMPLES, WINDOW_SAMPLES
from training.wakeword.batches import Surroundings
from training.wakeword.config import ExamplesConfig

_BATCH = 31
"""Which random stream a generator feeds; part of its seed."""


@dataclass(frozen=True, kw_only=True)
class DistilConfig:
    """How long and how hard."""

    epochs: int = 40
    steps_per_epoch: int = 400
    batch_clips: int = 48
    segment_frames: int = 118
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    ema_decay: float = 0.998
    heard_share: float = 0.6
    """Of the clips, that come from the other room; the rest as spoken."""
    colour_db: float = 4.0
    gain_db: float = 6.0


class Clock:
    """Which row of a segment has heard what an embedding heard."""

    def __init__(self, config: TrunkConfig, segment_frames: int, num_embeddings: int) -> None:
        features = config.features
        rows = (segment_frames - config.window_frames) // ROW_FRAMES + 1
        first_end = (config.window_frames - 1) * features.hop_samples + features.window_samples
        self._step_frames = STEP_SAMPLES // features.hop_samples
        self.num_starts = num_embeddings - segment_frames // self._step_frames
        numbers = np.arange(segment_frames // self._step_frames)
        late = numbers * STEP_SAMPLES + WINDOW_SAMPLES - first_end
        row = -(-late // (ROW_FRAMES * features.hop_samples))
        inside = (row >= 0) & (row < rows)
        self.rows: NDArray[np.int64] = row[inside]
        self.numbers: NDArray[np.int64] = numbers[inside]

    def start_frame(self, number: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
        """First frame of a segment that begins where embedding `number` does."""
        return number * self._step_frames


def distil(lessons: Lessons, config: TrunkConfig, run: DistilConfig, *, seed: int) -> keras.Model:
    """Train.

    Parameters
    ----------
    lessons : Lessons
    config : TrunkConfig
    run : DistilConfig
    seed : int

    Returns
    -------
    keras.Model
        Its outputs are embeddings in units of `scale_of`.
    """
    import tensorflow as tf

    make_deterministic(seed)
    model, averaged = build(config, seed=seed), build(config, seed=seed)
    clock = Clock(config, run.segment_frames, lessons.embeddings.shape[1])
    steps = run.epochs * run.steps_per_epoch
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - run.steps_per_epoch, 0.01, warmup_target=run.learning_rate, warmup_steps=run.steps_per_epoch
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=run.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    rows = tf.constant(clock.rows)

    def loss(wanted: tf.Tensor, said: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.square(tf.gather(said, rows, axis=1) - wanted))

    model.compile(optimizer, loss, jit_compile=False)
    batches = _Batches(lessons, config, run, clock, seed)

    def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, wanted = tf.numpy_function(batches.batch, [step], [tf.float32, tf.float32], stateful=False)
        inputs = tf.ensure_shape(inputs, (None, run.segment_frames, config.features.num_features))
        return inputs, tf.ensure_shape(wanted, (None, len(clock.rows), lessons.embeddings.shape[2]))

    dataset = tf.data.Dataset.range(steps).map(load, num_parallel_calls=1, deterministic=True).prefetch(4)
    progress = RichProgress(run.epochs, run.steps_per_epoch, 0)
    try:
        model.fit(
            dataset,
            epochs=run.epochs,
            steps_per_epoch=run.steps_per_epoch,
            callbacks=[WeightAverage(averaged, run.ema_decay), progress],
            shuffle=False,
            verbose=0,
        )
    finally:
        progress.close()
    return averaged


Scale = tuple[NDArray[np.float32], NDArray[np.float32]]
"""What to subtract from each number of an embedding, and what to divide it by."""


def scale_of(lessons: Lessons) -> Scale:
    """Mean and standard deviation of each number of the teacher's embeddings."""
    embeddings = lessons.embeddings.astype(np.float32)
    return embeddings.mean(axis=(0, 1)), embeddings.std(axis=(0, 1)) + 1e-3


def explained(model: keras.Model, lessons: Lessons, config: TrunkConfig, scale: Scale) -> dict[str, float]:
    """Share of the embeddings' variance that the trunk says right, in pieces as spoken and as heard elsewhere.

    Parameters
    ----------
    model : keras.Model
    lessons : Lessons
        That it was not trained on.
    config : TrunkConfig
    scale : Scale
        `scale_of` the lessons that it was trained on.
    """
    to_real = FeatureScale(scale=config.features.scale, zero_point=config.features.zero_point).to_real
    wanted = (lessons.embeddings.astype(np.float32) - scale[0]) / scale[1]
    clock = Clock(config, lessons.plain.shape[1], wanted.shape[1] + lessons.plain.shape[1])
    numbers = clock.numbers[clock.numbers < wanted.shape[1]]
    rows = clock.rows[: len(numbers)]
    shares = {}
    for name, pieces in (("plain", lessons.plain), ("heard", lessons.heard)):
        said = np.concatenate([np.asarray(model(to_real(piece)[None], training=False)) for piece in pieces])[:, rows]
        shares[name] = float(1.0 - np.mean((said - wanted[:, numbers]) ** 2) / np.var(wanted[:, numbers]))
    return shares


class _Batches:
    """A batch is a function of (seed, step)."""

    def __init__(self, lessons: Lessons, config: TrunkConfig, run: DistilConfig, clock: Clock, seed: int) -> None:
        self._lessons, self._run, self._clock, self._seed = lessons, run, clock, seed
        self._scale = FeatureScale(scale=config.features.scale, zero_point=config.features.zero_point)
        changes = ExamplesConfig(colour_db=run.colour_db, gain_db=run.gain_db, background_probability=0.0)
        nothing = np.zeros((0, config.features.num_features), np.int8)
        self._surroundings = Surroundings(config.features, nothing, changes)
        self._mean, self._deviation = scale_of(lessons)

    def batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rng = np.random.default_rng([self._seed, _BATCH, int(step)])
        run, lessons, count = self._run, self._lessons, self._run.batch_clips
        pieces = rng.integers(0, len(lessons.plain), count)
        starts = rng.integers(0, self._clock.num_starts, count)
        frames = np.asarray(self._clock.start_frame(starts))[:, None] + np.arange(run.segment_frames)
        features = lessons.plain[pieces[:, None], frames]
        elsewhere = rng.random(count) < run.heard_share
        features[elsewhere] = lessons.heard[pieces[elsewhere, None], frames[elsewhere]]
        wanted = lessons.embeddings[pieces[:, None], starts[:, None] + self._clock.numbers].astype(np.float32)
        inputs = self._scale.to_real(self._surroundings.surround(features, rng))
        return np.asarray(inputs, np.float32), (wanted - self._mean) / self._deviation
