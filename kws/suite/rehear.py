# SPDX-License-Identifier: Apache-2.0
"""Scores for pages: results on disk hold only the highest ones, and the host library hears the same, bit for bit.

A curve is only shown if what the host heard is, event for event and score for score, what the board had said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kws.bundle import Bundle
from kws.errors import note
from kws.harness.entry import entry_of
from kws.harness.listener import HostListener
from kws.harness.replay import Outcome, replay
from kws.harness.result import ReplayResult
from kws.phrases import counted, first_few
from kws.suite.suite import Suite

_HEARD = ("audio_crc32", "predicted", "events", "windows", "peaks")


def with_scores(
    suite: Suite, result: ReplayResult, *, on_heard: Callable[[int, int], None] = lambda done, total: None
) -> ReplayResult:
    """Return the result with the scores of every recording, heard again by the host library.

    Parameters
    ----------
    suite : Suite
    result : ReplayResult
        Of that suite.
    on_heard : callable
        Told how many are done, and of how many.
    """
    host = HostListener(Bundle.load(suite.bundle), suite.operating_point)
    outcomes: list[Outcome] = []
    others: list[str] = []
    for outcome in result.outcomes:
        (again,) = replay(host, [outcome.recording], result.listening)
        now, before = entry_of(again, result.listening), entry_of(outcome, result.listening)
        if all(now[key] == before[key] for key in _HEARD):
            heard = replace(outcome.heard, scores=again.heard.scores)
            outcome = replace(outcome, heard=heard, stored=None)
        else:
            others.append(outcome.recording.name)
        outcomes.append(outcome)
        on_heard(len(outcomes), len(result.outcomes))
    if others:
        note(
            f"{counted(len(others), 'recording')} ({first_few(others)}) sounded otherwise to {result.identity.board} "
            "than to this computer: no scores are drawn for them"
        )
    return replace(result, outcomes=tuple(outcomes))
