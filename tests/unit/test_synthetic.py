# SPDX-License-Identifier: Apache-2.0
"""Synthetic speech: deterministic, split by speaker, clear about what cannot be spoken."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

from kws.datasets import speech_commands
from kws.datasets.synthetic import (
    Pronunciation,
    Utterance,
    Voice,
    place_in_window,
    synthesize_utterances,
    synthesize_words,
    trim_silence,
    vary,
    write_speech_commands_folder,
)
from kws.datasets.synthetic_choir import Choir
from kws.datasets.synthetic_espeak import EspeakEngine, draw_voice_definition
from kws.errors import DatasetError, SpeechEngineError, ToolMissingError


@pytest.fixture(scope="module")
def engine() -> EspeakEngine:
    return EspeakEngine()


def stored_voice(name: str) -> Voice:
    return Voice(engine="espeak-ng", name=name, speaker=name)


def test_a_set_has_every_word_equally_often_and_no_speaker_on_two_sides() -> None:
    clips = synthesize_words(EspeakEngine(), ["yes", "hey nova"], clips_per_word=30, num_voices=40, seed=3)
    assert [clip.word for clip in clips] == ["yes"] * 30 + ["hey nova"] * 30
    assert all(clip.samples.dtype == np.int16 and 2000 < clip.samples.size < 48000 for clip in clips)
    sides: dict[str, set[str]] = {}
    for clip in clips:
        sides.setdefault(clip.speaker, set()).add(clip.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert len({clip.split for clip in clips}) == 3


def test_same_seed_same_samples_and_another_seed_other_samples() -> None:
    first, again, other = (
        synthesize_words(EspeakEngine(), ["go"], clips_per_word=4, num_voices=8, seed=s) for s in (1, 1, 2)
    )
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.samples, b.samples) for a, b in zip(first, other, strict=True))


def test_drawn_voices_sound_different(engine: EspeakEngine) -> None:
    voices = [voice for voice in engine.voices(20, seed=1) if voice.definition][:4]
    takes = [engine.synthesize(Utterance(text="computer", voice=voice)) for voice in voices]
    assert len({voice.speaker for voice in voices}) == 4
    assert all(not np.array_equal(a, b) for a, b in itertools.combinations(takes, 2))


def test_a_drawn_voice_is_a_function_of_the_generator() -> None:
    first, again = (draw_voice_definition(np.random.default_rng(5)) for _ in range(2))
    assert first == again


def test_every_stored_voice_exists(engine: EspeakEngine) -> None:
    stored = [voice for voice in engine.voices(400, seed=1) if not voice.definition]
    assert len(stored) > 60
    takes = synthesize_utterances(engine, [Utterance(text="no", voice=voice) for voice in stored])
    assert len({take.tobytes() for take in takes}) > 50


def test_rate_and_pitch_change_the_take(engine: EspeakEngine) -> None:
    voice = stored_voice("en-us")
    slow = engine.synthesize(Utterance(text="computer", voice=voice, rate_wpm=100))
    fast = engine.synthesize(Utterance(text="computer", voice=voice, rate_wpm=220))
    high = engine.synthesize(Utterance(text="computer", voice=voice, rate_wpm=220, pitch=90))
    assert slow.size > 1.3 * fast.size
    assert not np.array_equal(fast, high)


def test_progress_is_told_to_the_end(engine: EspeakEngine) -> None:
    told: list[tuple[int, int]] = []
    utterances = [Utterance(text="go", voice=stored_voice("en-us"))] * 3
    synthesize_utterances(engine, utterances, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_pronunciation_can_be_edited_and_spoken_again(engine: EspeakEngine) -> None:
    shown = engine.pronounce("nova")
    assert shown.phonemes == "n'oUv@"
    assert shown.ipa == "nˈoʊvə"
    assert engine.pronounce("[[n'A:v@]]").phonemes == "n'A:v@"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("...", "no way to say"),
        ("[[]]", "no way to say"),
        ("日本", "Latin"),
        ("привет", "Latin"),
        ("hey 🙂", "'🙂': the voices would say its name"),
        ("hey/nova", "'/': the voices would say its name"),
        ("hey_nova", "'_': the voices would say its name"),
        ("hey.nova", r"'\.': the voices would say its name"),
        ("[[k@m####qqqq]]", "understood only"),
    ],
)
def test_what_cannot_be_spoken_is_refused(engine: EspeakEngine, text: str, message: str) -> None:
    with pytest.raises(SpeechEngineError, match=message):
        engine.pronounce(text)


@pytest.mark.parametrize("text", ["don‘t go", "it‑is me", "„hey nova“", "U.S.A.", "o.k. nova", "hey 2.0"])
def test_marks_that_are_read_as_they_are_meant_are_not_refused(engine: EspeakEngine, text: str) -> None:
    assert engine.pronounce(text).phonemes


def test_phonemes_of_many_texts_come_in_order(engine: EspeakEngine) -> None:
    assert engine.phonemes_of(["go", "hey nova"]) == [["g", "'oU"], ["h", "'eI", "n", "'oU", "v", "@"]]


def test_a_missing_espeak_says_what_to_install() -> None:
    with pytest.raises(ToolMissingError, match="apt install espeak-ng"):
        EspeakEngine("espeak-ng-that-is-not-there")


def test_another_program_is_not_taken_for_espeak() -> None:
    with pytest.raises(ToolMissingError, match="does not answer like espeak-ng"):
        EspeakEngine("true")


def test_a_voice_that_does_not_exist_is_an_error(engine: EspeakEngine) -> None:
    with pytest.raises(SpeechEngineError):
        engine.synthesize(Utterance(text="go", voice=stored_voice("zzz")))


def test_utterances_use_every_voice_before_any_twice() -> None:
    voices = [stored_voice(f"v{i}") for i in range(10)]
    utterances = vary(["a", "b", "c"], voices, 20, np.random.default_rng(0))
    assert {u.voice.name for u in utterances[:10]} == {voice.name for voice in voices}
    assert [u.text for u in utterances[:4]] == ["a", "b", "c", "a"]


def test_silence_around_a_word_is_trimmed_to_20_ms() -> None:
    word = np.full(1600, 8000, np.int16)
    samples = np.concatenate([np.zeros(3200, np.int16), word, np.zeros(4800, np.int16)])
    assert trim_silence(samples).size == 320 + 1600 + 320
    assert trim_silence(np.zeros(5000, np.int16)).size == 0


def test_a_word_lies_whole_inside_its_window_and_a_long_one_loses_both_ends() -> None:
    rng = np.random.default_rng(0)
    word = np.arange(1, 101, dtype=np.int16)
    window = place_in_window(word, 300, rng)
    start = int(np.flatnonzero(window)[0])
    assert np.array_equal(window[start : start + 100], word)
    assert np.array_equal(place_in_window(word, 60, rng), word[20:80])


def test_the_folder_reads_back_as_speech_commands(tmp_path: Path) -> None:
    clips = synthesize_words(EspeakEngine(), ["hey nova", "stop"], clips_per_word=6, num_voices=6, seed=4)
    manifest = write_speech_commands_folder(clips, tmp_path, seed=1)
    with manifest.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12
    corpus = speech_commands.open_folder(tmp_path)
    assert corpus.words() == ["hey nova", "stop"]
    assert {(clip.speaker, clip.split) for clip in corpus.clips} == {(clip.speaker, clip.split) for clip in clips}


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    clips = synthesize_words(EspeakEngine(), ["go"], clips_per_word=1, num_voices=1)
    with pytest.raises(DatasetError, match="cannot be written"):
        write_speech_commands_folder(clips, tmp_path / "file")


def test_a_choir_speaks_with_the_voices_of_every_engine(engine: EspeakEngine) -> None:
    class Tone:
        name = "tone 1"

        def voices(self, count: int, *, seed: int) -> list[Voice]:
            return [Voice(engine="tone", name=str(index), speaker=str(index)) for index in range(count)]

        def pronounce(self, text: str) -> Pronunciation:
            raise AssertionError("the first engine shows pronunciations")

        def synthesize(self, utterance: Utterance) -> np.ndarray:
            return np.full(800, 1000, np.int16)

    choir = Choir({"espeak-ng": engine, "tone": Tone()}, {"espeak-ng": 0.75, "tone": 0.25})
    voices = choir.voices(20, seed=1)
    assert sum(voice.engine == "tone" for voice in voices) == 5
    assert choir.name == f"{engine.name} + tone 1"
    assert choir.pronounce("go").phonemes == "g'oU"
    tone = next(voice for voice in voices if voice.engine == "tone")
    assert choir.synthesize(Utterance(text="go", voice=tone)).size == 800
