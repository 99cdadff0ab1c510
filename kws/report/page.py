# SPDX-License-Identifier: Apache-2.0
"""The HTML page of a replay: one file that loads nothing, with a list of recordings to search, see and hear."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws.errors import EvaluationError
from kws.evaluation.metrics import Proportion, Rate
from kws.files import StrPath
from kws.harness.baseline import Comparison
from kws.harness.result import ReplayResult
from kws.harness.verdict import Gate
from kws.report.figures import det_figure, latency_histogram
from kws.report.page_data import Entry, counted, page_data
from kws.report.replay_det import replay_det
from kws.version import VERSION

SCRIPTS = ("sound.js", "lanes.js", "plot.js", "recording.js")
"""What draws and plays a recording, in the order in which the page holds them."""


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
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("kws.report"), jinja2.PackageLoader("kws.report", package_path="assets")]
        ),
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


def embedded(data: Mapping[str, Any]) -> Any:
    """JSON to stand within a script element, which nothing in it can end."""
    return trusted(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))


def replay_page(
    result: ReplayResult,
    *,
    gates: Sequence[Gate] = (),
    comparison: Comparison | None = None,
    baseline: Entry | None = None,
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
    baseline : mapping, optional
        The baseline itself, to show what each recording was before.
    audio : bool
        Embed the sound of every mistake and of a few others; spectrograms are drawn from it.

    Returns
    -------
    str
        HTML.
    """
    latencies = result.spotting.latencies_ms
    confusion = confusion_cells(result.confusion, result.verdicts) if result.clips else None
    curve = replay_det(result)
    values = {
        "title": "Replay report",
        "subtitle": _subtitle(result),
        "tiles": _tiles(result),
        "gates": gates,
        "comparison": comparison,
        "confusion": confusion,
        "latency": trusted(latency_histogram(latencies)) if latencies else None,
        "stages": _stages(result),
        "det": trusted(det_figure(curve)) if curve else None,
        "data": embedded(page_data(result, audio=audio, baseline=baseline)),
        "scripts": (*SCRIPTS, "report.js"),
    }
    return render("replay.html.j2", values)


def write_page(path: StrPath, page: str) -> None:
    """Write a page; what a name holds that is no letter (bytes of another encoding) is written out.

    Raises
    ------
    EvaluationError
        If the file cannot be written.
    """
    try:
        Path(path).write_text(page, encoding="utf-8", errors="backslashreplace")
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
    note = f"{rate.count} in {rate.duration} ({low:.2f}–{high:.2f})"
    return Tile(name="False accepts per hour", value=f"{rate.per_hour:.2f}", note=note)


def _subtitle(result: ReplayResult) -> str:
    bundle, identity = result.bundle, result.identity
    clock = f" at {identity.clock_hz / 1e6:g} MHz" if identity.clock_hz else ""
    unheard = f" {counted(len(result.unheard), 'recording')} could not be heard." if result.unheard else ""
    return (
        f"{counted(len(result.outcomes), 'recording')} replayed to board {identity.board}{clock} ({identity.name}) "
        f"with {bundle.name} (CRC {bundle.crc32:08x}), operating point {bundle.operating_point}.{unheard} "
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
            "share": f"{stage.cycles / whole:.1%}" if whole else "",
        }
        for stage in result.stages
    ]
