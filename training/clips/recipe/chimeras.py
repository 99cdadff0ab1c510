# SPDX-License-Identifier: Apache-2.0
"""Words nobody said, in real voices: halves of two words spliced together, and words played backwards.

A network that has heard few other words takes whatever begins like "left" for "left". These clips have the
voices, rooms and microphones of the keywords, and half of their sounds, but are none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CROSSFADE_SAMPLES = 160
_SHORTEST_WORD_SAMPLES = 1500
_ENERGY_SPAN = (0.03, 0.97)

_SOUND_LIKE_A_KEYWORD = frozenset(
    frozenset(pair)
    for pair in (
        ("go", "no"),
        ("on", "off"),
        ("on", "up"),
        ("on", "stop"),
        ("on", "down"),
        ("on", "no"),
        ("on", "one"),
        ("off", "up"),
        ("off", "stop"),
        ("up", "stop"),
        ("up", "one"),
        ("no", "down"),
        ("no", "zero"),
        ("go", "zero"),
    )
)
"""Pairs that share a vowel: a splice of these may be the keyword itself."""

_PALINDROMES = frozenset({"no", "on", "one", "five"})
"""Words that are, or nearly are, a keyword when played backwards."""


def chimeras(
    clips: NDArray[np.int16], words: tuple[str, ...], count: int, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Splice the first half of one word to the second half of another.

    Parameters
    ----------
    clips : int16 array, shape [clips, samples]
    words : tuple of str
        What is said in each.
    count : int
        How many to make.
    rng : numpy.random.Generator

    Returns
    -------
    int16 array, shape [count, samples]
    """
    made: list[NDArray[np.int16]] = []
    while len(made) < count:
        first, second = (int(row) for row in rng.integers(len(clips), size=2))
        if words[first] == words[second] or frozenset((words[first], words[second])) in _SOUND_LIKE_A_KEYWORD:
            continue
        clip = _splice(clips[first], clips[second], rng)
        if clip is not None:
            made.append(clip)
    return np.stack(made)


def backwards(
    clips: NDArray[np.int16], words: tuple[str, ...], count: int, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Play ``count`` of the clips ``[clips, samples]`` backwards, sparing words that would become keywords."""
    usable = np.array([row for row, word in enumerate(words) if word not in _PALINDROMES])
    chosen = rng.choice(usable, size=count, replace=count > usable.size)
    return np.ascontiguousarray(clips[chosen, ::-1])


def _splice(first: NDArray[np.int16], second: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.int16] | None:
    """Join two clips inside their words, at equal loudness, the new word in the middle; None if one is too short."""
    (start, end), (second_start, second_end) = _span(first), _span(second)
    if min(end - start, second_end - second_start) < _SHORTEST_WORD_SAMPLES:
        return None
    cut = int(start + rng.uniform(0.35, 0.65) * (end - start))
    second_cut = int(second_start + rng.uniform(0.35, 0.65) * (second_end - second_start))
    peaks = np.abs(first).max() + 1.0, np.abs(second).max() + 1.0
    level = float(np.sqrt(peaks[0] * peaks[1]))
    head, tail = first[:cut] * (level / peaks[0]), second[second_cut:] * (level / peaks[1])
    fade = min(_CROSSFADE_SAMPLES, cut, second_cut)
    ramp = np.linspace(0.0, 1.0, fade)
    before_tail = second[second_cut - fade : second_cut] * (level / peaks[1])
    head[cut - fade :] = head[cut - fade :] * (1.0 - ramp) + before_tail * ramp
    middle = (start + cut + second_end - second_cut) // 2
    padded = np.pad(np.concatenate([head, tail]), first.size)
    begin = first.size + middle - first.size // 2
    return np.clip(np.rint(padded[begin : begin + first.size]), -32768, 32767).astype(np.int16)


def _span(clip: NDArray[np.int16]) -> tuple[int, int]:
    """First and last sample of the word, by energy."""
    energy = np.cumsum(np.square(clip, dtype=np.float64))
    low, high = (np.searchsorted(energy, share * energy[-1]) for share in _ENERGY_SPAN)
    return int(low), int(high)
