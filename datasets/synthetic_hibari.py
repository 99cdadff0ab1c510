# SPDX-License-Identifier: Apache-2.0
"""hibari as a speech engine: a small neural voice that comes whole in a package (``pip install hibari-tts``).

One American woman, natural enough to be taken for a recording, at about 90 takes a second on one core. Alone it is
one speaker; `kws.datasets.synthetic_crowd` makes many of it. Everything needed is in the package: nothing is
downloaded.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws import extras
from kws.audio import SAMPLE_RATE_HZ, resample, to_int16
from kws.datasets.synthetic import Pronunciation, Utterance, Voice, trim_silence
from kws.datasets.synthetic_espeak import REFERENCE_ACCENT, EspeakEngine, american_letters, draw_readings
from kws.errors import SpeechEngineError

_VOICE = "heart"
"""The only voice inside the package; others would be downloaded."""
_REFERENCE_RATE_WPM = 153

# Kokoro's own letters for what IPA writes with two, and its way of writing American English.
_LETTERS = (
    *(("dʒ", "ʤ"), ("tʃ", "ʧ"), ("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("əʊ", "O"), ("aʊ", "W"), ("ɔɪ", "Y")),
    *(("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɚ", "əɹ"), ("ɐ", "ə"), ("oːɹ", "ɔɹ"), ("oː", "O"), ("ɾ", "T"), ("x", "k")),
    *(("aː", "ɑ"), ("a", "æ"), ("e", "ɛ"), ("o", "ɔ"), ("ᵻ", "ɪ"), ("ː", ""), ("\u0329", ""), ("ʔ", "t"), ("g", "ɡ")),
)


class HibariEngine:
    """hibari, in this process.

    Raises
    ------
    ToolMissingError
        If the package or espeak-ng (for phonemes in double brackets) is not installed.
    """

    def __init__(self) -> None:
        try:
            from hibari import Hibari
        except ImportError as error:
            raise extras.not_installed("the engine hibari", "hibari") from error
        self._speech: Any = Hibari(voice=_VOICE, threads=1)
        self._phonemizer = EspeakEngine()
        self._phonemes = cache(self._read)

    @property
    def name(self) -> str:
        """Engine and version."""
        return f"hibari {version('hibari-tts')}"

    def voices(self, count: int, *, seed: int) -> list[Voice]:
        """Return the one voice `count` times; she imitates other accents of English now and then."""
        accents = draw_readings(count, np.random.default_rng([seed, 0x41BA2]))
        return [Voice(engine="hibari", name=_VOICE, speaker=f"hibari_{_VOICE}", accent=accent) for accent in accents]

    def pronounce(self, text: str) -> Pronunciation:
        """Return the phonemes in which `text` is read.

        Raises
        ------
        SpeechEngineError
            If there is nothing to say.
        """
        phonemes = self._phonemes(text, REFERENCE_ACCENT)
        return Pronunciation(text=text, phonemes=phonemes, ipa=phonemes)

    def synthesize(self, utterance: Utterance) -> NDArray[np.int16]:
        """Speak one utterance; hibari has a rate but neither pitch nor amplitude."""
        seed = int.from_bytes(hashlib.sha256(utterance.text.encode()).digest()[:4], "little")
        phonemes = self._phonemes(utterance.text, utterance.voice.accent)
        speed = utterance.rate_wpm / _REFERENCE_RATE_WPM
        speech = self._speech.from_phonemes(phonemes, speed=speed, seed=seed).astype(np.float64)
        return trim_silence(to_int16(resample(speech, from_hz=self._speech.sample_rate, to_hz=SAMPLE_RATE_HZ)))

    def _read(self, text: str, accent: str) -> str:
        if "[[" in text or accent != REFERENCE_ACCENT:
            return kokoro_symbols(self._phonemizer.ipa(text, accent=accent))
        phonemes = " ".join(self._speech.phonemize(text))
        if not any(symbol.isalpha() for symbol in phonemes):
            raise SpeechEngineError(f"there is nothing to say in {text!r}; type the words to be spoken")
        return phonemes


def kokoro_symbols(ipa: str) -> str:
    """Write espeak's IPA in the letters that Kokoro, and what was taught by it, use for American English."""
    ipa = american_letters(ipa)
    for written, letter in _LETTERS:
        ipa = ipa.replace(written, letter)
    return ipa
