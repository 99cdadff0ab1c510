# SPDX-License-Identifier: Apache-2.0
"""Stage 1 of a word project: everything that is synthesised, in one bank.

Four kinds of takes: ``word`` (what to wake at), ``accent`` (the same in accents that engines do not read), ``near``
(like-sounding words, invented words, parts of the phrase and some of its words) and ``other`` (a few English words in
a row).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ
from kws.datasets import phonetics
from kws.datasets.accents import accents
from kws.datasets.synthetic import SpeechEngine, Utterance, highest_rate_wpm, synthesize_utterances, vary
from kws.datasets.synthetic_choir import open_engines
from kws.datasets.synthetic_espeak import EspeakEngine
from kws.errors import ConfigError, SpeechEngineError
from kws.training.fit import work
from kws.training.wakeword.config import SpeechConfig, WordConfig

Kind = Literal["word", "accent", "near", "other"]
Progress = Callable[[int, int], None]

_INTONATIONS = ("", "", ".", "!", "?", ",")
"""Punctuation changes the melody of a phrase."""
LONGEST_WORD_S = 2.0
"""A longer phrase would need a window, and so a delay and memory, that a small board does not have."""
PART_TAKES = 500
"""So many takes are kept together as soon as they are spoken."""
_TEXTS, _MISSES, _SENTENCES, _ACCENTS = 1, 2, 3, 4
_SOME_WORDS = 12
"""Some words of the phrase without the others are what people say: so often for every other near-miss."""


@dataclass(frozen=True, kw_only=True)
class SpeechBank:
    """Takes of all kinds, end to end in one array."""

    samples: NDArray[np.int16]
    ends: NDArray[np.int64]
    """``[takes]``: one past the last sample of each take."""
    kinds: NDArray[np.str_]
    """``[takes]``: word, accent, near or other."""
    labels: NDArray[np.int64]
    """``[takes]``: label number in the bundle; 0 for what is no word."""
    texts: NDArray[np.str_]
    validates: NDArray[np.bool_]
    """``[takes]``: spoken by a speaker who validates and does not train."""

    def __len__(self) -> int:
        """Return the number of takes."""
        return len(self.ends)

    def take(self, index: int) -> NDArray[np.int16]:
        """Samples of one take."""
        start = int(self.ends[index - 1]) if index else 0
        return self.samples[start : int(self.ends[index])]

    def find(self, kind: Kind, *, validates: bool) -> NDArray[np.int64]:
        """Take numbers of one kind on one side of the split."""
        return np.flatnonzero((self.kinds == kind) & (self.validates == validates))

    def save(self, path: Path) -> None:
        """Write as ``.npz``."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> SpeechBank:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in file.files})

    @classmethod
    def join(cls, banks: Sequence[SpeechBank]) -> SpeechBank:
        """Put banks end to end."""
        sizes = np.cumsum([0, *(bank.samples.size for bank in banks)])
        moved = {"ends": np.concatenate([bank.ends + size for bank, size in zip(banks, sizes, strict=False)])}
        names = [name for name in vars(banks[0]) if name not in moved]
        return cls(**moved, **{name: np.concatenate([vars(bank)[name] for bank in banks]) for name in names})


@dataclass(frozen=True, kw_only=True)
class Script:
    """What will be said, before it is: cheap to make, and the whole recipe of the bank."""

    utterances: tuple[Utterance, ...]
    kinds: tuple[Kind, ...]
    labels: tuple[int, ...]
    near_misses: tuple[phonetics.NearMiss, ...]
    accents: tuple[tuple[tuple[str, ...], ...], ...]
    """For each word the ways in which some of its takes are said, as phonemes."""

    @property
    def sha256(self) -> str:
        """Of all that is said, by whom and as what: takes of another script are not these."""
        return work.digest([asdict(said) for said in self.utterances], self.kinds, self.labels)


