# SPDX-License-Identifier: Apache-2.0
"""A wake word, then commands, in recordings: a cascade with the silence around them that a spotter of the wake word
has, so that both hear the wake word alike."""

from __future__ import annotations

from numpy.typing import ArrayLike

from kws.bundle import Bundle
from kws.cascade import COMMAND_WINDOW_S, Cascade, CascadeDetection
from kws.evaluation.listening import listening_of
from kws.stream import Stream


class CascadeSpotter:
    """Listens to recordings and streams for a wake word and then for commands.

    Parameters
    ----------
    wake, commands : Bundle
    window_s : float
    operating_point : int, optional
        As for `kws.cascade.Cascade`.

    Attributes
    ----------
    keywords, commands : tuple of str
        Labels that can fire: of the wake word's bundle and, after one, of the commands'.
    sample_rate_hz : int

    Raises
    ------
    ConfigError, BundleError, KwsError
        As `kws.cascade.Cascade`.
    EvaluationError
        If a bundle listens to several axes of a machine.

    Examples
    --------
    >>> import kws
    >>> words = kws.Bundle.load("models/speech_commands_12.kws")
    >>> CascadeSpotter(words, words, window_s=2.0).listen(kws.read_audio("examples/stream.flac"))[0]
    Detection('stop' at 1.55 s, score 228 of 255)
    """

    def __init__(
        self, wake: Bundle, commands: Bundle, *, window_s: float = COMMAND_WINDOW_S, operating_point: int | None = None
    ) -> None:
        self._cascade = Cascade(wake, commands, window_s=window_s, operating_point=operating_point)
        self._listening = listening_of(wake, operating_point)
        self.keywords, self.commands = self._listening.keywords, listening_of(commands).keywords
        self.sample_rate_hz = self._cascade.sample_rate_hz
        self.reset()

    def listen(self, samples: ArrayLike, rate: float | None = None) -> list[CascadeDetection]:
        """Say which words are in a recording; `feed` begins anew behind it.

        Parameters
        ----------
        samples : array_like
        rate : int, optional
            As for `kws.Spotter.listen`.

        Returns
        -------
        list of CascadeDetection
            By time in the recording.

        Raises
        ------
        AudioError
            If the samples are not understood.
        """
        self.reset()
        found = self.feed(samples, rate)
        found += self._stream.flush()
        self.reset()
        return found

    def feed(self, samples: ArrayLike, rate: float | None = None) -> list[CascadeDetection]:
        """Hear the next block of a stream, as `kws.Spotter.feed`; times count from the last `reset`."""
        return self._stream.feed(samples, rate)

    def reset(self) -> None:
        """Forget the stream heard so far."""
        self._cascade.reset()
        self._stream = Stream(self._cascade.feed, self._listening)
