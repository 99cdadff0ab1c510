# SPDX-License-Identifier: Apache-2.0
"""Thresholds for a wanted rate of false accepts, chosen on negative audio.

What a chosen threshold may promise is said in `kws.evaluation.calibration`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws.errors import EvaluationError
from kws.evaluation.det import ALL_THRESHOLDS, det_curve, score_tracks
from kws.evaluation.metrics import Rate, StreamScore
from kws.evaluation.tracks import ScoreTrack

LOWEST_THRESHOLD = 64
"""Never choose less than this (0.25), however quiet the negative audio was: it would fire on the next noise."""
TAIL_MOMENTS = 20
"""How many of the loudest moments an estimate rests on; the scale it finds is good to 1 / sqrt(20), 22 %."""
RULE_OF_THREE = -math.log(0.05)
"""No event in n hours bounds the rate below 3 / n per hour with 95 % confidence."""
NO_AUDIO = "no audio without the keyword, and so nothing to choose a threshold on; add some"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Chosen thresholds and what they were chosen on."""

    thresholds: tuple[int, ...]
    """One per label; 0 for labels that never fire."""
    wanted_fa_per_hour: float
    score: StreamScore
    """Score of all keywords together at these thresholds, on the audio they were chosen on."""

    @property
    def false_accepts(self) -> Rate:
        """Measured on the audio the thresholds were chosen on."""
        return self.score.false_accepts


def hours_needed(fa_per_hour: float) -> float:
    """Hours of negative audio that can support a rate: with less, even silence proves nothing (rule of three).

    Raises
    ------
    ValueError
        If the rate is not positive.
    """
    if not fa_per_hour > 0.0:
        raise ValueError(f"false accepts per hour: expected > 0 and got {fa_per_hour}")
    return RULE_OF_THREE / fa_per_hour


def calibrate(
    tracks: Sequence[ScoreTrack],
    keywords: Sequence[str],
    refractory_frames: int,
    *,
    fa_per_hour: float,
    lowest_threshold: int = LOWEST_THRESHOLD,
) -> Calibration:
    """Choose a threshold per keyword so that all keywords together stay within a rate of false accepts.

    Each word starts at its lowest threshold without a false accept; then the false accepts that the rate allows
    are spent one by one where they lower a threshold most.

    Parameters
    ----------
    tracks : sequence of ScoreTrack
        Recordings with much audio outside their truth windows (no windows at all is best).
    keywords : sequence of str
        Labels that may fire.
    refractory_frames : int
        Of the bundle's decision settings.
    fa_per_hour : float
        The rate to stay within, for all keywords together.
    lowest_threshold : int
        No threshold is chosen below this.

    Returns
    -------
    Calibration
        Thresholds, and the rate they have on this audio with its interval.

    Raises
    ------
    EvaluationError
        If there is no negative audio, or the keywords exceed the rate at every threshold.
    """
    hours = sum(track.truth.negative_hours for track in tracks)
    if not hours > 0.0:
        raise EvaluationError(NO_AUDIO)
    allowed = math.floor(fa_per_hour * hours)
    limits = {
        keyword: _lowest_within(tracks, keyword, refractory_frames, allowed, lowest_threshold) for keyword in keywords
    }
    # Words alone add up to a little more or less than words together, which share the refractory time: spend less
    # until the whole keeps the rate.
    for budget in range(allowed, -1, -1):
        chosen = _spend(limits, budget)
        thresholds = tuple(chosen.get(label, 0) for label in tracks[0].labels)
        score = score_tracks(tracks, thresholds, refractory_frames)
        if score.false_accepts.count <= allowed:
            return Calibration(thresholds=thresholds, wanted_fa_per_hour=fa_per_hour, score=score)
    raise EvaluationError(
        f"{fa_per_hour} false accepts per hour are out of reach: {score.false_accepts} even at the highest "
        "thresholds; train with these recordings as negatives, or ask for a higher rate"
    )


