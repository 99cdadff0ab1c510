# SPDX-License-Identifier: Apache-2.0
"""Accents of a phrase: a phoneme or two of it as learners of English and people of other regions say them.

Engines imitate whole accents (`synthetic_espeak.draw_readings`); these are the ways in which a single phrase is said
that no engine reads out of its spelling. An accent lies nearer to the phrase than to any word that is not meant.
Invented near-misses are a phoneme or three away from the phrase as well, so those that are near to an accent are left
out where it is taught (`phonetics.mutations`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np

from kws.datasets.phonetics import STRESS_MARKS, edit_distance, is_vowel, plain

_SAID_AS: dict[str, tuple[str, ...]] = {
    "b": ("v", "p"),
    "d": ("t", "D"),
    "g": ("k",),
    "p": ("b",),
    "t": ("d",),
    "k": ("g",),
    "v": ("w", "f", "b"),
    "f": ("v",),
    "w": ("v",),
    "D": ("d", "z"),
    "T": ("t", "s", "f"),
    "s": ("z", "S"),
    "z": ("s",),
    "S": ("s", "tS"),
    "Z": ("S", "dZ"),
    "tS": ("S", "t|s"),
    "dZ": ("tS", "Z", "j"),
    "h": ("",),
    "l": ("r",),
    "r": ("l", "w"),
    "N": ("N|g", "n"),
    "I": ("i:", "E"),
    "i": ("I",),
    "i:": ("I",),
    "E": ("a", "eI"),
    "a": ("E", "A:"),
    "V": ("a", "A:"),
    "0": ("O:", "A:"),
    "O:": ("oU", "0"),
    "O@": ("O:", "oU"),
    "oU": ("O:", "0"),
    "eI": ("E",),
    "aI": ("eI",),
    "aU": ("oU",),
    "U": ("u:",),
    "u:": ("U",),
    "A:": ("a", "0"),
    "A@": ("A:", "a", "O:"),
    "3:": ("E", "V"),
    "@": ("a", "E", "0"),
}
"""How phonemes of `phonetics.plain` come out: voiced or not, stops for fricatives and fricatives for stops, long vowels
for short ones and the other way round, full vowels for weak ones; several phonemes are parted by ``|``."""
_MOST_AT_ONCE = 2


def accents(
    phrase: Sequence[str], words: Sequence[Sequence[str]], count: int, rng: np.random.Generator
) -> list[tuple[str, ...]]:
    """Draw accents of a phrase, those of one phoneme before those of two.

    Parameters
    ----------
    phrase : sequence of phoneme symbols
    words : sequence of phoneme sequences
        Other words, of which none may be meant.
    count : int
        At most so many; short phrases in a crowd of words have few.
    rng : numpy.random.Generator

    Returns
    -------
    list of phoneme sequences
    """
    found: dict[tuple[str, ...], None] = {}
    for changes in range(1, _MOST_AT_ONCE + 1):
        some = list(_said(phrase, changes))
        for number in rng.permutation(len(some)):
            if len(found) == count:
                break
            said = some[number]
            far = edit_distance(said, phrase)
            if any(map(is_vowel, said)) and all(far < edit_distance(said, word) for word in words):
                found[said] = None
    return list(found)


def _said(phrase: Sequence[str], changes: int) -> Iterator[tuple[str, ...]]:
    """Every way to say so many of the phonemes otherwise."""
    options = [_SAID_AS.get(plain(symbol), ()) for symbol in phrase]
    for places in combinations(range(len(phrase)), changes):
        for chosen in product(*(options[place] for place in places)):
            said = dict(zip(places, chosen, strict=True))
            result: list[str] = []
            for place, symbol in enumerate(phrase):
                stress = symbol[: len(symbol) - len(symbol.lstrip(STRESS_MARKS))]
                spoken = said.get(place, symbol.removeprefix(stress))
                result += (stress + spoken).split("|") if spoken else []
            yield tuple(result)
