# SPDX-License-Identifier: Apache-2.0
"""The DET curve of a replay: the detector of the boards run again over what the board said, at other thresholds."""

from __future__ import annotations

from kws.evaluation.events import match_events
from kws.evaluation.metrics import StreamScore
from kws.evaluation.tracks import ScoreTrack, detect
from kws.harness.result import ReplayResult
from kws.report.figures import TradeOff

THRESHOLDS = tuple(range(7, 256, 8))
"""Tried on all keywords alike; the last is 255."""
LEAST_HOURS = 0.05
"""In less audio without keywords, one false accept is more than 20 an hour: no curve is drawn."""


def replay_det(result: ReplayResult) -> list[TradeOff]:
    """Misses over everything that has a truth, against false accepts in streams.

    Parameters
    ----------
    result : ReplayResult

    Returns
    -------
    list of TradeOff
        One per threshold of ``THRESHOLDS``; empty if there is no keyword to miss, less than ``LEAST_HOURS`` of
        streams without one, or if the replay was resumed.
    """
    if result.false_rejects is None or result.false_accepts is None or result.false_accepts.hours < LEAST_HOURS:
        return []
    if any(outcome.stored is not None for outcome in result.outcomes):
        return []  # of a replay that was resumed, the first part has no scores to try thresholds on
    listening = result.listening
    tracks = []
    for outcome in result.outcomes:
        if outcome.matching is not None and (outcome.recording.windows is not None or outcome.matching.truth.windows):
            track = ScoreTrack(
                name=outcome.recording.name,
                labels=listening.labels,
                scores=outcome.heard.scores,
                truth=outcome.matching.truth,
            )
            tracks.append((track, outcome.recording.windows is not None))
    curve = []
    for threshold in THRESHOLDS:
        row = [threshold if label in listening.keywords else 0 for label in listening.labels]
        judged = [
            (match_events(detect(track, row, listening.refractory_frames), track.truth), is_stream)
            for track, is_stream in tracks
        ]
        everything = StreamScore(matchings=tuple(matching for matching, _ in judged))
        streams = StreamScore(matchings=tuple(matching for matching, is_stream in judged if is_stream))
        curve.append(TradeOff(threshold=threshold, misses=everything.false_rejects, rate=streams.false_accepts))
    return curve