def open_engine(config: SpeechConfig) -> SpeechEngine:
    """Return the engines a project asks for as one; raises what `open_engines` does."""
    return open_engines(config.engines, piper_voices=config.piper_voices)


def write_script(words: Sequence[WordConfig], config: SpeechConfig, engine: SpeechEngine, *, seed: int) -> Script:
    """Decide who says what.

    Raises
    ------
    SpeechEngineError
        If a phrase cannot be spoken, is too short to be told from anything, or too long to be said in time.
    """
    phonemizer = EspeakEngine()
    texts = [text for word in words for text in word.texts]
    for text in texts:
        engine.pronounce(text)
    for word in words:
        _check_quickest(word, phonemizer)
    phrases, vocabulary = phonetics.phrases_of(texts, phonemizer), phonetics.english_words()
    ranked = phonetics.near_words(phrases, vocabulary, phonemizer, len(vocabulary))
    some_words = phonetics.some_words(texts, phrases, phonemizer)
    others = [miss.text for miss in [*ranked[: config.near_words], *phonetics.parts(phrases), *some_words]]
    num_accents = config.num_accents if config.accent_share else 0
    accented = _accents(words, phonemizer, others, num_accents, seed=seed)
    misses = phonetics.near_misses(
        phrases,
        ranked,
        num_words=config.near_words,
        num_mutations=config.near_mutations,
        seed=seed,
        accents=[said for ways in accented for said in ways],
    )
    misses += some_words
    voices = engine.voices(config.num_voices, seed=seed)
    script: list[tuple[Utterance, Kind, int]] = []
    for label, (word, ways) in enumerate(zip(words, accented, strict=True), start=1):
        rng = np.random.default_rng([seed, _TEXTS, label])
        takes = vary(_intoned(word.texts), voices, config.takes_per_word, rng)
        script += [(spoken, kind, label) for spoken, kind in _with_accents(takes, ways, config.accent_share, rng)]
    rng = np.random.default_rng([seed, _MISSES])
    near_texts = [miss.text for miss in misses for _ in range(_SOME_WORDS if miss.kind == "some words" else 1)]
    script += [(spoken, "near", 0) for spoken in vary(near_texts, voices, config.near_takes, rng)]
    rng = np.random.default_rng([seed, _SENTENCES])
    sentences = _sentences([miss.text for miss in ranked], config.sentences, rng)
    script += [(spoken, "other", 0) for spoken in vary(sentences, voices, config.sentences, rng)]
    utterances, kinds, labels = zip(*script, strict=True)
    return Script(utterances=utterances, kinds=kinds, labels=labels, near_misses=tuple(misses), accents=tuple(accented))


def speak(script: Script, engine: SpeechEngine, folder: Path, on_progress: Progress | None = None) -> SpeechBank:
    """Say everything in the script; what an interrupted run has said and kept in the folder is not said again."""
    count = len(script.utterances)
    parts = []
    for start in range(0, count, PART_TAKES):
        part = slice(start, start + PART_TAKES)

        def show(done: int, _: int, start: int = start) -> None:
            if on_progress is not None:
                on_progress(start + done, count)

        parts.append(
            work.once(folder / f"takes-{start:05d}.npz", SpeechBank, partial(_say, script, part, engine, show))
        )
        show(len(parts[-1]), count)
    return SpeechBank.join(parts)


def _say(script: Script, part: slice, engine: SpeechEngine, on_progress: Progress) -> SpeechBank:
    utterances = script.utterances[part]
    takes = synthesize_utterances(engine, utterances, on_progress=on_progress)
    return SpeechBank(
        samples=np.concatenate(takes),
        ends=np.cumsum([len(take) for take in takes]),
        kinds=np.array(script.kinds[part]),
        labels=np.array(script.labels[part], dtype=np.int64),
        texts=np.array([utterance.text for utterance in utterances]),
        validates=np.array([utterance.voice.split != "training" for utterance in utterances]),
    )


