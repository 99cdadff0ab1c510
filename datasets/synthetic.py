# SPDX-License-Identifier: Apache-2.0
"""Synthetic speech: words in, labelled clips of many speakers out; engines are plug-ins.

espeak-ng (`kws.datasets.synthetic_espeak`) has speakers without number; neural and recorded voices sound like people
(`kws.datasets.synthetic_choir` opens all of them by name). Everything is deterministic: the same words, seed and engine
version give the same samples. Speakers are split between training, validation and testing by the rule of Speech
Commands (a hash of the speaker's name), so no voice that trained a model also judges it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, write_wav
from kws.datasets.corpus import Split
from kws.datasets.speech_commands import which_set
from kws.errors import AudioError, DatasetError, SpeechEngineError

_PITCHES = (20, 81)
_RATES_WPM = (86, 184)
"""0.7 to 1.4 times the usual pace; people who call a device speak slowly: half of 260 recordings of a two-syllable name
took 0.62 to 0.77 s."""
CAST = 2
"""Edition of how speakers are drawn: part of the recipe, so that takes of another edition are not taken for these."""
_PEOPLE = {"man": (0.42, 112.0, 0.18), "woman": (0.38, 200.0, 0.15), "child": (0.2, 275.0, 0.13)}
"""Share of the speakers, usual fundamental in Hz and the spread of its logarithm."""
_TRACT_PER_PITCH = 0.29
"""Women's formants lie 1.18 times as high as men's at 1.8 times the fundamental, children's 1.3 at 2.5 times."""
_SENTENCE_WORDS, _SENTENCE_FASTER = 3, 1.25
"""From so many words on they speak so much faster."""
_WORD_GAPS_MS = (0, 0, 0, 30, 80)
_TRIM_FRAME_SAMPLES = 160
_TRIM_WITHIN_DB = 45.0
_TRIM_MARGIN_SAMPLES = 320


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One speaker of one engine."""

    engine: str
    """Name of the engine that owns the voice."""
    name: str
    """What the engine calls it."""
    speaker: str
    """Identity for splitting: voices that share a vocal tract share it."""
    accent: str = ""
    """Language or accent, where the engine has such a notion."""
    definition: str = field(default="", repr=False)
    """Engine-specific description of a voice that is made, not stored (an espeak-ng voice file)."""

    @property
    def split(self) -> Split:
        """Where this speaker belongs, from its name alone."""
        return which_set(f"{self.speaker}_nohash_0")


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """One thing to say and how to say it."""

    text: str
    """Plain text, or phonemes of espeak-ng in double brackets: ``[[k@mpj'u:t3]]``."""
    voice: Voice
    pitch: int = 50
    """0..99; 50 is the voice's own."""
    rate_wpm: int = 175
    """Words per minute."""
    amplitude: int = 100
    """0..200; 100 is the engine's own."""
    word_gap_ms: int = 0
    """Extra pause between words."""


@dataclass(frozen=True, kw_only=True)
class Pronunciation:
    """How an engine reads a phrase; edit `phonemes` and hand it back in double brackets."""

    text: str
    phonemes: str
    ipa: str


class SpeechEngine(Protocol):
    """The one small interface of every synthesiser."""

    @property
    def name(self) -> str:
        """Engine and version: part of the recipe, so a new version makes a new set."""

    def voices(self, count: int, *, seed: int) -> list[Voice]:
        """Return `count` voices by as many different speakers as the engine has."""

    def pronounce(self, text: str) -> Pronunciation:
        """Return how `text` is read; `SpeechEngineError` if it cannot be spoken."""

    def synthesize(self, utterance: Utterance) -> NDArray[np.int16]:
        """Return int16 samples at 16 kHz, silence at both ends trimmed."""


@dataclass(frozen=True, kw_only=True)
class SpeechClip:
    """One synthesised word with its label and speaker."""

    samples: NDArray[np.int16] = field(repr=False)
    """At 16 kHz, trimmed to the word."""
    word: str
    speaker: str
    split: Split


def draw_person(rng: np.random.Generator) -> tuple[float, float]:
    """Draw a man, a woman or a child: the fundamental in Hz, and how short the vocal tract is (`usual_tract`)."""
    shares, pitches_hz, spreads = (np.array(column) for column in zip(*_PEOPLE.values(), strict=True))
    kind = int(rng.choice(len(shares), p=shares))
    pitch_hz = float(pitches_hz[kind] * np.exp(rng.normal(0.0, spreads[kind])))
    return pitch_hz, usual_tract(pitches_hz[kind]) * float(np.exp(rng.normal(0.0, 0.05)))


def usual_tract(pitch_hz: float) -> float:
    """How much higher formants lie than a man's with this fundamental; the shorter the vocal tract, the higher."""
    return float((pitch_hz / _PEOPLE["man"][1]) ** _TRACT_PER_PITCH)


def trim_silence(samples: NDArray[np.int16], *, within_db: float = _TRIM_WITHIN_DB) -> NDArray[np.int16]:
    """Cut samples to where the level is within so much of the loudest 10 ms, plus 20 ms on either side.

    Parameters
    ----------
    samples : int16 [samples]
    within_db : float

    Returns
    -------
    int16 [samples]
        Empty when the input holds nothing but silence.
    """
    num_frames = len(samples) // _TRIM_FRAME_SAMPLES
    if num_frames == 0 or not samples.any():
        return samples[:0]
    frames = samples[: num_frames * _TRIM_FRAME_SAMPLES].astype(np.float64).reshape(num_frames, -1)
    level_db = 10.0 * np.log10(np.mean(frames**2, axis=1) + 1e-9)
    loud = np.flatnonzero(level_db >= level_db.max() - within_db)
    start = max(int(loud[0]) * _TRIM_FRAME_SAMPLES - _TRIM_MARGIN_SAMPLES, 0)
    stop = (int(loud[-1]) + 1) * _TRIM_FRAME_SAMPLES + _TRIM_MARGIN_SAMPLES
    return samples[start:stop]


def vary(texts: Sequence[str], voices: Sequence[Voice], count: int, rng: np.random.Generator) -> list[Utterance]:
    """Draw `count` utterances: texts in turn, every voice as often as any other, pitch, rate and gaps at random."""
    order = np.concatenate([rng.permutation(len(voices)) for _ in range(-(-count // len(voices)))])
    return [
        Utterance(
            text=texts[index % len(texts)],
            voice=voices[int(order[index])],
            pitch=int(rng.integers(*_PITCHES)),
            rate_wpm=_draw_rate_wpm(texts[index % len(texts)], rng),
            word_gap_ms=int(rng.choice(_WORD_GAPS_MS)),
        )
        for index in range(count)
    ]


def highest_rate_wpm(text: str) -> int:
    """Return the words per minute of the fastest utterance of a text that `vary` draws."""
    return round((_RATES_WPM[1] - 1) * _faster(text))


def _draw_rate_wpm(text: str, rng: np.random.Generator) -> int:
    return round(int(rng.integers(*_RATES_WPM)) * _faster(text))


def _faster(text: str) -> float:
    return _SENTENCE_FASTER if len(text.split()) >= _SENTENCE_WORDS else 1.0


def synthesize_utterances(
    engine: SpeechEngine,
    utterances: Sequence[Utterance],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[NDArray[np.int16]]:
    """Speak every utterance, in order, on all cores.

    Parameters
    ----------
    engine : SpeechEngine
    utterances : sequence of Utterance
    on_progress : callable, optional
        Called with (done, total) from the calling thread.

    Raises
    ------
    SpeechEngineError
        If the engine stays silent for one of them.
    """
    spoken: list[NDArray[np.int16]] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for samples in pool.map(engine.synthesize, utterances):
            spoken.append(samples)
            if on_progress is not None:
                on_progress(len(spoken), len(utterances))
    for utterance, samples in zip(utterances, spoken, strict=True):
        if len(samples) == 0:
            raise SpeechEngineError(
                f"{engine.name} spoke nothing but silence for {utterance.text!r} with voice "
                f"{utterance.voice.name}; try another spelling, or phonemes in [[ ]]"
            )
    return spoken


def synthesize_words(
    engine: SpeechEngine,
    words: Sequence[str],
    *,
    clips_per_word: int,
    num_voices: int = 200,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[SpeechClip]:
    """Make a whole labelled set: every word, by many speakers, at many speeds and pitches.

    Parameters
    ----------
    engine : SpeechEngine
        Such as `kws.datasets.synthetic_espeak.EspeakEngine`.
    words : sequence of str
        Labels and texts; a word may be a phrase.
    clips_per_word : int
    num_voices : int
        Voices to draw; about 80 % of them train, 10 % validate, 10 % test.
    seed : int
        Same words, seed and engine: same samples.
    on_progress : callable, optional
        Called with (done, total).

    Returns
    -------
    list of SpeechClip
        ``len(words) * clips_per_word``, ordered by word.
    """
    for word in words:
        engine.pronounce(word)
    voices = engine.voices(num_voices, seed=seed)
    utterances: list[Utterance] = []
    for index, word in enumerate(words):
        rng = np.random.default_rng([seed, index])
        utterances += vary([word], voices, clips_per_word, rng)
    spoken = synthesize_utterances(engine, utterances, on_progress=on_progress)
    return [
        SpeechClip(
            samples=samples,
            word=words[index // clips_per_word],
            speaker=utterance.voice.speaker,
            split=utterance.voice.split,
        )
        for index, (utterance, samples) in enumerate(zip(utterances, spoken, strict=True))
    ]


def place_in_window(samples: NDArray[np.int16], num_samples: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Put a word at a random place of `num_samples` of silence; a longer one loses both ends evenly."""
    excess = len(samples) - num_samples
    if excess >= 0:
        return samples[excess // 2 : excess // 2 + num_samples]
    window = np.zeros(num_samples, dtype=np.int16)
    start = int(rng.integers(0, -excess + 1))
    window[start : start + len(samples)] = samples
    return window


def write_speech_commands_folder(
    clips: Iterable[SpeechClip], folder: Path, *, num_samples: int = SAMPLE_RATE_HZ, seed: int = 0
) -> Path:
    """Write clips in the layout of Speech Commands: ``<word>/<speaker>_nohash_<n>.wav`` and ``manifest.csv``.

    Parameters
    ----------
    clips : iterable of SpeechClip
    folder : Path
        Made if missing; files of the same names are replaced.
    num_samples : int
        Length of every clip; the word lies at a random place inside.
    seed : int
        Of those places.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    DatasetError
        If the folder cannot be written.
    """
    rng = np.random.default_rng(seed)
    takes: dict[tuple[str, str], int] = {}
    rows = []
    try:
        for clip in clips:
            take = takes.get((clip.word, clip.speaker), 0)
            takes[clip.word, clip.speaker] = take + 1
            path = folder / clip.word.replace(" ", "_") / f"{clip.speaker}_nohash_{take}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wav(path, place_in_window(clip.samples, num_samples, rng))
            relative = path.relative_to(folder).as_posix()
            rows.append([relative, clip.word, clip.speaker, clip.split, str(num_samples)])
        manifest = folder / "manifest.csv"
        with manifest.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["path", "word", "speaker", "split", "num_samples"])
            writer.writerows(rows)
    except (OSError, AudioError) as error:
        raise DatasetError(
            f"{folder}: the synthetic set cannot be written ({error}); choose a writable folder"
        ) from error
    return manifest
