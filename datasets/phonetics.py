# SPDX-License-Identifier: Apache-2.0
"""Near-misses: what sounds like the phrase but is not it, found by phoneme edit distance.

A detector that never heard near-misses wakes at half of them. Four kinds are made from the phrase alone, with the
synthesiser's own pronunciation: English words that sound alike, invented words (the phrase with some phonemes
exchanged, dropped or added, spoken directly as phonemes), parts of the phrase, alone and repeated, and some of its
words without the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal, Protocol

import numpy as np

from kws.errors import SpeechEngineError

Kind = Literal["word", "mutation", "part", "some words"]

STRESS_MARKS = "',%="
_SAME_CLASS_COST = 0.6
"""A vowel for a vowel, or a consonant for one made in the same manner, is heard as a smaller change."""
_MANNERS = (
    frozenset(["p", "b", "t", "d", "k", "g"]),
    frozenset(["f", "v", "T", "D", "s", "z", "S", "Z", "h", "tS", "dZ"]),
    frozenset(["m", "n", "N"]),
    frozenset(["l", "r", "w", "j"]),
)
_CONSONANTS = tuple(sorted(symbol for manner in _MANNERS for symbol in manner))
_VOWELS = ("a", "E", "I", "0", "V", "U", "i:", "u:", "A:", "eI", "aI", "oU", "aU", "3:", "O:")
_FEWEST_PHONEMES = 3
_MIN_MUTATION_DISTANCE = 0.22
"""Of the phrase's length: nearer than this is an accent, not another word."""


class Phonemizer(Protocol):
    """What near-misses need of an engine; espeak-ng has it."""

    def phonemes_of(self, texts: list[str]) -> list[list[str]]:
        """Split each text into phoneme symbols."""


@dataclass(frozen=True, kw_only=True)
class NearMiss:
    """One thing that must not wake the detector."""

    text: str
    """What to say: words, or phonemes in double brackets."""
    kind: Kind
    distance: float
    """Phoneme edit distance to the nearest phrase, divided by that phrase's number of phonemes."""


@cache
def english_words() -> tuple[str, ...]:
    """Return the list of common English words that comes with the package, sorted."""
    text = resources.files("kws.datasets").joinpath("english_words.txt").read_text(encoding="utf-8")
    return tuple(sorted(set(text.split())))


def plain(symbol: str) -> str:
    """Reduce a phoneme symbol to its class: no stress, no allophone marks (``'u:`` to ``u:``, ``t#`` to ``t``)."""
    bare = symbol.strip(STRESS_MARKS).rstrip("#-[]/*")
    if bare in {"3", "@", "@2", "@5", "a#", "I#"}:
        return "@"
    return bare.rstrip("2") or bare


def is_vowel(symbol: str) -> bool:
    """Whether a symbol is a vowel: in espeak's notation every vowel starts with one of these characters."""
    return plain(symbol)[:1] in set("aeiouAEIOUV03@&Y")


@cache
def substitution_cost(first: str, second: str) -> float:
    """Cost of hearing one phoneme as another, 0..1."""
    first, second = plain(first), plain(second)
    if first == second:
        return 0.0
    if is_vowel(first) and is_vowel(second):
        return _SAME_CLASS_COST
    alike = any(first in manner and second in manner for manner in _MANNERS)
    return _SAME_CLASS_COST if alike else 1.0


def edit_distance(first: Sequence[str], second: Sequence[str]) -> float:
    """Levenshtein distance between phoneme sequences, substitutions weighted by how alike they sound."""
    row = [float(j) for j in range(len(second) + 1)]
    for i, symbol in enumerate(first, start=1):
        above, left = row, float(i)
        row = [left]
        for j, other in enumerate(second):
            left = min(above[j] + substitution_cost(symbol, other), above[j + 1] + 1.0, left + 1.0)
            row.append(left)
    return row[-1]


def contains(longer: Sequence[str], shorter: Sequence[str]) -> bool:
    """Whether one phoneme sequence holds the other, allophones aside."""
    whole, part = [plain(s) for s in longer], [plain(s) for s in shorter]
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


def spell(phonemes: Sequence[str]) -> str:
    """Phonemes as text that espeak speaks directly."""
    return "[[" + "|".join(phonemes) + "]]"


def mutate(phonemes: Sequence[str], num_edits: int, rng: np.random.Generator) -> list[str]:
    """Exchange (mostly), drop or add phonemes; a stressed vowel stays stressed so the result is speakable."""
    result = list(phonemes)
    for _ in range(num_edits):
        place = int(rng.integers(len(result)))
        symbol = result[place]
        stress = symbol[: len(symbol) - len(symbol.lstrip(STRESS_MARKS))]
        pool = _VOWELS if is_vowel(symbol) else _CONSONANTS
        action = rng.random()
        if action < 0.7 or (action < 0.85 and (is_vowel(symbol) or len(result) < 3)):
            result[place] = stress + str(rng.choice(pool))
        elif action < 0.85:
            del result[place]
        else:
            result.insert(place, str(rng.choice(_CONSONANTS)))
    return result


