# SPDX-License-Identifier: Apache-2.0
"""At which moments of hours of negatives a network comes nearest to an event: what it should learn from most.

Every round listens to all of them with the network of that epoch and keeps the worst moments in a file, so that a run
that was interrupted goes on with the moments it had.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from kws.files import written_whole

_APART_DECISIONS = 25
"""One second: of moments nearer to each other the worst counts."""
_SMOOTHED_DECISIONS = 3
_USABLE_AFTER = 2
"""Epochs: batches of the next one may be under way while a round listens."""


class Rounds:
    """Rounds of listening and what they found.

    Parameters
    ----------
    find : callable
        Given the averaged network, returns the decisions to learn from, the worst first.
    rounds : tuple of int
        After how many epochs to listen; empty for never. 0: before the first, when `before` is called.
    folder : Path
        Where each round's are kept.
    """

    def __init__(
        self, find: Callable[[keras.Model], NDArray[np.int64]], *, rounds: tuple[int, ...], folder: Path
    ) -> None:
        self._find, self._rounds, self._folder = find, rounds, folder
        self._found: dict[int, NDArray[np.int64]] = {}

    def before(self, network: Callable[[], keras.Model]) -> None:
        """Listen with the network that training starts from, when that is wanted and was not done."""
        if 0 in self._rounds and not self._file(0).exists():
            self.after_epoch(-1, network())

    def after_epoch(self, epoch: int, averaged: keras.Model) -> None:
        """Listen, when a round is due; ``epoch`` counts from 0."""
        if epoch + 1 not in self._rounds:
            return
        with written_whole(self._file(epoch + 1)) as part:
            np.save(part, self._find(averaged))

    def moments(self, epoch: int) -> NDArray[np.int64]:
        """Decisions to learn from in an epoch, counted from 0; the worst first, none before a round."""
        due = [done for done in self._rounds if done - 1 + _USABLE_AFTER <= epoch]
        if not due:
            return np.zeros(0, np.int64)
        if due[-1] not in self._found:
            self._found[due[-1]] = np.load(self._file(due[-1]))
        return self._found[due[-1]]

    def _file(self, done: int) -> Path:
        return self._folder / f"moments-{done:02d}.npy"


def worst(margins: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The decisions with the highest smoothed margins, the worst first, no two of them from one second."""
    smooth = np.convolve(margins, np.full(_SMOOTHED_DECISIONS, 1.0 / _SMOOTHED_DECISIONS), mode="same")
    seconds = len(smooth) // _APART_DECISIONS
    blocks = smooth[: seconds * _APART_DECISIONS].reshape(seconds, _APART_DECISIONS)
    peaks = blocks.argmax(axis=1) + np.arange(seconds) * _APART_DECISIONS
    free, kept = np.ones(len(smooth), bool), []
    for peak in peaks[np.argsort(-blocks.max(axis=1), kind="stable")].tolist():
        if free[peak]:
            kept.append(peak)
            free[max(peak - _APART_DECISIONS, 0) : peak + _APART_DECISIONS] = False
    return np.array(kept[:count], dtype=np.int64)


def draw(moments: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw ``count`` of the moments, the worst most.

    The rank is drawn as the square of a uniform number: of 3000 moments the first hundred get a fifth of the draws.
    """
    return np.asarray(moments[(len(moments) * rng.random(count) ** 2).astype(np.int64)])
