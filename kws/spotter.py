# SPDX-License-Identifier: Apache-2.0
"""What most programs want: a bundle that takes audio as people have it and says which words are in it.

    spotter = kws.load("models/speech_commands_12.kws")
    for detection in spotter.listen("yes.wav"):
        print(detection.label, detection.time_s, detection.posterior)

Recordings are heard exactly as `kws replay` and `kws listen` hear them: from reset, with the silence around them that
`kws.evaluation.listening` defines. The stages themselves, as they run on the board, are `kws.pipeline`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kws.audio import Samples, read_audio
from kws.bundle import Bundle
from kws.errors import AudioError
from kws.evaluation.clips import evaluate_clips
from kws.evaluation.listening import Listening, describe_operating_point, listening_of
from kws.files import StrPath
from kws.heard import Classification, Detections
from kws.pipeline import Detection, Pipeline, Scores
from kws.samples import as_mono, at_rate, checked_rate
from kws.stream import Stream

_FEED_S = 60
"""Audio per feed: bounds the memory of a night-long recording, changes nothing else."""


def load(bundle: StrPath | Bundle, *, operating_point: int | None = None) -> Spotter:
    """Load a keyword spotter.

    Parameters
    ----------
    bundle : path or Bundle
        A file ``NAME.kws``.
    operating_point : int, optional
        Index into the bundle's operating points (``kws inspect`` lists them); its default when omitted.

    Returns
    -------
    Spotter

    Raises
    ------
    BundleError
        If the file is missing, damaged or no bundle.
    ConfigError
        If it has no such operating point.

    Examples
    --------
    >>> import kws
    >>> kws.load("models/speech_commands_12.kws")
    Spotter('models/speech_commands_12.kws' hears yes, no, up, down, left, right, on, off, stop, go at 16000 Hz)
    """
    return Spotter(bundle if isinstance(bundle, Bundle) else Bundle.load(Path(bundle)), operating_point=operating_point)


class Spotter:
    """A bundle ready to listen.

    `listen` and `classify` take a whole recording and remember nothing. `feed`, `flush` and `reset` are for audio that
    comes in blocks, and give the same detections as `listen` gives for the whole.

    Parameters
    ----------
    bundle : Bundle
    operating_point : int, optional
        Index into the bundle's operating points; its default when omitted.

    Attributes
    ----------
    bundle : Bundle
    labels : tuple of str
        In the order of the model's outputs.
    keywords : tuple of str
        Labels that can fire at the operating point.
    sample_rate_hz : int
        Rate the bundle listens at. Audio of another rate is resampled when its rate is given.
    """

    def __init__(self, bundle: Bundle, *, operating_point: int | None = None) -> None:
        self.bundle = bundle
        self.listening: Listening = listening_of(bundle, operating_point)
        self.labels = self.listening.labels
        self.keywords = self.listening.keywords
        self.sample_rate_hz = self.listening.sample_rate_hz
        self.operating_point = describe_operating_point(bundle, operating_point)
        """Index of the operating point, and what it promises."""
        self._point = operating_point
        self._stream = self._new_stream()

    def __repr__(self) -> str:
        return f"Spotter({self.bundle.name!r} hears {', '.join(self.keywords)} at {self.sample_rate_hz} Hz)"

    @overload
    def listen(self, audio: StrPath | ArrayLike, rate: float | None = None) -> Detections: ...

    @overload
    def listen(self, audio: Iterator[ArrayLike], rate: float | None = None) -> Iterator[Detection]: ...

    def listen(self, audio: Any, rate: float | None = None) -> Detections | Iterator[Detection]:
        """Say which words are in a recording, and when.

        Parameters
        ----------
        audio : path, array_like, or iterable of arrays
            A file; or samples: int16, floats of full scale ±1.0, or a list of either, of shape ``[n]``, ``[n, 1]`` or
            ``[1, n]``; or blocks of such samples, of any size, as a microphone gives them.
        rate : int, optional
            Sample rate of samples or blocks in Hz, which are resampled if need be. Without it they are taken to be at
            `sample_rate_hz`. Files say their own.

        Returns
        -------
        Detections
            A list of `Detection`, by time in the recording. For blocks: an iterator that gives each as soon as it is
            certain.

        Raises
        ------
        AudioError
            If the audio cannot be read or understood; the message says what to do.

        Examples
        --------
        >>> import kws
        >>> spotter = kws.load("models/speech_commands_12.kws")
        >>> spotter.listen("examples/stream.flac")
        [Detection('stop' at 1.55 s, score 228 of 255), Detection('no' at 4.27 s, score 208 of 255)]

        Arrays of another rate are heard when the rate is given:

        >>> samples = kws.read_audio("examples/stream.flac")
        >>> [detection.label for detection in spotter.listen(samples.repeat(3), rate=48000)]
        ['stop', 'no']

        Blocks give the same as the whole:

        >>> blocks = (samples[start : start + 1600] for start in range(0, len(samples), 1600))
        >>> list(spotter.listen(blocks)) == spotter.listen(samples)
        True
        """
        if is_blocks(audio):
            return self._listen_to_blocks(audio, rate)
        samples = self._samples(audio, rate)
        stream, piece = self._new_stream(), _FEED_S * self.sample_rate_hz
        found: list[Detection] = []
        scores: list[Scores] = []
        for start in range(0, samples.size, piece):
            found += stream.feed(samples[start : start + piece], self.sample_rate_hz)
            scores += stream.scores
        found += stream.flush()
        scores += stream.scores
        return Detections(found, samples=samples, scores=Scores.joined(scores), listening=self.listening)

    def classify(self, clip: StrPath | ArrayLike, rate: float | None = None) -> Classification:
        """Say which label a clip of one word most likely has: one decision, as `kws evaluate` judges clips.

        Smoothing, thresholds and the gate, which belong to listening, play no part.

        Parameters
        ----------
        clip : path or array_like
            As for `listen`. A clip shorter than the model's window is padded with silence at the end.
        rate : int, optional
            As for `listen`.

        Returns
        -------
        Classification
            The label, and the posterior of each.

        Raises
        ------
        AudioError
            If the clip cannot be read or understood, or is longer than one decision sees.

        Examples
        --------
        >>> import kws
        >>> verdict = kws.load("models/speech_commands_12.kws").classify("examples/clips/stop/slt.flac")
        >>> verdict.label, round(verdict.posterior, 2)
        ('stop', 1.0)
        """
        samples, window = self._samples(clip, rate), self.listening.window_samples
        if self.listening.is_long(samples.size):
            raise AudioError(
                f"clip: expected at most {window / self.sample_rate_hz:.2f} s, which one decision sees, and got "
                f"{samples.size / self.sample_rate_hz:.2f} s; use listen, or cut the word out"
            )
        score = evaluate_clips(self.bundle, [samples], [0])
        posteriors = {label: int(value) / 255 for label, value in zip(self.labels, score.posteriors[0], strict=True)}
        return Classification(label=self.labels[int(score.predicted[0])], posteriors=posteriors)

    def feed(self, samples: ArrayLike, rate: float | None = None) -> list[Detection]:
        """Hear the next block of a stream, of any size.

        Parameters
        ----------
        samples : array_like
            As for `listen`.
        rate : int, optional
            As for `listen`; the same for all blocks of a stream.

        Returns
        -------
        list of Detection
            What has become certain; its times count from the first sample since the last `reset` or `flush`.

        Raises
        ------
        AudioError
            If the samples are not understood, or the rate changes within a stream.

        Examples
        --------
        >>> import kws
        >>> spotter = kws.load("models/speech_commands_12.kws")
        >>> samples = kws.read_audio("examples/stream.flac")
        >>> for start in range(0, len(samples), 1600):
        ...     for detection in spotter.feed(samples[start : start + 1600]):
        ...         print(f"{detection.time_s:.1f} s: {detection.label}")
        1.6 s: stop
        4.3 s: no
        >>> spotter.flush()
        []
        """
        return self._stream.feed(samples, rate)

    def flush(self) -> list[Detection]:
        """End the stream: return the detections that a second of silence behind it brings, then forget it."""
        found = self._stream.flush()
        self.reset()
        return found

    def reset(self) -> None:
        """Forget the stream heard so far."""
        self._stream = self._new_stream()

    @property
    def smoothed(self) -> NDArray[np.uint8] | None:
        """Newest smoothed posteriors of the stream, uint8 ``[labels]``, 255 = 1; None before the first decision."""
        return self._stream.smoothed

    @property
    def scores(self) -> Scores:
        """Decisions of the last `feed`; their indices count the silence before the stream too."""
        return Scores.joined(self._stream.scores or [self._stream._pipeline.scores])

    def _listen_to_blocks(self, blocks: Iterable[ArrayLike], rate: float | None) -> Iterator[Detection]:
        stream = self._new_stream()
        for block in blocks:
            yield from stream.feed(block, rate)
        yield from stream.flush()

    def _samples(self, audio: Any, rate: float | None) -> Samples:
        if isinstance(audio, (str, os.PathLike)):
            if rate is not None:
                raise AudioError(f"rate: a file says its own; leave rate={rate!r} away for {os.fspath(audio)}")
            return read_audio(Path(audio), sample_rate_hz=self.sample_rate_hz)
        samples = as_mono(audio)
        if samples.size == 0:
            raise AudioError("samples: expected audio and got 0 samples; look at where they come from")
        return at_rate(samples, self.sample_rate_hz if rate is None else checked_rate(rate), self.sample_rate_hz)

    def _new_stream(self) -> _ScoredStream:
        return _ScoredStream(Pipeline(self.bundle, operating_point=self._point), self.listening)


class _ScoredStream(Stream[Detection]):
    """A stream into a pipeline just reset, which keeps its decisions."""

    def __init__(self, pipeline: Pipeline, listening: Listening) -> None:
        super().__init__(self._heard_by_pipeline, listening)
        self._pipeline = pipeline
        self.scores: list[Scores] = []
        """Decisions of the last `feed` or `flush`; their indices count the silence before the recording too."""
        self.smoothed: NDArray[np.uint8] | None = None
        """Smoothed posteriors of the newest decision, uint8 ``[labels]``."""

    def feed(self, samples: ArrayLike, rate: float | None = None) -> list[Detection]:
        self.scores = []
        return super().feed(samples, rate)

    def flush(self) -> list[Detection]:
        self.scores = []
        return super().flush()

    def _heard_by_pipeline(self, samples: Samples) -> list[Detection]:
        events, scores = self._pipeline.feed(samples), self._pipeline.scores
        self.scores.append(scores)
        if len(scores.smoothed):
            self.smoothed = scores.smoothed[-1]
        return events


def is_blocks(audio: Any) -> bool:
    """Whether audio comes in blocks: an iterator, or a list of arrays. An array or a list of numbers is samples."""
    if isinstance(audio, (str, bytes, os.PathLike)) or hasattr(audio, "__array__") or not isinstance(audio, Iterable):
        return False
    if isinstance(audio, (list, tuple)):
        return bool(audio) and np.ndim(audio[0]) > 0 and hasattr(audio[0], "__array__")
    return True