def near_words(
    phrases: Sequence[Sequence[str]], words: Sequence[str], phonemizer: Phonemizer, count: int
) -> list[NearMiss]:
    """Return the `count` words nearest to any phrase; words that contain a phrase are left out.

    Parameters
    ----------
    phrases : sequence of phoneme sequences
    words : sequence of str
        Candidates.
    phonemizer : Phonemizer
    count : int
    """
    candidates = []
    for word, phonemes in zip(words, phonemizer.phonemes_of(list(words)), strict=True):
        if not any(contains(phonemes, phrase) for phrase in phrases):
            distance = nearest_distance(phonemes, phrases)
            candidates.append(NearMiss(text=word, kind="word", distance=distance))
    return sorted(candidates, key=lambda miss: (miss.distance, miss.text))[:count]


def nearest_distance(phonemes: Sequence[str], phrases: Sequence[Sequence[str]]) -> float:
    """Edit distance to the nearest phrase, as a share of that phrase's length."""
    return min(edit_distance(phonemes, phrase) / len(phrase) for phrase in phrases)


def mutations(
    phrases: Sequence[Sequence[str]],
    count: int,
    rng: np.random.Generator,
    accents: Sequence[Sequence[str]] = (),
) -> list[NearMiss]:
    """Invent `count` different words at a small but audible distance from the phrases and from accents of them."""
    meant = [*phrases, *accents]
    found: dict[str, NearMiss] = {}
    for attempt in range(50 * count):
        if len(found) == count:
            break
        phrase = phrases[attempt % len(phrases)]
        num_edits = 2 + int(rng.integers(0, max(len(phrase) // 3, 1)))
        candidate = mutate(phrase, num_edits, rng)
        audible = nearest_distance(candidate, meant) >= _MIN_MUTATION_DISTANCE
        if audible and not any(contains(candidate, other) for other in meant):
            text, distance = spell(candidate), nearest_distance(candidate, phrases)
            found[text] = NearMiss(text=text, kind="mutation", distance=distance)
    return list(found.values())


def parts(phrases: Sequence[Sequence[str]]) -> list[NearMiss]:
    """Return beginnings and ends of every phrase, alone and said twice; none long enough to be the phrase."""
    found: dict[str, NearMiss] = {}
    for phrase in phrases:
        for length in range(2, 1 + int(0.7 * len(phrase))):
            for part in (list(phrase[:length]), list(phrase[-length:])):
                if not any(is_vowel(symbol) for symbol in part):
                    continue
                for spoken, text in ((part, spell(part)), (part + part, f"{spell(part)} {spell(part)}")):
                    if any(contains(spoken, other) for other in phrases):
                        continue
                    distance = nearest_distance(spoken, phrases)
                    found[text] = NearMiss(text=text, kind="part", distance=distance)
    return list(found.values())


def some_words(texts: Sequence[str], phrases: Sequence[Sequence[str]], phonemizer: Phonemizer) -> list[NearMiss]:
    """Return the first and the last words of every text of several: whoever says "jarvis" has not said "hey jarvis".

    What holds a phrase of the project is left out, and what is so near to one that only an accent is between them.

    Parameters
    ----------
    texts : sequence of str
        As they are spoken; those given as phonemes have no words.
    phrases : sequence of phoneme sequences
        All phrases of the project.
    phonemizer : Phonemizer
    """
    found: dict[str, None] = {}
    for words in (text.split() for text in texts if "[[" not in text):
        for length in range(1, len(words)):
            found |= {" ".join(words[:length]): None, " ".join(words[-length:]): None}
    misses = []
    for text, spoken in zip(found, phonemizer.phonemes_of(list(found)) if found else [], strict=True):
        distance = nearest_distance(spoken, phrases)
        if distance >= _MIN_MUTATION_DISTANCE and not any(contains(spoken, phrase) for phrase in phrases):
            misses.append(NearMiss(text=text, kind="some words", distance=distance))
    return misses


def phrases_of(texts: Sequence[str], phonemizer: Phonemizer) -> list[list[str]]:
    """Return the phonemes of every phrase.

    Raises
    ------
    SpeechEngineError
        If a phrase has fewer than three phonemes: nothing could be told apart from it.
    """
    phrases = phonemizer.phonemes_of(list(texts))
    for text, phrase in zip(texts, phrases, strict=True):
        if len(phrase) < _FEWEST_PHONEMES:
            raise SpeechEngineError(
                f"{text!r} has {len(phrase)} phonemes ({' '.join(phrase)}); a wake word needs at least "
                f"{_FEWEST_PHONEMES}, and works well from about 6"
            )
    return phrases


def near_misses(
    phrases: Sequence[Sequence[str]],
    ranked_words: Sequence[NearMiss],
    *,
    num_words: int,
    num_mutations: int,
    seed: int,
    accents: Sequence[Sequence[str]] = (),
) -> list[NearMiss]:
    """Everything that should be confused with the phrases and must not be.

    Parameters
    ----------
    phrases : sequence of phoneme sequences
        All phrases of the project: none of them, nor what contains one, is returned.
    ranked_words : sequence of NearMiss
        From `near_words`.
    num_words, num_mutations : int
        How many like-sounding words and invented words; parts of the phrases come on top.
    seed : int
        Of the invented words.
    accents : sequence of phoneme sequences
        Ways to say the phrases that are taught as such.
    """
    rng = np.random.default_rng([seed, 0x9E4A])
    return [*ranked_words[:num_words], *mutations(phrases, num_mutations, rng, accents), *parts(phrases)]
