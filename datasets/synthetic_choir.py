# SPDX-License-Identifier: Apache-2.0
"""Several speech engines as one: each gives its share of the voices and speaks with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.datasets.synthetic import Pronunciation, SpeechEngine, Utterance, Voice
from kws.datasets.synthetic_crowd import Crowd
from kws.datasets.synthetic_espeak import EspeakEngine
from kws.datasets.synthetic_flite import FliteEngine
from kws.datasets.synthetic_hibari import HibariEngine
from kws.datasets.synthetic_piper import PiperEngine
from kws.errors import ConfigError

ENGINES = ("espeak-ng", "hibari", "piper", "flite")
"""All that can be opened by name."""


class Choir:
    """Engines side by side.

    Parameters
    ----------
    engines : mapping of str to SpeechEngine
        By the name that their voices carry; the first one shows pronunciations.
    shares : mapping of str to float
        Share of the voices that each engine gives; need not add up to 1.
    """

    def __init__(self, engines: Mapping[str, SpeechEngine], shares: Mapping[str, float]) -> None:
        self._engines = dict(engines)
        total = sum(shares[name] for name in engines)
        self._shares = {name: shares[name] / total for name in engines}

    @property
    def name(self) -> str:
        """All engines with their versions."""
        return " + ".join(engine.name for engine in self._engines.values())

    def voices(self, count: int, *, seed: int) -> list[Voice]:
        """Return the voices of all engines, mixed; every engine has at least one."""
        voices: list[Voice] = []
        for name, engine in self._engines.items():
            voices += engine.voices(max(1, round(count * self._shares[name])), seed=seed)
        order = np.random.default_rng([seed, 0xC401]).permutation(len(voices))
        return [voices[int(index)] for index in order]

    def pronounce(self, text: str) -> Pronunciation:
        """Return how the first engine reads a text."""
        return next(iter(self._engines.values())).pronounce(text)

    def synthesize(self, utterance: Utterance) -> NDArray[np.int16]:
        """Let the voice's engine speak."""
        return self._engines[utterance.voice.engine].synthesize(utterance)


def open_engines(shares: Mapping[str, float], *, piper_voices: Path | None = None) -> SpeechEngine:
    """Return the engines of these names as one; those with few speakers are made crowds.

    Parameters
    ----------
    shares : mapping of str to float
        Names out of `ENGINES`, and the share of the voices that each gives.
    piper_voices : Path, optional
        Folder of Piper voices; the one that comes as a package when not given.

    Raises
    ------
    ConfigError
        If a name is unknown or none has a share.
    ToolMissingError
        If an engine is not installed.
    """
    engines = {name: _open(name, piper_voices) for name in shares}
    if not sum(shares.values()) > 0.0:
        raise ConfigError(f"speech: expected an engine with a share, out of {', '.join(ENGINES)}; got {dict(shares)}")
    return Choir(engines, shares) if len(engines) > 1 else next(iter(engines.values()))


def _open(name: str, piper_voices: Path | None) -> SpeechEngine:
    if name == "espeak-ng":
        return EspeakEngine()
    if name == "hibari":
        return Crowd(HibariEngine())
    if name == "piper":
        return Crowd(PiperEngine(piper_voices))
    if name == "flite":
        return Crowd(FliteEngine())
    raise ConfigError(f"speech: expected engines out of {', '.join(ENGINES)}, got {name!r}")
