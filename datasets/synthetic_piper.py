"""Piper as a speech engine: an external program with voice files of your own.

Piper and its voices have licences and downloads of their own, so nothing of it is in this package: install
the program, download voices (``NAME.onnx`` beside ``NAME.onnx.json``) and name their folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.synthetic import Pronunciation, Utterance, Voice, trim_silence
from kws.audio import read_audio
from kws.errors import SpeechEngineError, ToolMissingError

_SPEAK_TIMEOUT_S = 120.0
_REFERENCE_RATE_WPM = 175


class PiperEngine:
    """Piper as an external process.

    Parameters
    ----------
    voices_folder : Path
        Holds ``*.onnx`` voices with their ``.onnx.json``; a voice of many speakers counts as many.
    program : str
        Name or path of the piper program.

    Raises
    ------
    ToolMissingError
        If the program is not installed or the folder holds no voices.
    """

    def __init__(self, voices_folder: Path, program: str = "piper") -> None:
        found = shutil.which(program)
        if found is None:
            raise ToolMissingError(
                f"{program} is not installed; install Piper (its licence is its own), or use espeak-ng"
            )
        self._program = found
        self._models = sorted(voices_folder.glob("*.onnx"))
        if not self._models:
            raise ToolMissingError(
                f"{voices_folder}: expected Piper voices (NAME.onnx, NAME.onnx.json) and found none; "
                "download voices into this folder"
            )

    @property
    def name(self) -> str:
        """Engine and the voices it has."""
        return "piper " + " ".join(model.stem for model in self._models)

    def voices(self, count: int, *, seed: int) -> list[Voice]:
        """Return up to `count` voices, in an order drawn by `seed`; repeats when there are fewer speakers."""
        everyone = [voice for model in self._models for voice in _speakers(model)]
        order = np.random.default_rng(seed).permutation(len(everyone))
        return [everyone[int(order[index % len(everyone)])] for index in range(count)]

    def pronounce(self, text: str) -> Pronunciation:
        """Return the text itself: Piper keeps its phonemes to itself."""
        if not any(char.isalnum() for char in text):
            raise SpeechEngineError(f"there is nothing to say in {text!r}; type the words to be spoken")
        if "[[" in text:
            raise SpeechEngineError(f"Piper cannot speak the espeak phonemes {text!r}; type words instead")
        return Pronunciation(text=text, phonemes="", ipa="")

    def synthesize(self, utterance: Utterance) -> NDArray[np.int16]:
        """Speak one utterance. Piper has no pitch, amplitude or gap; its rate is a length scale."""
        model, _, speaker = utterance.voice.name.partition("#")
        with tempfile.TemporaryDirectory(prefix="kws_piper_") as folder:
            wav = Path(folder) / "speech.wav"
            command = [self._program, "--model", model, "--output_file", str(wav)]
            command += ["--length_scale", f"{_REFERENCE_RATE_WPM / utterance.rate_wpm:.3f}"]
            if speaker:
                command += ["--speaker", speaker]
            try:
                result = subprocess.run(
                    command,
                    input=utterance.text.encode(),
                    capture_output=True,
                    timeout=_SPEAK_TIMEOUT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise SpeechEngineError(f"piper did not answer within {_SPEAK_TIMEOUT_S:.0f} s") from error
            if result.returncode != 0 or not wav.exists():
                message = result.stderr.decode(errors="replace").strip() or "no message"
                raise SpeechEngineError(f"piper could not speak {utterance.text!r}: {message}")
            return trim_silence(read_audio(wav))


def _speakers(model: Path) -> list[Voice]:
    settings = model.with_suffix(".onnx.json")
    try:
        num_speakers = int(json.loads(settings.read_text(encoding="utf-8")).get("num_speakers", 1))
    except (OSError, ValueError) as error:
        raise ToolMissingError(f"{settings}: cannot be read ({error}); download the voice again") from error
    names = [str(model)] if num_speakers < 2 else [f"{model}#{index}" for index in range(num_speakers)]
    return [Voice(engine="piper", name=name, speaker=f"{model.stem}_{index}") for index, name in enumerate(names)]
