# SPDX-License-Identifier: Apache-2.0
"""The HTML page of an evaluation: one file, no script, no external resource."""

from __future__ import annotations

from kws.evaluation.summary import Evaluation, PointVerdict
from kws.report.figures import det_figure, latency_histogram, trade_offs
from kws.report.page import Tile, confusion_cells, proportion_tile, rate_tile, render, trusted


def evaluation_page(evaluation: Evaluation, heard: str, *, default_point: int = 0) -> str:
    """Make the page of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
    heard : str
        What was listened to, for the subtitle.
    default_point : int
        The operating point of the headline figures.
    """
    chosen = evaluation.points[default_point].score if evaluation.points else None
    latencies = chosen.latencies_ms if chosen is not None else ()
    clips = evaluation.clips
    marks = {
        verdict.name: (verdict.score.false_accepts.per_hour, verdict.score.false_rejects.value)
        for verdict in evaluation.points
        if evaluation.curve and verdict.score.num_keywords and verdict.score.has_negative_audio
    }
    values = {
        "title": "Evaluation",
        "subtitle": f"{evaluation.bundle_name} (CRC {evaluation.bundle_crc32:08x}) on {heard}. "
        "In parentheses: 95 % intervals.",
        "tiles": _tiles(evaluation, default_point),
        "det": trusted(det_figure(trade_offs(evaluation.curve), marks)) if evaluation.curve else None,
        "points": [_point(verdict) for verdict in evaluation.points],
        "confusion": None if clips is None else confusion_cells(clips.confusion, clips.labels),
        "latency": trusted(latency_histogram(latencies)) if latencies else None,
    }
    return render("evaluation.html.j2", values)


def _tiles(evaluation: Evaluation, default_point: int) -> list[Tile]:
    tiles = []
    if evaluation.clips is not None:
        tiles.append(proportion_tile("Clip accuracy", evaluation.clips.accuracy))
    if evaluation.points:
        score = evaluation.points[default_point].score
        if score.num_keywords:
            tiles.append(proportion_tile("Keywords missed", score.false_rejects))
        if score.has_negative_audio:
            tiles.append(rate_tile(score.false_accepts))
        if score.median_latency_ms is not None:
            value = f"{score.median_latency_ms:.0f} ms"
            tiles.append(Tile(name="Median latency", value=value, note="from the end of the word"))
    return tiles


def _point(verdict: PointVerdict) -> dict[str, str]:
    score = verdict.score
    row = {"name": verdict.name, "wrong_words": str(score.num_wrong_words)}
    if score.num_keywords:
        low, high = score.false_rejects.interval
        row |= {"missed": f"{score.false_rejects.value:.1%}", "missed_interval": f"{low:.1%} – {high:.1%}"}
    if score.has_negative_audio:
        low, high = score.false_accepts.interval
        row |= {"rate": f"{score.false_accepts.per_hour:.2f}", "rate_interval": f"{low:.2f} – {high:.2f}"}
    if score.median_latency_ms is not None:
        row["latency"] = f"{score.median_latency_ms:.0f} ms"
    return row
