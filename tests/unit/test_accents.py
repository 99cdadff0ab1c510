# SPDX-License-Identifier: Apache-2.0
"""Accents: what is meant as the word, never what is nearer to another."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from word_fixtures import SHAPE, SMALL, a_network

from kws.datasets import phonetics
from kws.datasets.accents import accents
from kws.datasets.synthetic_espeak import EspeakEngine
from kws.training.wakeword.config import WordConfig
from kws.training.wakeword.data import WordData
from kws.training.wakeword.examples import Examples
from kws.training.wakeword.learn import Training
from kws.training.wakeword.speech import Script, write_script

JARVIS = ["dZ", "'A@", "v", "I", "s"]
HARVEST = ["h", "'A@", "v", "I", "s", "t"]


def drawn(phrase: list[str], words: list[list[str]], count: int, seed: int = 1) -> list[str]:
    return [phonetics.spell(said) for said in accents(phrase, words, count, np.random.default_rng(seed))]


def test_one_phoneme_comes_before_two_and_none_comes_twice() -> None:
    one = {
        "[[tS|'A@|v|I|s]]", "[[Z|'A@|v|I|s]]", "[[j|'A@|v|I|s]]",
        "[[dZ|'A:|v|I|s]]", "[[dZ|'a|v|I|s]]", "[[dZ|'O:|v|I|s]]",
        "[[dZ|'A@|w|I|s]]", "[[dZ|'A@|f|I|s]]", "[[dZ|'A@|b|I|s]]",
        "[[dZ|'A@|v|i:|s]]", "[[dZ|'A@|v|E|s]]",
        "[[dZ|'A@|v|I|z]]", "[[dZ|'A@|v|I|S]]",
    }  # fmt: skip
    assert set(drawn(JARVIS, [], len(one))) == one
    more = drawn(JARVIS, [], 40)
    assert len(set(more)) == 40
    assert set(more[: len(one)]) == one


def test_all_there_are_is_what_one_gets() -> None:
    assert drawn(["p", "m", "p"], [], 9) == []  # without a vowel nobody says it
    assert set(drawn(["m", "T", "'eI"], [], 9)) == {
        "[[m|t|'eI]]", "[[m|s|'eI]]", "[[m|f|'eI]]", "[[m|T|'E]]", "[[m|t|'E]]", "[[m|s|'E]]", "[[m|f|'E]]",
    }  # fmt: skip


def test_what_is_as_near_to_another_word_is_that_word() -> None:
    """With "charvis" a word, nothing that begins as it does is meant as "jarvis"."""
    charvis = ["tS", "'A@", "v", "I", "s"]
    found = drawn(JARVIS, [charvis, HARVEST], 200)
    assert found
    assert not [text for text in found if text.startswith("[[tS")]


def test_a_stressed_vowel_stays_stressed_and_one_phoneme_may_become_two() -> None:
    assert set(drawn(["'@", "tS"], [], 5)) == {"[['a|tS]]", "[['E|tS]]", "[['0|tS]]", "[['@|S]]", "[['@|t|s]]"}


def test_invented_near_misses_keep_away_from_accents() -> None:
    some = [list(said) for said in accents(JARVIS, [HARVEST], 40, np.random.default_rng(3))]
    misses = phonetics.mutations([JARVIS], 60, np.random.default_rng(4), some)
    assert len(misses) == 60
    for miss in misses:
        assert phonetics.nearest_distance(miss.text.strip("[]").split("|"), [JARVIS, *some]) >= 0.22


@pytest.fixture(scope="module")
def script() -> Script:
    speech = replace(SMALL.speech, takes_per_word=400)
    return write_script((WordConfig(label="hey nova"),), speech, EspeakEngine(), seed=5)


def test_a_share_of_the_takes_that_train_is_accented_and_none_that_validates(script: Script) -> None:
    spoken = list(zip(script.utterances, script.kinds, strict=True))
    plain = [said for said, kind in spoken if kind == "word"]
    accented = [said for said, kind in spoken if kind == "accent"]
    training = [said for said in plain + accented if said.voice.split == "training"]
    assert len(plain + accented) == 400
    assert len(accented) == pytest.approx(0.25 * len(training), abs=4 * np.sqrt(0.25 * 0.75 * len(training)))
    assert 20 < len({said.text for said in accented}) <= SMALL.speech.num_accents
    assert all("[[" in said.text and said.voice.split == "training" for said in accented)
    assert all("[[" not in said.text for said in plain)


def test_without_a_share_no_accent_is_taught_nor_kept_from_the_near_misses() -> None:
    words = (WordConfig(label="hey nova"),)
    none, no_share = (
        write_script(words, replace(SMALL.speech, **{setting: 0}), EspeakEngine(), seed=5)
        for setting in ("num_accents", "accent_share")
    )
    assert none.accents == no_share.accents == ((),)
    assert none == no_share


def words_drawn(examples: Examples, *, accents: bool, recordings: Examples | None = None) -> np.ndarray:
    """How often 20 batches of a training that hears accents, or does not, hold each label."""
    data = WordData(
        training=examples,
        validation=examples,
        recordings=recordings,
        held_out=None,
        negatives=np.zeros((0, 40), np.int8),
        babble=np.zeros((0, 40), np.int8),
    )
    training = Training(
        number=0,
        data=data,
        network=replace(a_network(0.0), num_labels=4),
        shape=SHAPE,
        examples=SMALL.examples,
        masks=SMALL.masks,
        optimizer=SMALL.optimizer,
        accents=accents,
        stage=Path("nowhere"),
    )
    batches, _ = training.batches()
    targets = np.concatenate([batches.features(step)[1] for step in range(20)])
    return np.asarray(targets.any(axis=1).sum(axis=0))


def scenes(counts: dict[str, tuple[int, int]]) -> Examples:
    """Scenes of a source, so many and with such a label."""
    sources = [source for source, (count, _) in counts.items() for _ in range(count)]
    labels = np.array([label for count, label in counts.values() for _ in range(count)])
    return Examples(
        features=np.zeros((len(sources), SHAPE.scene_frames, 40), np.int8),
        labels=labels,
        ends=np.where(labels > 0, 20000, -1),
        quiet_until=np.where(labels > 0, 17000, SHAPE.num_samples),
        spoken=np.zeros((len(sources), 2), np.int64),
        sources=np.array(sources),
    )


def test_accents_share_what_the_word_gets_in_the_trainings_that_hear_them() -> None:
    """With labels 1 and 2 for the word as it is read and in an accent, 30 and 10 takes, and as many scenes without."""
    both = scenes({"word": (30, 1), "accent": (10, 2), "near": (10, 0)})
    _, plain, accented, _ = words_drawn(both, accents=True)
    assert accented == pytest.approx(0.25 * (plain + accented), abs=4 * np.sqrt(0.25 * 0.75 * (plain + accented)))
    _, alone, none, _ = words_drawn(both, accents=False)
    assert none == 0
    assert alone == pytest.approx(plain + accented, abs=4 * np.sqrt(20 * 64 * 0.7 * 0.3))
    assert words_drawn(scenes({"accent": (10, 2), "near": (10, 0)}), accents=False)[2] > 0, "there is no other word"


def test_own_recordings_keep_their_share_of_the_word_beside_accents() -> None:
    both = scenes({"word": (30, 1), "accent": (10, 1), "near": (10, 0)})
    own = scenes({"recording": (10, 2)})
    for accents_heard in (True, False):
        _, synthetic, recorded, _ = words_drawn(both, accents=accents_heard, recordings=own)
        assert recorded == pytest.approx(synthetic, abs=4 * np.sqrt(0.25 * (synthetic + recorded)))
