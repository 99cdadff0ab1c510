# SPDX-License-Identifier: Apache-2.0
"""Words spoken by machines as further clips: hundreds of other words, and the keywords themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from kws.datasets.synthetic import SpeechClip, place_in_window, synthesize_words
from kws.datasets.synthetic_choir import open_engines
from kws.errors import ConfigError
from kws.progress import one_bar
from kws.training.clips.recipe.config import SyntheticConfig

WORDS_FILE = Path(__file__).with_name("words.txt")

VOCABULARY = [
    "backward",
    "bed",
    "bird",
    "cat",
    "dog",
    "eight",
    "five",
    "follow",
    "forward",
    "four",
    "happy",
    "house",
    "learn",
    "marvin",
    "nine",
    "one",
    "seven",
    "sheila",
    "six",
    "three",
    "tree",
    "two",
    "visual",
    "wow",
    "zero",
]
"""The words of Speech Commands v0.02 beside the ten keywords, from its published description."""

_SPREAD_MS = 120
"""Half-width of where a synthetic word lies around the middle of its clip."""


def other_words(keywords: Sequence[str]) -> list[str]:
    """Return the words of ``words.txt`` and of the published vocabulary, without the keywords.

    Raises
    ------
    ConfigError
        If the list is empty.
    """
    words = dict.fromkeys([*VOCABULARY, *WORDS_FILE.read_text(encoding="utf-8").split()])
    others = [word for word in words if word not in keywords]
    if not others:
        raise ConfigError(f"{WORDS_FILE}: holds no words; restore the file")
    return others


def speak_unknown(
    keywords: Sequence[str], config: SyntheticConfig, num_samples: int, *, seed: int
) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """Speak all other words.

    Returns
    -------
    int16 array, shape [clips, num_samples], and what is said in each
    """
    others = other_words(keywords)
    common = [word for word in others if word in VOCABULARY]
    rest = [word for word in others if word not in VOCABULARY]
    spoken = _speak(common, config.clips_per_vocabulary_word, config, seed)
    return _place(spoken + _speak(rest, config.clips_per_word, config, seed + 1), num_samples, seed)


def speak_keywords(
    keywords: Sequence[str], config: SyntheticConfig, num_samples: int, *, seed: int
) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """Speak the keywords, so that a synthetic voice says nothing about the word."""
    return _place(_speak(keywords, config.clips_per_keyword, config, seed + 2), num_samples, seed)


def _speak(words: Sequence[str], count: int, config: SyntheticConfig, seed: int) -> list[SpeechClip]:
    if not words or not count:
        return []
    engine = open_engines(config.engines)
    with one_bar(Console(), f"speaking {len(words)} words") as show:
        return synthesize_words(
            engine, words, clips_per_word=count, num_voices=config.num_voices, seed=seed, on_progress=show
        )


def _place(spoken: Sequence[SpeechClip], num_samples: int, seed: int) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """Put every word near the middle of a clip, at half of full scale."""
    rng = np.random.default_rng([seed, 0x5E])
    audio = np.zeros((len(spoken), num_samples), np.int16)
    for row, clip in zip(audio, spoken, strict=True):
        peak = max(int(np.abs(clip.samples.astype(np.int32)).max()), 1)
        row[:] = _around_middle(np.rint(clip.samples * (16384.0 / peak)).astype(np.int16), num_samples, rng)
    return audio, tuple(clip.word for clip in spoken)


def _around_middle(samples: NDArray[np.int16], num_samples: int, rng: np.random.Generator) -> NDArray[np.int16]:
    room = num_samples - samples.size
    spread = _SPREAD_MS * 16
    if room <= 2 * spread:
        return place_in_window(samples, num_samples, rng)
    start = room // 2 + int(rng.integers(-spread, spread + 1))
    return np.pad(samples, (start, room - start))
