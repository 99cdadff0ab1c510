"""Data for the demo, made on the spot: a phrase and what it must not be confused with, by many synthetic voices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.phonetics import near_misses
from datasets.synthetic import SpeechClip, place_in_window, synthesize_words
from datasets.synthetic_espeak import EspeakEngine
from kws.audio import SAMPLE_RATE_HZ, to_int16, write_wav
from training.config import RunConfig
from training.dataset import SILENCE, UNKNOWN, TrainingData, clip_set, split_noise, with_silence
from training.wakeword.sounds import draw_sound

COMMON_PHRASES = (
    "hello", "hey", "hey you", "good morning", "what time is it", "never mind", "no", "over", "lights on",
    "turn it off", "play music", "stop", "one two three", "thank you", "see you later", "open the door",
)  # fmt: skip

_NEAR_WORDS, _NEAR_MUTATIONS = 24, 16
_PHRASE_CLIPS = 640
_OTHER_CLIPS = 24
_VOICES = 160
_NOISE_RECORDINGS = 24
_NOISE_SECONDS = 10
_HELD_OUT = {"phrase": 10, UNKNOWN: 7, SILENCE: 3}

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class DemoData:
    """What the network learns from, and clips of voices it never hears."""

    training: TrainingData
    held_out: dict[str, list[NDArray[np.int16]]]
    """Label to clips of one second: voices of the testing split, other noise."""
    others: tuple[str, ...]
    """What was spoken as ``unknown``."""


def make_demo_data(run: RunConfig, *, on_progress: Progress | None = None) -> DemoData:
    """Synthesise the demo's speech and noise; the same run gives the same samples.

    Parameters
    ----------
    run : RunConfig
        Its last label is the phrase.
    on_progress : callable, optional
        Called with clips done and clips in all.

    Raises
    ------
    SpeechEngineError, ToolMissingError
        If the phrase cannot be spoken, or espeak-ng is missing.
    """
    phrase = run.data.labels[-1]
    others = _others(phrase, run.seed)
    clips = _speak(phrase, others, run.seed, on_progress)
    rng = np.random.default_rng([run.seed, 0xD0])
    heard, kept_aside = split_noise([_noise(rng) for _ in range(_NOISE_RECORDINGS)])
    sets = {
        split: _windows([clip for clip in clips if clip.split == split], run, rng)
        for split in ("training", "validation", "testing")
    }
    training = clip_set(*sets["training"], run.data.labels)
    validation = clip_set(*sets["validation"], run.data.labels)
    fraction = run.data.validation_silence_fraction
    num_silence = round(len(validation) * fraction / (1.0 - fraction))
    return DemoData(
        training=TrainingData(
            labels=run.data.labels,
            training=training,
            validation=with_silence(validation, kept_aside, num_silence, run.data.labels, seed=run.seed),
            noise=heard,
            sha256=hashlib.sha256(training.audio.tobytes()).hexdigest(),
        ),
        held_out=_held_out(phrase, *sets["testing"], kept_aside, rng),
        others=others,
    )


def write_held_out(held_out: dict[str, list[NDArray[np.int16]]], folder: Path) -> Path:
    """Write the held-out clips as ``LABEL/NN.wav``, the layout ``kws replay`` takes labels from."""
    for label, clips in held_out.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number, samples in enumerate(clips, start=1):
            write_wav(folder / label / f"{number:02d}.wav", samples)
    return folder


def _others(phrase: str, seed: int) -> tuple[str, ...]:
    misses = near_misses([phrase], EspeakEngine(), num_words=_NEAR_WORDS, num_mutations=_NEAR_MUTATIONS, seed=seed)
    common = [text for text in COMMON_PHRASES if text != phrase]
    return tuple(dict.fromkeys([*common, *(miss.text for miss in misses)]))


def _speak(phrase: str, others: Sequence[str], seed: int, on_progress: Progress | None) -> list[SpeechClip]:
    total = _PHRASE_CLIPS + _OTHER_CLIPS * len(others)

    def tell(offset: int) -> Progress | None:
        return on_progress and (lambda done, _total: on_progress(offset + done, total))

    spoken = synthesize_words(
        [phrase], clips_per_word=_PHRASE_CLIPS, num_voices=_VOICES, seed=seed, on_progress=tell(0)
    )
    return spoken + synthesize_words(
        others, clips_per_word=_OTHER_CLIPS, num_voices=_VOICES, seed=seed, on_progress=tell(_PHRASE_CLIPS)
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
    rng: np.random.Generator,
) -> dict[str, list[NDArray[np.int16]]]:
    is_phrase = np.array([word == phrase for word in words])
    said = rng.permutation(np.flatnonzero(is_phrase))[: _HELD_OUT["phrase"]]
    other = rng.permutation(np.flatnonzero(~is_phrase))[: _HELD_OUT[UNKNOWN]]
    samples = audio.shape[1]
    return {
        phrase: [audio[row] for row in said],
        UNKNOWN: [audio[row] for row in other],
        SILENCE: [recording[:samples] for recording in noise[: _HELD_OUT[SILENCE]]],
    }


def _noise(rng: np.random.Generator) -> NDArray[np.int16]:
    return to_int16(draw_sound(_NOISE_SECONDS * SAMPLE_RATE_HZ, rng) * rng.uniform(0.05, 0.6))
