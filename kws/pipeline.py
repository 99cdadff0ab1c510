# SPDX-License-Identifier: Apache-2.0
"""The five stages in order: feed samples, get detections, from the very C code the boards run.

audio  ->  features  ->  model  ->  smoothing  ->  detection
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.audio import SAMPLE_RATE_HZ
from kws.bundle import Bundle
from kws.core import aligned_copy, aligned_new, check, ffi, lib
from kws.errors import AudioError, KwsError


@dataclass(frozen=True, kw_only=True, repr=False)
class Detection:
    """One event of stage 5.

    Examples
    --------
    >>> Detection(label="yes", label_index=2, sample_index=15520, score=243)
    Detection('yes' at 0.97 s, score 243 of 255)
    """

    label: str
    """The label that fired."""
    label_index: int
    """Its index in the bundle's labels."""
    sample_index: int
    """Samples heard when it fired: one past the newest sample of the newest frame."""
    score: int
    """The smoothed posterior that fired, 0..255 = 0..1."""
    sample_rate_hz: int = field(default=SAMPLE_RATE_HZ, compare=False)
    """What ``sample_index`` counts in."""

    @property
    def time_s(self) -> float:
        """``sample_index`` in seconds."""
        return self.sample_index / self.sample_rate_hz

    @property
    def posterior(self) -> float:
        """The score as a number from 0 to 1."""
        return self.score / 255

    def __repr__(self) -> str:
        return f"Detection({self.label!r} at {self.time_s:.2f} s, score {self.score} of 255)"


@dataclass(frozen=True, kw_only=True, repr=False)
class Scores:
    """Every decision of one feed, in order."""

    sample_index: npt.NDArray[np.uint64]
    """Shape [decisions]: one past the newest sample each decision has seen."""
    frame_index: npt.NDArray[np.uint32]
    """Shape [decisions]: the newest frame of each decision."""
    posteriors: npt.NDArray[np.uint8]
    """Shape [decisions, labels]: straight from the model, 0..255 = 0..1."""
    smoothed: npt.NDArray[np.uint8]
    """Shape [decisions, labels]: after stage 4."""

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """Return the decisions of several feeds, one after the other."""
        return cls(
            sample_index=np.concatenate([part.sample_index for part in parts]),
            frame_index=np.concatenate([part.frame_index for part in parts]),
            posteriors=np.concatenate([part.posteriors for part in parts]),
            smoothed=np.concatenate([part.smoothed for part in parts]),
        )

    def __repr__(self) -> str:
        decisions, labels = self.posteriors.shape
        return f"Scores({decisions} decisions over {labels} labels)"


