"""Several speech engines as one: each gives its share of the voices and speaks with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from datasets.synthetic import Pronunciation, SpeechEngine, Utterance, Voice


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
