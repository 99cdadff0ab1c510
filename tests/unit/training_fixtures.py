# SPDX-License-Identifier: Apache-2.0
"""A tiny task made of tones and noise: trains in seconds, needs no recordings."""

import hashlib

import numpy as np

from kws.features import FeaturesConfig
from kws.training.augment.mixing import AugmentConfig
from kws.training.clips.batches import ClipBatches
from kws.training.clips.config import DataConfig, RunConfig
from kws.training.clips.dataset import ClipSet, TrainingData, clip_set
from kws.training.fit.config import BlockConfig, ModelConfig, OptimizerConfig, StemConfig

LABELS = ("silence", "unknown", "low", "high")
FREQUENCY_HZ = {"low": 400.0, "high": 1900.0, "chirp": 900.0, "buzz": 3000.0}
CLIP_SAMPLES = 8000

TINY_RUN = RunConfig(
    name="tiny",
    seed=5,
    data=DataConfig(labels=LABELS, clip_ms=500, fractions={"silence": 0.2, "unknown": 0.3}),
    features=FeaturesConfig(scale=0.6, zero_point=80),
    augment=AugmentConfig(time_shift_ms=50, snr_db=(10.0, 30.0)),
    model=ModelConfig(
        stem=StemConfig(filters=8, kernel=(4, 4), strides=(2, 2)),
        blocks=(BlockConfig(filters=8),) * 2,
        time_padding="valid",
        dropout=0.1,
    ),
    optimizer=OptimizerConfig(epochs=2, batch_clips=16, learning_rate=1e-2, ema_decay=0.9),
)


def tones(words: list[str], seed: int) -> ClipSet:
    """One clip per word: its tone in the middle of half a second, level and phase at random."""
    rng = np.random.default_rng(seed)
    clips = np.zeros((len(words), CLIP_SAMPLES), np.int16)
    time_s = np.arange(4000) / 16000
    for clip, word in zip(clips, words, strict=True):
        wave = np.sin(2 * np.pi * FREQUENCY_HZ[word] * time_s + rng.uniform(0, 6))
        clip[2000:6000] = np.rint(wave * np.hanning(4000) * rng.uniform(3000, 12000))
    return clip_set(clips, words, LABELS)


def tiny_data() -> TrainingData:
    """Two words, two unknown ones, white noise."""
    training = tones(["low", "high", "chirp", "buzz"] * 16, seed=1)
    noise = np.random.default_rng(2).normal(0, 300, 48000).astype(np.int16)
    return TrainingData(
        labels=LABELS,
        training=training,
        validation=tones(["low", "high", "chirp"] * 4, seed=3),
        noise=(noise,),
        sha256=hashlib.sha256(training.audio.tobytes()).hexdigest(),
    )


def tiny_batches(run: RunConfig = TINY_RUN) -> ClipBatches:
    """Plain batches of the tiny task."""
    return ClipBatches(
        tiny_data(),
        run.features,
        run.augment,
        fractions=run.data.fractions,
        batch_clips=run.optimizer.batch_clips,
        seed=run.seed,
    )
