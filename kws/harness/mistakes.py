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
    matching, expected = outcome.matching, outcome.recording.expected

    def at(sample_index: int) -> str:
        return f"at {(sample_index - outcome.start_sample) / rate_hz:.2f} s"

    found = []
    if outcome.correct is False:
        found.append(f"{expected} taken for {outcome.predicted}")
    if matching is None:
        return found
    for window in matching.misses:
        if expected is None:
            found.append(f"missed {window.label} {at(window.start_sample)}")
        elif outcome.correct:
            found.append(f"taken for {expected}, but never above its threshold for an event")
        else:
            found[0] += ", and no event"
    found += [f"false accept of {event.label} {at(event.sample_index)}" for event in matching.false_accepts]
    found += [f"wrong word {event.label} {at(event.sample_index)}" for event in matching.wrong_words]
    if outcome.equals_host is False:
        found.append("differs from the host library")
    return found
