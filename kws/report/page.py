# SPDX-License-Identifier: Apache-2.0
"""The HTML page of a replay: one file, no script, no external resource."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from kws.audio import Samples
from kws.errors import EvaluationError
from kws.evaluation.metrics import Proportion, Rate
from kws.files import StrPath
from kws.harness.baseline import Comparison
from kws.harness.replay import Outcome, surround
from kws.harness.result import ReplayResult
from kws.harness.verdict import Gate
from kws.report.figures import label_colour, latency_histogram, recording_figure, shown_labels
from kws.version import VERSION

MAX_WRONG_SHOWN = 24
MAX_RIGHT_SHOWN = 8
MAX_AUDIO_S = 10.0
"""Longer recordings are drawn but not embedded for listening."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One headline figure."""

    name: str
    value: str
    note: str
    mood: str = ""
    """``good``, ``bad`` or neither."""


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template of this package."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kws.report"),
        autoescape=jinja2.select_autoescape(["html", "j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        footer=f"Made by kws {VERSION}. Every figure comes from the run described above.", **values
    )


def trusted(markup: str) -> Any:
    """Mark SVG of `kws.report.figures` as markup; its own texts are escaped where they are made."""
    import markupsafe

    return markupsafe.Markup(markup)


def replay_page(
    result: ReplayResult,
    *,
    gates: Sequence[Gate] = (),
    comparison: Comparison | None = None,
    audio: bool = True,
) -> str:
    """Make the page of a replay.

    Parameters
    ----------
    result : ReplayResult
    gates : sequence of Gate
        Judged conditions on the whole.
    comparison : Comparison, optional
        With a baseline.
    audio : bool
        Embed the recordings that are drawn, for listening.

    Returns
    -------
    str
        HTML.
    """
    latencies = result.spotting.latencies_ms
    confusion = confusion_cells(result.confusion, result.verdicts) if result.clips else None
    values = {
        "title": "Replay report",
        "subtitle": _subtitle(result),
        "tiles": _tiles(result),
        "gates": gates,
        "comparison": comparison,
        "confusion": confusion,
        "latency": trusted(latency_histogram(latencies)) if latencies else None,
        "stages": _stages(result),
        "galleries": _galleries(result, audio),
        "rows": [_row(outcome, result.listening.sample_rate_hz) for outcome in result.outcomes],
    }
    return render("replay.html.j2", values)


def write_page(path: StrPath, page: str) -> None:
    """Write a page.

    Raises
    ------
    EvaluationError
        If the file cannot be written.
    """
    try:
        Path(path).write_text(page, encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}); check the folder") from error


def confusion_cells(matrix: NDArray[np.int64], labels: Sequence[str]) -> dict[str, Any]:
    """Prepare a confusion matrix for the template: rows without a clip are left out."""
    rows = []
    for index, counts in enumerate(matrix):
        total = int(counts.sum())
        if total == 0:
            continue
        cells = [
            {
                "count": int(count),
                "label": labels[column],
                "share": f"{count / total:.3f}",
                "tone": "var(--good)" if column == index else "var(--bad)",
                "css": "zero" if count == 0 else "strong" if count / total > 0.45 else "",
            }
            for column, count in enumerate(counts)
        ]
        rows.append({"label": labels[index], "cells": cells, "found": f"{counts[index] / total:.1%}"})
    return {"labels": labels, "rows": rows}


def proportion_tile(name: str, value: Proportion, mood: str = "") -> Tile:
    """Headline figure of a share, with its counts and interval."""
    low, high = value.interval
    note = f"{value.count} of {value.total} ({100 * low:.1f}–{100 * high:.1f})"
    return Tile(name=name, value=f"{100 * value.value:.1f} %", note=note, mood=mood)


def rate_tile(rate: Rate) -> Tile:
    """Headline figure of false accepts, with count, hours and interval."""
    low, high = rate.interval
    note = f"{rate.count} in {rate.hours:.2f} h ({low:.2f}–{high:.2f})"
    return Tile(name="False accepts per hour", value=f"{rate.per_hour:.2f}", note=note)


def _subtitle(result: ReplayResult) -> str:
    bundle, identity = result.bundle, result.identity
    clock = f" at {identity.clock_hz / 1e6:g} MHz" if identity.clock_hz else ""
    return (
        f"{len(result.outcomes)} recordings replayed to board {identity.board}{clock} ({identity.name}) with "
        f"{bundle.name} (CRC {bundle.crc32:08x}), operating point {bundle.operating_point}. "
        "In parentheses: 95 % intervals."
    )