def _check_quickest(word: WordConfig, engine: EspeakEngine) -> None:
    """Refuse a phrase that whoever speaks fastest takes too long for: what `check_words` finds, before all is said."""
    (voice,) = engine.voices(1, seed=0)
    takes = [
        engine.synthesize(Utterance(text=text, voice=voice, rate_wpm=highest_rate_wpm(text))) for text in word.texts
    ]
    quickest_s = min(map(len, takes)) / SAMPLE_RATE_HZ
    if quickest_s > LONGEST_WORD_S:
        raise _too_long(word.label, quickest_s)


def check_words(bank: SpeechBank, words: Sequence[str]) -> None:
    """Refuse phrases that do not fit a wake word's window, and such as nobody says on one side of the split.

    Raises
    ------
    ConfigError
        If nobody who trains, or nobody who validates, says a phrase.
    SpeechEngineError
        If the usual take of a phrase is longer than `LONGEST_WORD_S`.
    """
    for label, name in enumerate(words, start=1):
        said = np.isin(bank.kinds, ("word", "accent")) & (bank.labels == label)
        if len(set(bank.validates[said].tolist())) < 2:
            raise ConfigError(
                f"speech: {name!r} is said by too few to train and to validate; raise num_voices or takes_per_word"
            )
        durations_s = word_durations_s(bank, label)
        if durations_s.size and float(np.median(durations_s)) > LONGEST_WORD_S:
            raise _too_long(name, float(np.median(durations_s)))


def _too_long(name: str, seconds: float) -> SpeechEngineError:
    return SpeechEngineError(
        f"{name!r} takes {seconds:.1f} s to say; a wake word may take {LONGEST_WORD_S:.1f} s: choose a shorter phrase"
    )


def word_durations_s(bank: SpeechBank, label: int) -> NDArray[np.float64]:
    """Length of every take of a word."""
    lengths = np.diff(bank.ends, prepend=0)
    chosen: NDArray[Any] = lengths[np.isin(bank.kinds, ("word", "accent")) & (bank.labels == label)]
    return np.asarray(chosen / SAMPLE_RATE_HZ, dtype=np.float64)


def _accents(
    words: Sequence[WordConfig], phonemizer: EspeakEngine, others: Sequence[str], count: int, *, seed: int
) -> list[tuple[tuple[str, ...], ...]]:
    """For each word how it is also said; nothing that is nearer to another word or to what must not wake it."""
    meant = [phonetics.phrases_of(list(word.texts), phonemizer) for word in words]
    not_meant = phonemizer.phonemes_of(list(others)) if others else []
    found = []
    for place, phrases in enumerate(meant):
        rng = np.random.default_rng([seed, _ACCENTS, place + 1])
        away_from = [*not_meant, *(phrase for other in meant if other is not phrases for phrase in other)]
        found.append(tuple(said for phrase in phrases for said in accents(phrase, away_from, count, rng)))
    return found


def _with_accents(
    takes: Sequence[Utterance], ways: Sequence[Sequence[str]], share: float, rng: np.random.Generator
) -> list[tuple[Utterance, Kind]]:
    """So many of the takes that train in one of these ways each, in turn; those that validate stay as they are read."""
    said: list[tuple[Utterance, Kind]] = []
    count = 0
    for take in takes:
        if ways and take.voice.split == "training" and rng.random() < share:
            said.append((replace(take, text=phonetics.spell(ways[count % len(ways)])), "accent"))
            count += 1
        else:
            said.append((take, "word"))
    return said


def _intoned(texts: Sequence[str]) -> list[str]:
    return [text + mark for mark in _INTONATIONS for text in texts]


def _sentences(words: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    chosen = []
    for _ in range(count):
        length = int(rng.integers(2, 7))
        chosen.append(" ".join(str(word) for word in rng.choice(words, size=length)))
    return chosen