def estimate(
    tracks: Sequence[ScoreTrack], keywords: Sequence[str], refractory_frames: int, *, fa_per_hour: float
) -> tuple[int, ...]:
    """Estimate thresholds for a rate that the audio is too short to show; no promise.

    Peaks over threshold: the log odds of the loudest moments lie above those of the one after them as an exponential
    distribution does, and its scale says how far above lie moments that are rarer than the audio is long.

    Parameters
    ----------
    tracks : sequence of ScoreTrack
        Recordings in which no keyword is said.
    keywords : sequence of str
        Labels that may fire; each gets the same share of the rate.
    refractory_frames : int
        Of the bundle's decision settings: moments are at least so far apart.
    fa_per_hour : float
        For all keywords together.

    Returns
    -------
    tuple of int
        One threshold per label, `LOWEST_THRESHOLD` to 255; 0 for labels that never fire.

    Raises
    ------
    EvaluationError
        If there is no audio.

    References
    ----------
    S. Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001, chapter 4 (with shape 0).
    """
    hours = sum(track.truth.negative_hours for track in tracks)
    if not hours > 0.0:
        raise EvaluationError(NO_AUDIO)
    share = fa_per_hour / len(keywords)
    return tuple(
        _beyond(_loudest_moments(tracks, index, refractory_frames), hours * share) if label in keywords else 0
        for index, label in enumerate(tracks[0].labels)
    )


def _beyond(moments: NDArray[np.float64], events: float) -> int:
    """Threshold that so many moments of the same audio, less than one perhaps, would be expected to reach."""
    if len(moments) < 2:
        return ALL_THRESHOLDS[-1]
    odds = np.log((moments + 0.5) / (255.5 - moments))
    scale = float(np.mean(odds[:-1] - odds[-1]))
    wanted = odds[-1] + scale * math.log((len(moments) - 1) / events)
    threshold = math.ceil(255.0 / (1.0 + math.exp(-wanted)))
    heard = int(moments[min(int(events), len(moments) - 1)]) + 1  # what the audio itself shows is no matter of opinion
    return min(max(threshold, heard, LOWEST_THRESHOLD), ALL_THRESHOLDS[-1])


def _loudest_moments(tracks: Sequence[ScoreTrack], label: int, refractory_frames: int) -> NDArray[np.float64]:
    """The `TAIL_MOMENTS` + 1 highest scores of a label, refractory time apart, highest first."""
    found: list[int] = []
    for track in tracks:
        scores, frames = track.scores.smoothed[:, label], track.scores.frame_index.astype(np.int64)
        times: list[int] = []
        for decision in np.argsort(-scores.astype(np.int64), kind="stable"):
            if len(times) > TAIL_MOMENTS:
                break
            if all(abs(frames[decision] - time) > refractory_frames for time in times):
                times.append(int(frames[decision]))
                found.append(int(scores[decision]))
    return np.array(sorted(found, reverse=True)[: TAIL_MOMENTS + 1], dtype=np.float64)


def _lowest_within(
    tracks: Sequence[ScoreTrack], keyword: str, refractory_frames: int, allowed: int, lowest_threshold: int
) -> list[int]:
    """Element n: the lowest threshold from which on the keyword has at most n false accepts."""
    alone = [track.only(keyword) for track in tracks]
    lowest = [ALL_THRESHOLDS[-1]] * (allowed + 1)
    worst = 0
    for threshold in range(ALL_THRESHOLDS[-1], lowest_threshold - 1, -1):
        (point,) = det_curve(alone, [keyword], refractory_frames, thresholds=[threshold])
        worst = max(worst, point.score.false_accepts.count)
        if worst > allowed:
            break
        lowest[worst:] = [threshold] * (allowed + 1 - worst)
    return lowest


def _spend(limits: Mapping[str, Sequence[int]], allowed: int) -> dict[str, int]:
    """Give out ``allowed`` false accepts over the keywords, each time to the steepest fall of a threshold."""
    spent = dict.fromkeys(limits, 0)
    left = allowed
    while left > 0:
        falls = [
            ((limits[word][spent[word]] - limits[word][spent[word] + cost]) / cost, -cost, word)
            for word in limits
            for cost in range(1, left + 1)
            if spent[word] + cost <= allowed
        ]
        fall, negative_cost, word = max(falls, default=(0.0, 0, ""))
        if fall <= 0.0:
            break
        spent[word] -= negative_cost
        left += negative_cost
    return {word: limits[word][spent[word]] for word in limits}
