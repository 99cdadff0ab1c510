# SPDX-License-Identifier: Apache-2.0
"""Flite as a speech engine: few voices, but made from recordings of people.

espeak-ng has speakers without number and Flite has the sound of real ones; a set with both generalises better to
real microphones than either. Free software (``apt install flite``); it needs no further downloads. Other accents than
American, and phonemes in double brackets, are read by espeak-ng and spoken in Flite's phonemes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import read_audio
from kws.datasets.synthetic import Pronunciation, Utterance, Voice, trim_silence
from kws.datasets.synthetic_espeak import REFERENCE_ACCENT, EspeakEngine, american_letters, draw_readings
from kws.errors import SpeechEngineError, ToolMissingError

_VOICES = ("awb", "rms", "slt")
"""Flite's fourth, kal, is joined from pairs of phones and audibly a machine."""
_SPEAK_TIMEOUT_S = 300.0
_REFERENCE_RATE_WPM = 130

# espeak's IPA in Flite's phonemes, two letters before one.
_TABLE = """
    tʃ=ch dʒ=jh eɪ=ey aɪ=ay oʊ=ow əʊ=ow aʊ=aw ɔɪ=oy oː=ow ɜː=er ɑː=aa aː=aa ɔː=ao iː=iy uː=uw
    ɚ=er ɐ=ax ə=ax ɛ=eh e=ey ɪ=ih ᵻ=ih i=iy ʊ=uh u=uw ʌ=ah æ=ae a=ae ɔ=aa ɑ=aa o=ow ɜ=er
    b=b d=d f=f ɡ=g h=hh j=y k=k l=l m=m n=n ŋ=ng p=p ɹ=r s=s ʃ=sh t=t ɾ=t ʔ=t v=v w=w x=k z=z ʒ=zh θ=th ð=dh
    ,=pau .=pau !=pau ?=pau ;=pau :=pau
"""
_PHONEMES = dict(pair.split("=") for pair in _TABLE.split())


class FliteEngine:
    """Flite as an external process.

    Parameters
    ----------
    program : str
        Name or path of the flite program.

    Raises
    ------
    ToolMissingError
        If the program is not installed.
    """

    def __init__(self, program: str = "flite") -> None:
        found = shutil.which(program)
        if found is None:
            raise ToolMissingError(
                f"{program} is not installed; install it with `apt install flite`, or leave it out of speech.engines"
            )
        self._program = found
        match = re.search(r"version: (\S+)", self._run(["--version"]))
        self._version = match[1] if match else "unknown"
        self._phonemizer = EspeakEngine()
        self._flite_phonemes = cache(self._read)

    @property
    def name(self) -> str:
        """Engine and version."""
        return f"flite {self._version}"

    def voices(self, count: int, *, seed: int) -> list[Voice]:
        """Return `count` voices by three speakers in turn, starting anywhere."""
        rng = np.random.default_rng(seed)
        start = int(rng.integers(len(_VOICES)))
        names = [_VOICES[(start + index) % len(_VOICES)] for index in range(count)]
        return [
            Voice(engine="flite", name=name, speaker=f"cmu_us_{name}", accent=accent)
            for name, accent in zip(names, draw_readings(count, rng), strict=True)
        ]

    def pronounce(self, text: str) -> Pronunciation:
        """Return the phonemes in which `text` is read, in Flite's notation.

        Raises
        ------
        SpeechEngineError
            If there is nothing to say.
        """
        if "[[" in text:
            return Pronunciation(text=text, phonemes=self._flite_phonemes(text, REFERENCE_ACCENT), ipa="")
        phonemes = self._run(["-ps", "-voice", "slt", "-t", text, "-o", "none"]).replace("pau", "").split()
        if not phonemes:
            raise SpeechEngineError(f"there is nothing to say in {text!r}; type the words to be spoken")
        return Pronunciation(text=text, phonemes=" ".join(phonemes), ipa="")

    def synthesize(self, utterance: Utterance) -> NDArray[np.int16]:
        """Speak one utterance; Flite's voices have a rate but neither pitch nor amplitude."""
        stretch = _REFERENCE_RATE_WPM / utterance.rate_wpm
        with tempfile.TemporaryDirectory(prefix="kws_flite_") as folder:
            wav = Path(folder) / "speech.wav"
            how = ["-voice", utterance.voice.name, "--setf", f"duration_stretch={stretch:.3f}"]
            if "[[" in utterance.text or utterance.voice.accent != REFERENCE_ACCENT:
                what = ["-p", self._flite_phonemes(utterance.text, utterance.voice.accent)]
            else:
                what = ["-t", utterance.text]
            self._run([*how, *what, "-o", str(wav)])
            if not wav.exists():
                raise SpeechEngineError(f"flite gave no sound for {utterance.text!r}; try another spelling")
            return trim_silence(read_audio(wav))

    def _read(self, text: str, accent: str) -> str:
        return flite_phonemes(self._phonemizer.ipa(text, accent=accent))

    def _run(self, arguments: list[str]) -> str:
        try:
            result = subprocess.run(
                [self._program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SPEAK_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SpeechEngineError(f"flite did not answer within {_SPEAK_TIMEOUT_S:.0f} s") from error
        return result.stdout.decode(errors="replace")


def flite_phonemes(ipa: str) -> str:
    """Write espeak's IPA in Flite's phonemes; Flite has no marks of stress or length."""
    parts = re.findall("|".join(map(re.escape, _PHONEMES)), american_letters(ipa))
    return " ".join(["pau", *(_PHONEMES[part] for part in parts), "pau"])
