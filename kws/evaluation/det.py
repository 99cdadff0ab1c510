# SPDX-License-Identifier: Apache-2.0
"""The DET curve: misses against false accepts per hour as the threshold moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kws.evaluation.events import match_events
from kws.evaluation.metrics import StreamScore
from kws.evaluation.tracks import ScoreTrack, detect

ALL_THRESHOLDS = tuple(range(1, 256))


@dataclass(frozen=True, kw_only=True)
class DetPoint:
    """The verdict at one threshold."""

    threshold: int
    score: StreamScore


def score_tracks(tracks: Sequence[ScoreTrack], thresholds: Sequence[int], refractory_frames: int) -> StreamScore:
    """Judge recordings at given thresholds, one per label (0 never fires)."""
    return StreamScore(
        matchings=tuple(match_events(detect(track, thresholds, refractory_frames), track.truth) for track in tracks)
    )


def det_curve(
    tracks: Sequence[ScoreTrack],
    keywords: Sequence[str],
    refractory_frames: int,
    *,
    thresholds: Sequence[int] = ALL_THRESHOLDS,
) -> tuple[DetPoint, ...]:
    """Re-run the detector at each threshold, the same for all given keywords; other labels never fire.

    Parameters
    ----------
    tracks : sequence of ScoreTrack
        Of one bundle. For the curve of one word among several, give ``track.only(word)``.
    keywords : sequence of str
        Labels that may fire.
    refractory_frames : int
        Of the bundle's decision settings.
    thresholds : sequence of int
        In the order wanted.

    Returns
    -------
    tuple of DetPoint
        One per threshold, in the order given.

    Raises
    ------
    ValueError
        If a keyword is no label of the tracks.
    """
    labels = tracks[0].labels
    unknown = sorted(set(keywords) - set(labels))
    if unknown:
        raise ValueError(f"keywords {unknown} are not among the labels {list(labels)}")
    points = []
    for threshold in thresholds:
        row = [threshold if label in keywords else 0 for label in labels]
        points.append(DetPoint(threshold=threshold, score=score_tracks(tracks, row, refractory_frames)))
    return tuple(points)
