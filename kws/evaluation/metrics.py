# SPDX-License-Identifier: Apache-2.0
"""The figures a spotter is judged by, each with what it was measured on and its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws.errors import EvaluationError
from kws.evaluation.events import Event, Matching, match_events
from kws.evaluation.intervals import binomial_interval, poisson_interval
from kws.evaluation.truth import Truth

_SHORT_H = 0.1
"""Audio below it is told in seconds."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Events per hour."""

    count: int
    hours: float

    def __post_init__(self) -> None:
        if self.hours <= 0.0:
            raise EvaluationError(
                "a rate per hour needs audio outside the truth windows and there is none; add recordings "
                "without the keyword"
            )

    @property
    def per_hour(self) -> float:
        """The estimate."""
        return self.count / self.hours

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Poisson interval (Garwood), per hour."""
        low, high = poisson_interval(self.count)
        return low / self.hours, high / self.hours

    @property
    def duration(self) -> str:
        """The audio in words: hours, or seconds where hours would be all but nothing."""
        return f"{self.hours:.2f} h" if self.hours >= _SHORT_H else f"{3600 * self.hours:.1f} s"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        low, high = self.interval
        return {
            "value": round(self.per_hour, 4),
            "count": self.count,
            "hours": round(self.hours, 5),
            "interval_95": [round(low, 4), round(high, 4)],
        }

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.per_hour:.2f} /h ({self.count} in {self.duration}, 95 % {low:.2f}-{high:.2f})"


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """A share of instances, 0..1."""

    count: int
    total: int

    def __post_init__(self) -> None:
        if self.total < 1:
            raise EvaluationError("a share of nothing is not defined; add recordings with the keyword")

    @property
    def value(self) -> float:
        """The estimate."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval (Clopper-Pearson)."""
        return binomial_interval(self.count, self.total)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        low, high = self.interval
        return {
            "value": round(self.value, 6),
            "count": self.count,
            "total": self.total,
            "interval_95": [round(low, 6), round(high, 6)],
        }

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.1%} ({self.count} of {self.total}, 95 % {low:.1%}-{high:.1%})"


def false_accepts_per_hour(events: Sequence[Event], truth: Truth) -> Rate:
    """Rate of events outside every truth window.

    Parameters
    ----------
    events : sequence of Event
        What the spotter said; one burst (events of one label less than 1 s apart) counts once.
    truth : Truth
        Windows in samples; ``truth.negative_hours`` is the audio outside them.

    Returns
    -------
    Rate
        Events per hour with its 95 % Poisson interval.

    Raises
    ------
    ValueError
        If an event lies beyond the end of the recording.
    EvaluationError
        If no audio lies outside the windows.

    References
    ----------
    MLPerf Tiny streaming wake-word rules: hits count in [start, end + 1 s].
    """
    return Rate(count=len(match_events(events, truth).false_accepts), hours=truth.negative_hours)


def false_reject_rate(events: Sequence[Event], truth: Truth) -> Proportion:
    """Share of the spoken keywords that no event of their label answered in ``[start, end + 1 s]``.

    Raises
    ------
    ValueError
        If an event lies beyond the end of the recording.
    EvaluationError
        If the truth holds no keyword.
    """
    return Proportion(count=len(match_events(events, truth).misses), total=len(truth.windows))


@dataclass(frozen=True, kw_only=True)
class StreamScore:
    """The verdict over any number of recordings."""

    matchings: tuple[Matching, ...]

    @property
    def num_keywords(self) -> int:
        """Spoken keywords over all recordings."""
        return sum(len(matching.truth.windows) for matching in self.matchings)

    @property
    def num_hits(self) -> int:
        """Keywords that were spotted."""
        return sum(len(matching.hits) for matching in self.matchings)

    @property
    def num_wrong_words(self) -> int:
        """Words taken for another word."""
        return sum(len(matching.wrong_words) for matching in self.matchings)

    @property
    def false_rejects(self) -> Proportion:
        """Share of keywords that were missed; needs at least one keyword."""
        return Proportion(count=self.num_keywords - self.num_hits, total=self.num_keywords)

    @property
    def false_accepts(self) -> Rate:
        """False accepts per hour of audio outside the truth windows; needs some."""
        return Rate(
            count=sum(len(matching.false_accepts) for matching in self.matchings),
            hours=sum(matching.truth.negative_hours for matching in self.matchings),
        )

    @property
    def latencies_ms(self) -> tuple[float, ...]:
        """From the end of each spotted word to its event."""
        return tuple(
            1000.0 * hit.latency_samples / matching.truth.sample_rate_hz
            for matching in self.matchings
            for hit in matching.hits
        )

    @property
    def has_negative_audio(self) -> bool:
        """Whether there is any audio in which an event is a false accept."""
        return any(matching.truth.negative_samples > 0 for matching in self.matchings)

    @property
    def median_latency_ms(self) -> float | None:
        """None when nothing was spotted."""
        return float(np.median(self.latencies_ms)) if self.latencies_ms else None

    def latency_json(self) -> dict[str, Any] | None:
        """Median and 95 % quantile of the latency as plain JSON values; None when nothing was spotted."""
        latencies = self.latencies_ms
        if not latencies:
            return None
        median, high = np.percentile(latencies, [50, 95])
        return {"median": round(float(median), 1), "p95": round(float(high), 1), "events": len(latencies)}
