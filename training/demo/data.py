# SPDX-License-Identifier: Apache-2.0
"""Data for the demo, made on the spot: a phrase and what it must not be confused with, by many synthetic voices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, to_int16, write_wav
from kws.datasets import phonetics
from kws.datasets.synthetic import SpeechClip, place_in_window, synthesize_words
from kws.datasets.synthetic_espeak import EspeakEngine
from kws.labels import SILENCE, UNKNOWN
from kws.training.augment.mixing import AugmentConfig, augment_speech
from kws.training.augment.sounds import draw_sound
from kws.training.clips.config import RunConfig
from kws.training.clips.dataset import (
    TrainingData,
    clip_set,
    num_silence_clips,
    split_noise,
    with_silence,
)

COMMON_PHRASES = (
    "hello", "hey", "hey you", "good morning", "what time is it", "never mind", "no", "over", "lights on",
    "turn it off", "play music", "stop", "one two three", "thank you", "see you later", "open the door",
)  # fmt: skip

_NOISE_SECONDS = 10
_HELD_OUT_SNR_DB = 12.0
"""Every second held-out word is spoken into noise this far below it."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """How much is synthesised."""

    voices: int = 200
    phrase_clips: int = 900
    other_clips: int = 28
    """Of each other phrase."""
    near_words: int = 24
    near_mutations: int = 16
    noise_recordings: int = 24
    held_out: tuple[int, int, int] = (10, 7, 3)
    """Clips kept for the proof: phrase, unknown, silence."""


@dataclass(frozen=True, kw_only=True)
class DemoData:
    """What the network learns from, and clips of voices it never hears."""

    training: TrainingData
    held_out: dict[str, list[NDArray[np.int16]]]
    """Label to clips of one second: voices of the testing split, other noise."""
    others: tuple[str, ...]
    """What was spoken as ``unknown``."""


def make_demo_data(run: RunConfig, size: DemoSize | None = None, *, on_progress: Progress | None = None) -> DemoData:
    """Synthesise the demo's speech and noise; the same run gives the same samples.

    Parameters
    ----------
    run : RunConfig
        Its last label is the phrase.
    size : DemoSize, optional
    on_progress : callable, optional
        Called with clips done and clips in all.

    Raises
    ------
    SpeechEngineError, ToolMissingError
        If the phrase cannot be spoken, or espeak-ng is missing.
    """
    size = size or DemoSize()
    phrase = run.data.labels[-1]
    others = _others(phrase, size, run.seed)
    clips = _speak(phrase, others, size, run.seed, on_progress)
    rng = np.random.default_rng([run.seed, 0xD0])
    heard, kept_aside = split_noise([_noise(rng) for _ in range(size.noise_recordings)])
    by_split = {
        split: _windows([clip for clip in clips if clip.split == split], run, rng)
        for split in ("training", "validation", "testing")
    }
    training = clip_set(*by_split["training"], run.data.labels)
    validation = clip_set(*by_split["validation"], run.data.labels)
    num_silence = num_silence_clips(len(validation), run.data.validation_silence_fraction)
    return DemoData(
        training=TrainingData(
            labels=run.data.labels,
            training=training,
            validation=with_silence(validation, kept_aside, num_silence, run.data.labels, seed=run.seed),
            noise=heard,
            sha256=hashlib.sha256(training.audio.tobytes()).hexdigest(),
        ),
        held_out=_held_out(phrase, *by_split["testing"], kept_aside, size, rng),
        others=others,
    )


def write_held_out(held_out: dict[str, list[NDArray[np.int16]]], folder: Path) -> Path:
    """Write the held-out clips as ``LABEL/NN.wav``, the layout ``kws replay`` takes labels from."""
    for label, clips in held_out.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number, samples in enumerate(clips, start=1):
            write_wav(folder / label / f"{number:02d}.wav", samples)
    return folder


def _others(phrase: str, size: DemoSize, seed: int) -> tuple[str, ...]:
    """Texts of ``unknown``: everyday phrases, and what sounds like the phrase."""
    engine = EspeakEngine()
    phrases = phonetics.phrases_of([phrase], engine)
    ranked = phonetics.near_words(phrases, phonetics.english_words(), engine, size.near_words)
    misses = phonetics.near_misses(
        phrases, ranked, num_words=size.near_words, num_mutations=size.near_mutations, seed=seed
    )
    common = [text for text in COMMON_PHRASES if text != phrase]
    return tuple(dict.fromkeys([*common, *(miss.text for miss in misses)]))


def _speak(
    phrase: str, others: Sequence[str], size: DemoSize, seed: int, on_progress: Progress | None
) -> list[SpeechClip]:
    total = size.phrase_clips + size.other_clips * len(others)

    def tell(offset: int) -> Progress | None:
        return on_progress and (lambda done, _total: on_progress(offset + done, total))

    engine = EspeakEngine()
    return synthesize_words(
        engine, [phrase], clips_per_word=size.phrase_clips, num_voices=size.voices, seed=seed, on_progress=tell(0)
    ) + synthesize_words(
        engine,
        others,
        clips_per_word=size.other_clips,
        num_voices=size.voices,
        seed=seed,
        on_progress=tell(size.phrase_clips),
    )


def _windows(
    clips: Sequence[SpeechClip], run: RunConfig, rng: np.random.Generator
) -> tuple[NDArray[np.int16], list[str]]:
    """Return clips at random places of one window each, with their words; what does not fit is left out."""
    samples = run.data.clip_ms * SAMPLE_RATE_HZ // 1000
    fitting = [clip for clip in clips if clip.samples.size <= samples or clip.word != run.data.labels[-1]]
    windows = [place_in_window(clip.samples, samples, rng) for clip in fitting]
    return np.stack(windows), [clip.word for clip in fitting]


def _held_out(
    phrase: str,
    audio: NDArray[np.int16],
    words: Sequence[str],
    noise: Sequence[NDArray[np.int16]],
    size: DemoSize,
    rng: np.random.Generator,
) -> dict[str, list[NDArray[np.int16]]]:
    """Draw the clips of the proof; every second word gets noise."""
    is_phrase = np.array([word == phrase for word in words])
    noisy = AugmentConfig(time_shift_ms=0, noise_probability=1.0, snr_db=(_HELD_OUT_SNR_DB,) * 2, gain_db=(0.0, 0.0))

    def draw(members: NDArray[np.bool_], count: int) -> list[NDArray[np.int16]]:
        drawn = [audio[row] for row in rng.permutation(np.flatnonzero(members))[:count]]
        return [augment_speech(clip, noise, noisy, rng) if i % 2 else clip for i, clip in enumerate(drawn)]

    return {
        phrase: draw(is_phrase, size.held_out[0]),
        UNKNOWN: draw(~is_phrase, size.held_out[1]),
        SILENCE: [recording[: audio.shape[1]] for recording in noise[: size.held_out[2]]],
    }


def _noise(rng: np.random.Generator) -> NDArray[np.int16]:
    return to_int16(draw_sound(_NOISE_SECONDS * SAMPLE_RATE_HZ, rng) * rng.uniform(0.05, 0.6))
