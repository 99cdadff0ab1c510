# SPDX-License-Identifier: Apache-2.0
"""Events against truth windows: hits, misses, repeats, wrong words and false accepts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kws.evaluation.truth import Truth, Window


class Event(Protocol):
    """What the evaluation needs of a `kws.pipeline.Detection`."""

    @property
    def label(self) -> str:
        """The word that was spotted."""

    @property
    def sample_index(self) -> int:
        """Samples heard when it fired."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A window and the first event that answered it."""

    window: Window
    event: Event

    @property
    def latency_samples(self) -> int:
        """From the end of the word to the event; negative when it fired before the word was over."""
        return self.event.sample_index - self.window.end_sample


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Every window and every event of one recording, each in exactly one place."""

    truth: Truth
    hits: tuple[Hit, ...]
    misses: tuple[Window, ...]
    false_accepts: tuple[Event, ...]
    """Outside every window; one burst counts once."""
    wrong_words: tuple[Event, ...]
    """Inside a window, of another label only: the spotter heard a word and took it for another."""
    repeats: tuple[Event, ...]
    """Extra events of a window already hit, or within 1 s of a counted event of the same label."""


def match_events(events: Sequence[Event], truth: Truth) -> Matching:
    """Sort events into hits, repeats, wrong words and false accepts.

    An event hits the first window of its label, not hit yet, with ``start <= sample_index <= end + 1 s``.
    Otherwise it is a repeat if that window was hit already, or if an event of the same label was counted less
    than 1 s before; a wrong word inside a window of another label; else a false accept.

    Parameters
    ----------
    events : sequence of Event
        In any order.
    truth : Truth
        Of the same recording.

    Returns
    -------
    Matching
        With ``hits`` and ``misses`` in order of the windows, events in order of time.

    Raises
    ------
    ValueError
        If an event lies beyond the end of the recording.
    """
    windows_around = _finder(truth)
    answered: dict[Window, Event] = {}
    counted_at: dict[str, int] = {}
    false_accepts, wrong_words, repeats = [], [], []
    for event in sorted(events, key=lambda event: event.sample_index):
        if event.sample_index > truth.num_samples:
            raise ValueError(f"event at sample {event.sample_index} of {truth.num_samples}: another recording's?")
        around = windows_around(event.sample_index)
        own = [window for window in around if window.label == event.label]
        fresh = [window for window in own if window not in answered]
        if fresh:
            answered[fresh[0]] = event
        elif own or _is_same_burst(event, counted_at, truth):
            repeats.append(event)
            continue
        elif around:
            wrong_words.append(event)
        else:
            false_accepts.append(event)
        counted_at[event.label] = event.sample_index
    return Matching(
        truth=truth,
        hits=tuple(Hit(window=w, event=answered[w]) for w in truth.windows if w in answered),
        misses=tuple(w for w in truth.windows if w not in answered),
        false_accepts=tuple(false_accepts),
        wrong_words=tuple(wrong_words),
        repeats=tuple(repeats),
    )


def _finder(truth: Truth) -> Callable[[int], list[Window]]:
    """Return a function from a sample to the windows, tolerance included, that hold it: quick for many windows."""
    windows = sorted(truth.windows, key=lambda window: window.start_sample)
    starts = [window.start_sample for window in windows]
    longest = max((window.end_sample - window.start_sample for window in windows), default=0)

    def around(sample: int) -> list[Window]:
        first = bisect_left(starts, sample - longest - truth.tolerance_samples)
        last = bisect_right(starts, sample)
        return [window for window in windows[first:last] if sample <= window.end_sample + truth.tolerance_samples]

    return around


def _is_same_burst(event: Event, counted_at: dict[str, int], truth: Truth) -> bool:
    last = counted_at.get(event.label)
    return last is not None and event.sample_index - last < truth.tolerance_samples
