# SPDX-License-Identifier: Apache-2.0
"""Near-misses: distances by hand, and never the phrase itself."""

import numpy as np
import pytest

from kws.datasets import phonetics
from kws.datasets.synthetic_espeak import EspeakEngine
from kws.errors import SpeechEngineError

COMPUTER = ["k", "@", "m", "p", "j", "'u:", "t#", "3"]


@pytest.fixture(scope="module")
def engine() -> EspeakEngine:
    return EspeakEngine()


def test_distances_worked_by_hand() -> None:
    assert phonetics.edit_distance(["k", "a", "t"], ["k", "a", "t"]) == 0.0
    assert phonetics.edit_distance(["k", "a", "t"], ["k", "a", "t", "s"]) == 1.0
    assert phonetics.edit_distance(["k", "a", "t"], ["g", "a", "t"]) == 0.6  # both are stops
    assert phonetics.edit_distance(["k", "a", "t"], ["s", "a", "t"]) == 1.0  # a fricative for a stop
    assert phonetics.edit_distance(["k", "a", "t"], ["k", "V", "t"]) == 0.6  # a vowel for a vowel
    assert phonetics.edit_distance([], ["k", "a"]) == 2.0


def test_stress_and_allophones_make_no_difference() -> None:
    assert phonetics.edit_distance(["t#", "3", "'u:"], ["t", "@", "u:"]) == 0.0


def test_a_sequence_contains_its_middle() -> None:
    assert phonetics.contains(["s", *COMPUTER, "z"], COMPUTER)
    assert not phonetics.contains(COMPUTER[:-1], COMPUTER)


def test_the_words_nearest_to_computer_are_commuter_and_compute(engine: EspeakEngine) -> None:
    words = ["banana", "commuter", "compute", "computers", "window", "computer"]
    nearest = phonetics.near_words(engine.phonemes_of(["computer"]), words, engine, 2)
    assert {miss.text for miss in nearest} == {"commuter", "compute"}
    assert all(miss.distance == pytest.approx(1 / 8) for miss in nearest)


def test_near_misses_never_hold_a_phrase(engine: EspeakEngine) -> None:
    phrases = engine.phonemes_of(["computer", "jarvis"])
    ranked = phonetics.near_words(phrases, ["compute", "harvest", "service"], engine, 3)
    misses = phonetics.near_misses(phrases, ranked, num_words=10, num_mutations=30, seed=1)
    assert {miss.kind for miss in misses} == {"word", "mutation", "part"}
    for spoken in engine.phonemes_of([miss.text for miss in misses]):
        assert not any(phonetics.contains(spoken, phrase) for phrase in phrases)
    assert all(miss.distance > 0.1 for miss in misses)


def test_mutations_are_different_deterministic_and_audibly_away() -> None:
    first, again = (phonetics.mutations([COMPUTER], 40, np.random.default_rng(2)) for _ in range(2))
    assert first == again
    assert len({miss.text for miss in first}) == 40
    assert all(miss.distance >= 0.22 for miss in first)


def test_parts_are_beginnings_and_ends_alone_and_twice() -> None:
    texts = {miss.text for miss in phonetics.parts([["h", "'eI", "n", "'oU", "v", "@"]])}
    assert "[[h|'eI]]" in texts
    assert "[[h|'eI]] [[h|'eI]]" in texts
    assert "[[n|'oU|v|@]]" in texts
    assert not any("h|'eI|n|'oU|v" in text for text in texts)


@pytest.mark.parametrize(
    ("texts", "some"),
    [
        (["hey jarvis"], {"hey", "jarvis"}),
        (["jarvis"], set()),
        (["turn the light on"], {"turn", "turn the", "on", "light on", "the light on"}),  # two of eleven lack: too near
        (["hey jarvis", "jarvis"], {"hey"}),  # the other wakes it, and should
        (["a jarvis"], {"a"}),  # "jarvis" is "a jarvis" as some people say it
        (["hey jarvis", "hey [[dZ'A@vIs]]"], {"hey", "jarvis"}),
    ],
)
def test_some_words_of_a_phrase_are_not_the_phrase(engine: EspeakEngine, texts: list[str], some: set[str]) -> None:
    misses = phonetics.some_words(texts, phonetics.phrases_of(texts, engine), engine)
    assert {miss.text for miss in misses} == some
    assert all(miss.kind == "some words" and miss.distance >= 0.22 for miss in misses)


def test_a_phrase_of_two_phonemes_is_too_short(engine: EspeakEngine) -> None:
    with pytest.raises(SpeechEngineError, match="needs at least 3"):
        phonetics.phrases_of(["go"], engine)


def test_the_word_list_is_plain_and_sorted() -> None:
    words = phonetics.english_words()
    assert len(words) > 1500
    assert list(words) == sorted(set(words))
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
