# SPDX-License-Identifier: Apache-2.0
"""What was said and when: truth windows in samples (`kws.evaluation.truth_files` reads them)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kws.audio import SAMPLE_RATE_HZ
from kws.errors import EvaluationError

HIT_TOLERANCE_S = 1.0
"""A hit may come this long after the end of the word (MLPerf Tiny's streaming rule); end + 1 s still hits."""
END_SLACK_S = 0.02
"""Truth may reach this far beyond a recording: times are rounded, and resampling moves the end a little."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """One spoken keyword: samples ``start_sample`` to ``end_sample`` of a recording."""

    label: str
    start_sample: int
    end_sample: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_sample <= self.end_sample:
            raise EvaluationError(
                f"truth window for {self.label!r}: expected 0 <= start <= end and got {self.start_sample} to "
                f"{self.end_sample} samples; correct the truth file"
            )


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Everything said in one recording that was streamed to a spotter."""

    num_samples: int
    """Length of what was streamed, padding included."""
    windows: tuple[Window, ...] = ()
    sample_rate_hz: int = SAMPLE_RATE_HZ
    tolerance_samples: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance_samples", round(HIT_TOLERANCE_S * self.sample_rate_hz))
        for window in self.windows:
            if window.end_sample > self.num_samples:
                raise EvaluationError(
                    f"truth window for {window.label!r} ends at sample {window.end_sample}, expected at most "
                    f"{self.num_samples} (the recording's length); is this the truth of another recording?"
                )

    @property
    def negative_samples(self) -> int:
        """Samples outside every ``[start, end + 1 s]``: where an event is a false accept."""
        covered, reached = 0, 0
        for window in sorted(self.windows, key=lambda window: window.start_sample):
            end = min(window.end_sample + self.tolerance_samples, self.num_samples)
            covered += max(0, end - max(reached, window.start_sample))
            reached = max(reached, end)
        return self.num_samples - covered

    @property
    def negative_hours(self) -> float:
        """Hours of audio outside every truth window."""
        return self.negative_samples / self.sample_rate_hz / 3600.0


def within(windows: Sequence[Window], num_samples: int, *, name: str, sample_rate_hz: int) -> tuple[Window, ...]:
    """Hold truth windows against the recording they are of.

    An end that lies at most 20 ms behind the recording's, as rounded times do, is moved to it.

    Parameters
    ----------
    windows : sequence of Window
    num_samples : int
        Length of the recording, at ``sample_rate_hz`` as the windows.
    name : str
        Of the recording, for messages.
    sample_rate_hz : int

    Returns
    -------
    tuple of Window

    Raises
    ------
    EvaluationError
        If a window reaches beyond the recording.
    """
    last = max((window.end_sample for window in windows), default=0)
    if last > num_samples + round(END_SLACK_S * sample_rate_hz) or any(w.start_sample >= num_samples for w in windows):
        raise EvaluationError(
            f"{name}: its truth reaches to {last / sample_rate_hz:g} s and the recording ends at "
            f"{num_samples / sample_rate_hz:g} s; is this the truth of another recording?"
        )
    return tuple(replace(window, end_sample=min(window.end_sample, num_samples)) for window in windows)
