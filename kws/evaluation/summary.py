# SPDX-License-Identifier: Apache-2.0
"""A whole evaluation: clips, streams at each operating point, the DET curve; and its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.bundle import Bundle
from kws.decision import OperatingPoint
from kws.errors import EvaluationError
from kws.evaluation.clips import ClipScore
from kws.evaluation.det import DetPoint, det_curve, score_tracks
from kws.evaluation.metrics import StreamScore
from kws.evaluation.run import keywords_of
from kws.evaluation.tracks import ScoreTrack
from kws.files import StrPath
from kws.version import VERSION

FORMAT = "kws-evaluation-1"


@dataclass(frozen=True, kw_only=True)
class PointVerdict:
    """Streams judged at one operating point of the bundle."""

    index: int
    point: OperatingPoint
    score: StreamScore

    @property
    def name(self) -> str:
        """Short name for tables and figures."""
        rate = self.point.false_accepts_per_hour
        return f"point {self.index}" + ("" if rate is None else f" ({rate:g} FA/h)")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything an evaluation found out."""

    bundle_name: str
    bundle_crc32: int
    keywords: tuple[str, ...]
    clips: ClipScore | None
    points: tuple[PointVerdict, ...]
    """Empty without streams."""
    curve: tuple[DetPoint, ...]
    """Empty without keywords or without negative audio."""

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return {
            "format": FORMAT,
            "kws_version": VERSION,
            "bundle": {"name": self.bundle_name, "crc32": f"{self.bundle_crc32:08x}"},
            "clips": None if self.clips is None else _clips(self.clips),
            "operating_points": [_point(verdict) for verdict in self.points],
            "det": [
                {
                    "threshold": point.threshold,
                    "false_reject_rate": round(point.score.false_rejects.value, 6),
                    "false_accepts_per_hour": round(point.score.false_accepts.per_hour, 4),
                }
                for point in self.curve
            ],
        }

    def write_json(self, path: StrPath) -> None:
        """Write `to_json` to a file.

        Raises
        ------
        EvaluationError
            If the file cannot be written.
        """
        try:
            Path(path).write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise EvaluationError(f"{path}: cannot be written ({error.strerror}); check the folder") from error


def judge(
    bundle: Bundle, clips: ClipScore | None, tracks: Mapping[tuple[str, ...], Sequence[ScoreTrack]]
) -> Evaluation:
    """Judge what the model said: streams at every operating point of the bundle, and along the DET curve.

    Parameters
    ----------
    bundle : Bundle
    clips : ClipScore, optional
    tracks : mapping of tuple of str to sequence of ScoreTrack
        The recordings as heard with these labels for words; see `kws.evaluation.run.points_by_keywords`.
    """
    decision, keywords = bundle.decision, keywords_of(bundle)
    points = tuple(
        PointVerdict(
            index=index,
            point=point,
            score=score_tracks(tracks[keywords_of(bundle, index)], point.thresholds, decision.refractory_frames),
        )
        for index, point in enumerate(decision.operating_points)
        if tracks[keywords]
    )
    default = points[decision.default_operating_point].score if points else None
    has_curve = default is not None and default.num_keywords > 0 and default.has_negative_audio
    return Evaluation(
        bundle_name=Path(bundle.name).name,
        bundle_crc32=bundle.crc32,
        keywords=keywords,
        clips=clips,
        points=points,
        curve=det_curve(tracks[keywords], keywords, decision.refractory_frames) if has_curve else (),
    )


def _clips(score: ClipScore) -> dict[str, Any]:
    return {
        "accuracy": score.accuracy.to_json(),
        "labels": list(score.labels),
        "confusion": score.confusion.tolist(),
    }


def _point(verdict: PointVerdict) -> dict[str, Any]:
    score = verdict.score
    return {
        "index": verdict.index,
        "thresholds": list(verdict.point.thresholds),
        "promised_false_accepts_per_hour": verdict.point.false_accepts_per_hour,
        "false_reject_rate": score.false_rejects.to_json() if score.num_keywords else None,
        "false_accepts_per_hour": score.false_accepts.to_json() if score.has_negative_audio else None,
        "wrong_words": score.num_wrong_words,
        "latency_ms": score.latency_json(),
        "recordings": [
            {
                "keywords": len(matching.truth.windows),
                "hits": len(matching.hits),
                "false_accepts": len(matching.false_accepts),
                "wrong_words": len(matching.wrong_words),
                "hours": round(matching.truth.num_samples / matching.truth.sample_rate_hz / 3600.0, 5),
            }
            for matching in score.matchings
        ],
    }
