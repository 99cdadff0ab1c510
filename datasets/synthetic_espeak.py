# SPDX-License-Identifier: Apache-2.0
"""espeak-ng as a speech engine: a process per utterance (about 5 ms), voices both stored and drawn.

espeak-ng is a formant synthesiser, and its voice files are text. So besides the hundred voices it comes with,
any number of speakers can be *drawn*: the accent from an installed language file, and the vocal tract
(fundamental, formant positions, strengths and widths, breath, roughness, spectral tilt) at random. Real
recordings are what this has to stand in for, so the spread is wide on purpose.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, resample, to_int16
from kws.datasets.synthetic import CAST, Pronunciation, Utterance, Voice, draw_person, trim_silence
from kws.errors import SpeechEngineError, ToolMissingError

REFERENCE_ACCENT = "en-us"
"""The accent in which pronunciations are shown."""

# Accents of English with the share of voices each gets: file below lang/gmw of espeak-ng's data, weight.
_ACCENTS = {
    "en-us": ("en-US", 0.46),
    "en-gb": ("en", 0.12),
    "en-gb-x-rp": ("en-GB-x-rp", 0.08),
    "en-gb-scotland": ("en-GB-scotland", 0.06),
    "en-gb-x-gbclan": ("en-GB-x-gbclan", 0.06),
    "en-gb-x-gbcwmd": ("en-GB-x-gbcwmd", 0.04),
    "en-029": ("en-029", 0.08),
    "en-us-nyc": ("en-US-nyc", 0.10),
}
# How learners of English speak it who grew up with another language: what they say for what in IPA.
_LEARNERS = {
    "de": "w=v θ=s ð=d æ=ɛ ɾ=t ʌ=a ɚ=ɐ ɜːɹ=ɜː",
    "es": "eɪ=eɪ aɪ=aɪ oʊ=oː aʊ=aʊ ɪ=i z=s v=b ð=d θ=s æ=a ɾ=t ʌ=a ʊ=u ə=e ɐ=a ɚ=ɛɹ",
    "fr": "eɪ=eɪ aɪ=aɪ oʊ=oː aʊ=aʊ h= θ=s ð=z ɪ=i æ=a ɾ=t ʌ=ə dʒ=ʒ tʃ=ʃ ʊ=u",
    "hi": "w=v θ=t ð=d ɾ=t ɚ=əɹ ɔː=ɑː eɪ=eː oʊ=oː",
    "ja": "θ=s ð=z v=b ɾ=t ɚ=ɑː ɹ=l ʌ=a æ=a ə=a ɐ=a",
    "it": "eɪ=eɪ aɪ=aɪ oʊ=oː aʊ=aʊ ɪ=i ð=d θ=t h= ɾ=t æ=ɛ ʌ=a ʊ=u ə=e ɚ=ɛɹ",
}
_LEARNERS_SHARE = 0.15
_AMERICAN_LETTERS = str.maketrans({"ɒ": "ɔ", "r": "ɹ", "ʉ": "u", "ʍ": "w", "ʲ": None, "\u032a": None})
# Stored voices that sound like people; novelty robots and echoes are left out.
_STORED_VARIANTS = """
    m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 klatt klatt2 klatt3 klatt4 croak whisper adam Alex Alicia Andrea
    Andy Annie antonio aunty belinda benjamin boris caleb david Denis Diogo ed edward Gene grandma grandpa
    Henrique Hugo iven iven3 Jacky john Lee linda marcelo Marco Mario max Michael michel miguel norbert pablo
    paul pedro quincy rob robert sandro shelby steph steph3 travis victor zac
"""
_STORED_SHARE = 0.25
_FEMALE_FROM = 1.08
"""Vocal tracts so short get espeak-ng's female voicing."""
_CLAUSE = re.compile(r"((?:\[\[.*?\]\]|[^,.!?;:])+)([,.!?;:]*)")
"""Words, phonemes in double brackets among them, and the punctuation after them."""
_MARKS = "'’‘‚´-‐‑–—,.!?;:…\"“”„«»()¡¿"
"""Read as a pause or not at all."""
_SPEAK_TIMEOUT_S = 300.0
_WAV_HEADER_BYTES = 44