def _tiles(result: ReplayResult) -> list[Tile]:
    tiles = []
    if result.accuracy is not None:
        tiles.append(proportion_tile("Accuracy", result.accuracy))
    if result.false_rejects is not None:
        missed = result.false_rejects
        spotted = Proportion(count=missed.total - missed.count, total=missed.total)
        tiles.append(proportion_tile("Keywords spotted", spotted))
    if result.alarmed_clips is not None:
        tiles.append(proportion_tile("Other clips with an event", result.alarmed_clips))
    if result.false_accepts is not None:
        tiles.append(rate_tile(result.false_accepts))
    latency = result.spotting.median_latency_ms
    if latency is not None:
        tiles.append(Tile(name="Median latency", value=f"{latency:.0f} ms", note="from the end of the word"))
    if result.equality is not None:
        equal = result.equality.count == result.equality.total
        value = "equal" if equal else f"{result.equality.total - result.equality.count} differ"
        note = f"bit for bit, {result.equality.total} recordings against the host library"
        tiles.append(Tile(name="Board and host", value=value, note=note, mood="good" if equal else "bad"))
    lost = result.dropped_samples
    note = f"{result.audio_s:.1f} s streamed, {result.audio_s / max(result.wall_s, 1e-9):.1f} x real time"
    tiles.append(Tile(name="Dropped samples", value=str(lost), note=note, mood="bad" if lost else "good"))
    return tiles


def _stages(result: ReplayResult) -> list[dict[str, str]]:
    whole = sum(stage.cycles for stage in result.stages)
    return [
        {
            "name": stage.stage,
            "mean": f"{stage.mean_cycles:,.0f}",
            "mean_us": f"{stage.mean_us:,.1f} µs",
            "per_second": f"{result.cycles_per_second(stage):,.0f}",
            "share": f"{stage.cycles / whole:.1%}",
        }
        for stage in result.stages
    ]


def _galleries(result: ReplayResult, audio: bool) -> list[dict[str, Any]]:
    wrong = [outcome for outcome in result.outcomes if outcome.is_wrong]
    right = [outcome for outcome in result.outcomes if not outcome.is_wrong]
    sample = [right[i] for i in np.linspace(0, len(right) - 1, min(MAX_RIGHT_SHOWN, len(right)), dtype=int)]
    galleries = []
    if wrong:
        note = f"{min(len(wrong), MAX_WRONG_SHOWN)} of {len(wrong)}: wrong label, missed keyword or false accept."
        items = [_item(outcome, result, audio) for outcome in wrong[:MAX_WRONG_SHOWN]]
        galleries.append({"title": "Mistakes", "note": note, "shown": items})
    if sample:
        note = f"{len(sample)} of {len(right)}, evenly chosen."
        items = [_item(outcome, result, audio) for outcome in sample]
        galleries.append({"title": "A sample of the rest", "note": note, "shown": items})
    return galleries


def _item(outcome: Outcome, result: ReplayResult, audio: bool) -> dict[str, Any]:
    recording, listening = outcome.recording, result.listening
    samples = recording.load(listening.sample_rate_hz)
    streamed = surround(recording, samples, listening).samples
    embed = audio and samples.size <= MAX_AUDIO_S * listening.sample_rate_hz
    return {
        "name": recording.name,
        "verdict": _verdict(outcome),
        "mood": "wrong" if outcome.is_wrong else "right",
        "audio": _data_uri(samples, listening.sample_rate_hz) if embed else None,
        "figure": trusted(recording_figure(outcome, streamed, listening)),
        "legend": [(label, label_colour(listening, index)) for index, label in shown_labels(outcome, listening.labels)],
    }


def _verdict(outcome: Outcome) -> str:
    parts = []
    if outcome.recording.expected is not None:
        parts.append(f"“{outcome.recording.expected}” heard as “{outcome.predicted}”")
    matching = outcome.matching
    if matching is not None:
        if matching.truth.windows:
            parts.append(f"{len(matching.hits)} of {len(matching.truth.windows)} keywords spotted")
        if matching.false_accepts:
            parts.append(_counted(len(matching.false_accepts), "false accept"))
        if matching.wrong_words:
            parts.append(_counted(len(matching.wrong_words), "wrong word"))
    return ", ".join(parts) or _counted(len(outcome.heard.events), "event")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _row(outcome: Outcome, sample_rate_hz: int) -> dict[str, str]:
    matching = outcome.matching
    latency = (
        ", ".join(f"{1000 * hit.latency_samples / sample_rate_hz:.0f} ms" for hit in matching.hits) if matching else ""
    )
    recording = outcome.recording
    words = [window.label for window in recording.windows or ()]
    return {
        "name": recording.name,
        "expected": recording.expected or ", ".join(words) or "",
        "heard": outcome.predicted or _verdict(outcome),
        "mood": "wrong" if outcome.is_wrong else "",
        "events": ", ".join(event.label for event in outcome.heard.events[:20]),
        "latency": latency,
    }


def _data_uri(samples: Samples, sample_rate_hz: int) -> str:
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate_hz, format="FLAC", subtype="PCM_16")
    return "data:audio/flac;base64," + base64.b64encode(file.getvalue()).decode("ascii")