class Pipeline:
    """The five stages of a bundle; holds the state between calls of :meth:`feed`.

    This is what the boards run, and no more: int16 at the bundle's rate, counted from the last reset.
    `kws.load` gives a spotter that takes what people have, and puts silence around recordings.

    Parameters
    ----------
    bundle : Bundle
    operating_point : int, optional
        Index into the bundle's operating points; the bundle's default when omitted.

    Raises
    ------
    BundleError
        If a section does not fit the core (the C reader trusts nothing).

    Examples
    --------
    >>> from kws.audio import read_audio
    >>> from kws.bundle import Bundle
    >>> pipeline = Pipeline(Bundle.load("models/speech_commands_12.kws"))
    >>> pipeline
    Pipeline('models/speech_commands_12.kws', 12 labels, operating point 1)
    """

    def __init__(self, bundle: Bundle, *, operating_point: int | None = None) -> None:
        self.bundle = bundle
        self.labels: tuple[str, ...] = tuple(bundle.labels)
        data, self._data_owner = aligned_copy(bundle.data)
        self._c_bundle = ffi.new("kws_bundle_t *")
        check(lib.kws_bundle_open(self._c_bundle, data, len(bundle.data)), "bundle")
        arena_bytes = lib.kws_pipeline_arena_bytes(self._c_bundle)
        check(arena_bytes, "bundle")
        self.arena_bytes = int(arena_bytes)
        """Memory the pipeline needs on any board, in bytes."""
        arena, self._arena_owner = aligned_new(self.arena_bytes)
        self._door = ffi.new("kws_door_t *")
        point = bundle.decision.default_operating_point if operating_point is None else operating_point
        self.operating_point = point
        """Index into the bundle's operating points."""
        status = lib.kws_door_init(self._door, self._c_bundle, point, arena, self.arena_bytes)
        if status == lib.KWS_ERROR_ARGUMENT or point < 0:
            raise KwsError(
                f"operating point {operating_point}: expected an index below "
                f"{self._door.pipeline.decision_config.num_operating_points} for this bundle"
            )
        check(status, "bundle")
        self._empty = np.empty((0, len(self.labels)), np.uint8)
        self.reset()

    def __repr__(self) -> str:
        return f"Pipeline({self.bundle.name!r}, {len(self.labels)} labels, operating point {self.operating_point})"

    def reset(self) -> None:
        """Forget all audio heard so far."""
        lib.kws_pipeline_reset(ffi.addressof(self._door, "pipeline"))
        self.scores = Scores(
            sample_index=np.empty(0, np.uint64),
            frame_index=np.empty(0, np.uint32),
            posteriors=self._empty,
            smoothed=self._empty,
        )
        """Decisions of the last :meth:`feed`."""
        self.frames: npt.NDArray[np.int8] = np.empty((0, self.num_features), np.int8)
        """Feature frames of the last :meth:`feed`, shape [frames, num_features]; none while the gate is closed."""

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the samples it is fed."""
        return int(self._door.pipeline.features_config.sample_rate_hz)

    @property
    def num_features(self) -> int:
        """Values per feature frame."""
        return int(self._door.pipeline.features_config.num_features)

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return int(self._door.pipeline.features_config.hop_samples)

    @property
    def gated_frames(self) -> int:
        """Frames since the last reset with the gate closed."""
        return int(self._door.pipeline.gated_frames)

    def feed(self, samples: npt.NDArray[np.int16]) -> list[Detection]:
        """Hear samples, in chunks of any size.

        Parameters
        ----------
        samples : int16 array, shape [n]
            16 kHz mono (the bundle's sample rate).

        Returns
        -------
        list of Detection
            In order of ``sample_index``, which counts from the last :meth:`reset`. Every decision's posteriors
            are in :attr:`scores`, every frame's features in :attr:`frames`.

        Raises
        ------
        AudioError
            If the samples are not a one-dimensional int16 array.
        """
        if not isinstance(samples, np.ndarray) or samples.dtype != np.int16 or samples.ndim != 1:
            array = np.asarray(samples)
            raise AudioError(
                f"samples: expected an int16 array of shape [n], got {array.dtype} of shape {list(array.shape)}; read "
                "files with kws.read_audio, or use kws.load(BUNDLE).feed, which takes floats, lists and other rates"
            )
        chunk = np.ascontiguousarray(samples)
        logs = self._attach_logs(chunk.size // self.hop_samples + 2)
        lib.kws_door_feed(self._door, ffi.from_buffer("int16_t[]", chunk), chunk.size)
        return self._collect(*logs)

    def skip(self, num_samples: int) -> None:
        """Tell that samples of the stream were lost: indices go on, and no frame that they touch is heard.

        The model goes on with the first whole frame behind them, as it does behind a silence that the gate cut out.

        Parameters
        ----------
        num_samples : int
        """
        lib.kws_pipeline_skip(ffi.addressof(self._door, "pipeline"), num_samples)

    def _attach_logs(self, rows: int) -> tuple[Any, ...]:
        """Give the door room for ``rows`` frames and decisions; a feed makes no more than one per hop plus one."""
        labels, door = len(self.labels), self._door
        samples, frames = np.empty(rows, np.uint64), np.empty(rows, np.uint32)
        posteriors, smoothed = np.empty((rows, labels), np.uint8), np.empty((rows, labels), np.uint8)
        features, events = np.empty((rows, self.num_features), np.int8), ffi.new("kws_event_t[]", rows)
        door.score_samples = ffi.from_buffer("uint64_t[]", samples)
        door.score_frames = ffi.from_buffer("uint32_t[]", frames)
        door.score_posteriors = ffi.from_buffer("uint8_t[]", posteriors)
        door.score_smoothed = ffi.from_buffer("uint8_t[]", smoothed)
        door.frames = ffi.from_buffer("int8_t[]", features)
        door.events = events
        door.score_capacity = door.frame_capacity = door.event_capacity = rows
        return samples, frames, posteriors, smoothed, features, events

    def _collect(
        self, samples: Any, frames: Any, posteriors: Any, smoothed: Any, features: Any, events: Any
    ) -> list[Detection]:
        n = self._door.num_scores
        self.scores = Scores(
            sample_index=samples[:n], frame_index=frames[:n], posteriors=posteriors[:n], smoothed=smoothed[:n]
        )
        self.frames = features[: self._door.num_frames]
        return [
            Detection(
                label=self.labels[event.label],
                label_index=int(event.label),
                sample_index=int(event.sample_index),
                score=int(event.score),
                sample_rate_hz=self.sample_rate_hz,
            )
            for event in events[0 : self._door.num_events]
        ]
