# SPDX-License-Identifier: Apache-2.0
"""How a bundle listens to a recording: the one definition of the silence around it.

Every recording starts from reset, so that its result depends on nothing before it. A recording without truth windows
has silence around it. Before it: one window of the model, rounded up to whole decisions, so that the network is awake
from the first sample and one decision covers exactly the first window. After it: one second, the time within which an
event still counts. `kws replay`, `kws listen` and `kws.Spotter` all take it from here, and so hear the same. A machine
(`kws machine`) goes on before and after its recording, and silence would be its most unusual sound: it has none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws.audio import Samples
from kws.bundle import Bundle
from kws.decision import describe_point
from kws.errors import ConfigError, EvaluationError
from kws.evaluation.truth import HIT_TOLERANCE_S
from kws.features import Features
from kws.labels import SILENCE, role_of
from kws.model import Model

_LONGEST_CLIP_WINDOWS = 1.1
"""A clip of up to this many model windows has one decision as its verdict."""


@dataclass(frozen=True, kw_only=True)
class Listening:
    """What one must know of a bundle to stream recordings to it and to judge what it heard."""

    labels: tuple[str, ...]
    keywords: tuple[str, ...]
    """Labels that can fire at the chosen operating point."""
    thresholds: tuple[int, ...]
    """One per label at the chosen operating point; 0 never fires."""
    sample_rate_hz: int
    hop_samples: int
    window_samples: int
    """Audio that one decision sees."""
    decision_samples: int
    """Audio from one decision to the next."""
    refractory_frames: int
    """Frames after an event without another."""
    silence_around: bool = True
    """Whether silence is put around a recording: a word has it, a machine goes on."""

    @property
    def lead_samples(self) -> int:
        """Silence before a recording: at least one window, in whole decisions."""
        if not self.silence_around:
            return 0
        return -(-self.window_samples // self.decision_samples) * self.decision_samples

    @property
    def tail_samples(self) -> int:
        """Silence after a recording: as long as an event may take."""
        if not self.silence_around:
            return 0
        return round(HIT_TOLERANCE_S * self.sample_rate_hz)

    def is_long(self, num_samples: int) -> bool:
        """Whether a recording is too long for one decision to be the verdict on it as a clip."""
        return num_samples > _LONGEST_CLIP_WINDOWS * self.window_samples

    def judged_samples(self, num_samples: int) -> int:
        """Samples from a clip's start within which the last decision is its verdict: the clip, or the first window."""
        return max(num_samples, self.window_samples)

    @property
    def clip_samples(self) -> int:
        """Length of clips cut from noise: a second, as in Speech Commands; a window where that is more, or far less."""
        second = self.judged_samples(self.sample_rate_hz)
        return self.window_samples if self.is_long(second) else second

    def colour_index(self, label: str) -> int:
        """Number of a label's colour in figures: 0 and 1 for labels that never fire, from 2 on for keywords."""
        if label in self.keywords:
            return 2 + self.keywords.index(label)
        return 0 if role_of(label) == SILENCE else 1


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """Audio as it goes to the board."""

    samples: Samples
    start_sample: int
    """Where the recording starts in it."""
    num_samples: int
    """Length of the recording itself."""


def with_silence(samples: Samples, *, lead_samples: int, tail_samples: int) -> Streamed:
    """Put silence around a recording."""
    lead, tail = np.zeros(lead_samples, np.int16), np.zeros(tail_samples, np.int16)
    return Streamed(samples=np.concatenate([lead, samples, tail]), start_sample=lead_samples, num_samples=samples.size)


def listening_of(bundle: Bundle, operating_point: int | None = None) -> Listening:
    """Read from a bundle what streaming and judging need.

    Parameters
    ----------
    bundle : Bundle
    operating_point : int, optional
        Index; the bundle's default when omitted.

    Raises
    ------
    ConfigError
        If the bundle has no such operating point.
    EvaluationError
        If it listens to several axes; see `check_one_axis`.
    """
    check_one_axis(bundle)
    features, model = Features(bundle.front_end), Model(bundle)
    thresholds = bundle.decision.operating_points[operating_point_index(bundle, operating_point)].thresholds
    window_samples = (model.window_frames - 1) * features.hop_samples + features.window_samples
    return Listening(
        labels=bundle.labels,
        keywords=tuple(label for label, limit in zip(bundle.labels, thresholds, strict=True) if limit > 0),
        thresholds=thresholds,
        sample_rate_hz=features.sample_rate_hz,
        hop_samples=features.hop_samples,
        window_samples=window_samples,
        decision_samples=model.decision_frames * features.hop_samples,
        silence_around="machine" not in bundle.metadata,
        refractory_frames=bundle.decision.refractory_frames,
    )


def check_one_axis(bundle: Bundle) -> None:
    """Refuse a bundle that is fed several axes in turn (`kws.machine.signals`): averaged channels would mean nothing.

    Raises
    ------
    EvaluationError
    """
    stored = bundle.metadata.get("machine")
    if isinstance(stored, dict) and stored.get("axes") != 1:
        raise EvaluationError(
            f"{bundle.name}: listens to {stored.get('axes')} axes of a machine in turn; use `kws machine score`, which "
            "feeds them so, on a board too (--board)"
        )


def operating_point_index(bundle: Bundle, operating_point: int | None) -> int:
    """Index of an operating point, or of the bundle's default.

    Raises
    ------
    ConfigError
        If the bundle has no such operating point.
    """
    decision = bundle.decision
    index = decision.default_operating_point if operating_point is None else operating_point
    if not 0 <= index < len(decision.operating_points):
        raise ConfigError(
            f"operating point: expected 0 to {len(decision.operating_points) - 1} for this bundle and got {index}; "
            "see kws inspect"
        )
    return index


def describe_operating_point(bundle: Bundle, operating_point: int | None) -> str:
    """Index of an operating point and what it promises, such as ``1 (0.5 false accepts per hour)``."""
    index = operating_point_index(bundle, operating_point)
    return f"{index} ({describe_point(bundle.decision, bundle.metadata, index)})"