class EspeakEngine:
    """The default engine.

    Parameters
    ----------
    program : str
        Name or path of the espeak-ng program.

    Raises
    ------
    ToolMissingError
        If the program is not installed.
    """

    def __init__(self, program: str = "espeak-ng") -> None:
        found = shutil.which(program)
        if found is None:
            raise ToolMissingError(
                f"{program} is not installed; install it with `apt install espeak-ng` (Debian, Ubuntu), "
                "`brew install espeak-ng` (macOS) or from its project page"
            )
        self._program = found
        banner = self._run(["--version"]).decode(errors="replace")
        match = re.search(r"text-to-speech: (\S+).*Data at: (.+)", banner)
        if match is None:
            raise ToolMissingError(f"{found} does not answer like espeak-ng: {banner.strip()!r}")
        self._version = match[1]
        self._data = Path(match[2].strip())
        self._folder = tempfile.TemporaryDirectory(prefix="kws_espeak_")

    @property
    def name(self) -> str:
        """Engine and version, and the edition of how its speakers are drawn."""
        return f"espeak-ng {self._version}, cast {CAST}"

    def voices(self, count: int, *, seed: int) -> list[Voice]:
        """Return `count` voices: three quarters drawn, one quarter stored; every one a different sound."""
        rng = np.random.default_rng([seed, 0xE59EA4])
        stored_names = _STORED_VARIANTS.split()
        num_stored = min(int(count * _STORED_SHARE), len(stored_names))
        variants = rng.permutation(stored_names)[:num_stored]
        accents = draw_accents(count, rng)
        stored = [_stored_voice(str(a), str(v)) for a, v in zip(accents, variants, strict=False)]
        drawn = [self._drawn_voice(str(accent), rng) for accent in accents[num_stored:]]
        voices = stored + drawn
        return [voices[int(index)] for index in rng.permutation(count)]

    def pronounce(self, text: str, *, accent: str = REFERENCE_ACCENT) -> Pronunciation:
        """Return the phonemes and the IPA in which `text` is read.

        Raises
        ------
        SpeechEngineError
            If the text is empty, holds anything but Latin letters, digits and punctuation, or comes out as nothing.
        """
        _check_text(text)
        arguments = ["-v", accent, "-q"]
        phonemes = self._run([*arguments, "-x", "--", text]).decode().strip()
        if not re.search(r"[A-Za-z@0-9]", phonemes):
            raise SpeechEngineError(
                f"{self.name} has no way to say {text!r}; use words in Latin letters, or phonemes: [[k@mpj'u:t3]]"
            )
        _check_phonemes(text, phonemes)
        ipa = self._run([*arguments, "--ipa", "--", text]).decode().strip()
        return Pronunciation(text=text, phonemes=phonemes, ipa=ipa)

    def ipa(self, text: str, *, accent: str = REFERENCE_ACCENT) -> str:
        """Return the IPA in which `text` is read, its punctuation left in place: what neural voices are fed.

        Raises
        ------
        SpeechEngineError
            If there is nothing to say, or `text` holds anything but Latin letters, digits and punctuation.
        """
        _check_text(text)
        accent, _, mother_tongue = accent.partition("~")
        clauses = [(words.strip(), marks[:1]) for words, marks in _CLAUSE.findall(text) if words.strip()]
        read = [
            " ".join(self._run(["-v", accent, "-q", "--ipa", "--", words]).decode().replace(":", "ː").split()) + mark
            for words, mark in clauses
        ]
        if not any(symbol.isalpha() for symbol in "".join(read)):
            raise SpeechEngineError(f"there is nothing to say in {text!r}; type the words to be spoken")
        return _as_learned(" ".join(read), mother_tongue)

    def phonemes_of(self, texts: list[str], *, accent: str = REFERENCE_ACCENT) -> list[list[str]]:
        """Split each text into its phonemes, stress marks left in place; one process for all."""
        separated = self._run(
            ["-v", accent, "-q", "-x", "--sep=|"], input_text="\n\n".join(f"{text}." for text in texts)
        )
        lines = [line.strip() for line in separated.decode().splitlines() if line.strip()]
        if len(lines) != len(texts):
            raise SpeechEngineError(
                f"{self.name} answered {len(lines)} pronunciations for {len(texts)} texts; every text must be speakable"
            )
        return [[symbol for symbol in re.split(r"[|\s]+", line) if symbol.strip("_:")] for line in lines]

    def synthesize(self, utterance: Utterance) -> NDArray[np.int16]:
        """Speak one utterance: int16 at 16 kHz, trimmed."""
        voice = utterance.voice
        arguments = [
            "-p",
            str(utterance.pitch),
            "-s",
            str(utterance.rate_wpm),
            "-a",
            str(utterance.amplitude),
        ]
        arguments += ["-g", str(round(utterance.word_gap_ms / 10)), "-z", "--stdout"]
        if voice.definition:
            path = Path(self._folder.name) / voice.name
            if not path.exists():
                path.write_text(voice.definition, encoding="utf-8")
            arguments.append("--load")
        wav = self._run([*arguments, "-v", voice.name, "--", utterance.text])
        if wav[:4] != b"RIFF" or len(wav) < _WAV_HEADER_BYTES:
            raise SpeechEngineError(f"{self.name} gave no sound for {utterance.text!r} with voice {voice.name}")
        sample_rate_hz = int.from_bytes(wav[24:28], "little")
        end = len(wav) - (len(wav) - _WAV_HEADER_BYTES) % 2
        samples = np.frombuffer(wav[_WAV_HEADER_BYTES:end], dtype="<i2")
        speech = resample(samples / 32768.0, from_hz=sample_rate_hz, to_hz=SAMPLE_RATE_HZ)
        return trim_silence(to_int16(speech))

    def _drawn_voice(self, accent: str, rng: np.random.Generator) -> Voice:
        file_name, _ = _ACCENTS[accent]
        language = (self._data / "lang" / "gmw" / file_name).read_text(encoding="utf-8")
        body = draw_voice_definition(rng)
        speaker = hashlib.sha1(body.encode()).hexdigest()[:8]
        lines = [line for line in language.splitlines() if not re.match(r"\s*(name|language|maintainer|status)", line)]
        definition = "\n".join([f"name {speaker}", f"language {accent}", *lines, body, ""])
        return Voice(engine="espeak-ng", name=speaker, speaker=speaker, accent=accent, definition=definition)

    def _run(self, arguments: list[str], *, input_text: str | None = None) -> bytes:
        folder = self._folder.name if hasattr(self, "_folder") else None
        try:
            result = subprocess.run(
                [self._program, *arguments],
                input=None if input_text is None else input_text.encode(),
                stdin=subprocess.DEVNULL if input_text is None else None,
                capture_output=True,
                timeout=_SPEAK_TIMEOUT_S,
                cwd=folder,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SpeechEngineError(f"espeak-ng did not answer within {_SPEAK_TIMEOUT_S:.0f} s") from error
        if result.returncode != 0:
            message = result.stderr.decode(errors="replace").strip()
            raise SpeechEngineError(f"espeak-ng failed with status {result.returncode}: {message or 'no message'}")
        return result.stdout


def draw_accents(count: int, rng: np.random.Generator) -> list[str]:
    """Draw accents of English, American ones most often."""
    names = rng.choice(list(_ACCENTS), size=count, p=[weight for _, weight in _ACCENTS.values()])
    return [str(name) for name in names]


def draw_readings(count: int, rng: np.random.Generator) -> list[str]:
    """Draw accents for `EspeakEngine.ipa`: some are a learner's, written ``en-us~fr``."""
    learners = rng.choice(list(_LEARNERS), size=count)
    learns = rng.random(count) < _LEARNERS_SHARE
    return [
        f"{REFERENCE_ACCENT}~{learner}" if learn else native
        for native, learner, learn in zip(draw_accents(count, rng), learners, learns, strict=True)
    ]


def american_letters(ipa: str) -> str:
    """Replace the few letters in which other accents are read and which a voice taught in American never saw."""
    return ipa.translate(_AMERICAN_LETTERS)


def draw_voice_definition(rng: np.random.Generator) -> str:
    """Draw a vocal tract: the lines of an espeak-ng voice file that make a speaker."""
    pitch_hz, tract = draw_person(rng)
    lines = [
        f"gender {'female' if tract > _FEMALE_FROM else 'male'}",
        f"pitch {pitch_hz:.0f} {pitch_hz * rng.uniform(1.15, 1.7):.0f}",
        f"flutter {rng.integers(0, 8)}",
        f"roughness {rng.choice([0, 0, 1, 2, 3, 4])}",
        f"voicing {rng.integers(60, 140)}",
        f"consonants {rng.integers(50, 170)} {rng.integers(50, 150)}",
        f"intonation {rng.integers(1, 5)}",
    ]
    for formant in range(9):
        frequency = 100.0 * tract * rng.normal(1.0, 0.035)
        strength = float(np.clip(rng.normal(100.0, 22.0), 30.0, 200.0))
        width = float(np.clip(rng.normal(110.0, 30.0), 50.0, 220.0))
        lines.append(f"formant {formant} {frequency:.0f} {strength:.0f} {width:.0f}")
    if rng.random() < 0.5:
        lines.append("breath 0 " + " ".join(str(value) for value in rng.integers(0, 12, size=7)))
    if rng.random() < 0.3:
        lines.append(f"klatt {rng.integers(1, 6)}")
    if rng.random() < 0.5:
        low, middle, high = rng.integers(80, 256, size=3)
        lines.append(f"tone 600 {low} 1500 {middle} 3500 {high}")
    return "\n".join(lines)


def _stored_voice(accent: str, variant: str) -> Voice:
    speaker = hashlib.sha1(variant.encode()).hexdigest()[:8]
    return Voice(engine="espeak-ng", name=f"{accent}+{variant}", speaker=speaker, accent=accent)


def _as_learned(ipa: str, mother_tongue: str) -> str:
    changes = dict(pair.split("=") for pair in _LEARNERS.get(mother_tongue, "").split())
    if not changes:
        return ipa
    return re.sub("|".join(sorted(changes, key=len, reverse=True)), lambda match: changes[match[0]], ipa)


def _check_text(text: str) -> None:
    if not text.strip():
        raise SpeechEngineError("the phrase is empty; type the words to be spoken")
    if "[[" in text:
        return
    foreign = [char for char in text if char.isalpha() and "LATIN" not in unicodedata.name(char, "")]
    if foreign:
        raise SpeechEngineError(
            f"{text!r} holds {foreign[0]!r}: the English voices would spell out its name; "
            "write the phrase in Latin letters, or as phonemes in [[ ]]"
        )
    named = [
        char for char in text if not (char.isalnum() or char.isspace() or char in _MARKS or unicodedata.combining(char))
    ]
    if named := [*named, *re.findall(r"(?<=\w\w)\.(?=\w)|\.(?=\w\w)", text)]:
        raise SpeechEngineError(
            f"{text!r} holds {named[0]!r}: the voices would say its name, or words that you may not mean; "
            "write out what is to be said"
        )


def _check_phonemes(text: str, spoken: str) -> None:
    """Compare what was asked with what is said: espeak-ng silently drops phonemes it does not know."""
    asked = "".join(re.findall(r"\[\[(.*?)\]\]", text))
    ignored = str.maketrans("", "", "',%=_|: \t")
    asked, said = asked.translate(ignored), spoken.translate(ignored)
    if len(said) < 0.8 * len(asked):
        raise SpeechEngineError(
            f"espeak-ng understood only {spoken!r} of {text!r}; `kws wakeword PHRASE --show` prints phonemes it knows"
        )
