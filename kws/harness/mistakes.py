# SPDX-License-Identifier: Apache-2.0
"""The mistakes of a replay, one sentence each."""

from __future__ import annotations

from kws.harness.replay import Outcome
from kws.harness.result import ReplayResult


def mistakes(result: ReplayResult) -> list[str]:
    """List what was heard wrongly, in the order of the recordings: what was expected, what came instead, and when."""
    rate_hz = result.listening.sample_rate_hz
    return [
        f"{outcome.recording.name}: {what}" for outcome in result.outcomes for what in mistakes_of(outcome, rate_hz)
    ]


def mistakes_of(outcome: Outcome, rate_hz: int) -> list[str]:
    """The same of one recording, without its name."""
    return [
        what if time_s is None else f"{what} at {time_s:.2f} s" for what, time_s in timed_mistakes(outcome, rate_hz)
    ]


def timed_mistakes(outcome: Outcome, rate_hz: int) -> list[tuple[str, float | None]]:
    """What was wrong in one recording, and when: seconds from its beginning, None for the whole of it."""
    matching, expected = outcome.matching, outcome.recording.expected

    def seconds(sample_index: int) -> float:
        return (sample_index - outcome.start_sample) / rate_hz

    found: list[tuple[str, float | None]] = []
    if outcome.correct is False:
        found.append((f"{expected} taken for {outcome.predicted}", None))
    if outcome.equals_host is False:
        found.append(("differs from the host library", None))
    if matching is None:
        return found
    for window in matching.misses:
        if expected is None:
            found.append((f"missed {window.label}", seconds(window.start_sample)))
        elif outcome.correct:
            found.append((f"taken for {expected}, but never above its threshold for an event", None))
        else:
            found[0] = (f"{found[0][0]}, and no event", None)
    found += [(f"false accept of {event.label}", seconds(event.sample_index)) for event in matching.false_accepts]
    found += [(f"wrong word {event.label}", seconds(event.sample_index)) for event in matching.wrong_words]
    return found
