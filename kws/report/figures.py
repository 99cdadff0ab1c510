# SPDX-License-Identifier: Apache-2.0
"""The figures of the reports that need no script, as SVG: each drawn for wide pages and again for narrow ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from kws.evaluation.det import DetPoint
from kws.evaluation.metrics import Proportion, Rate
from kws.report import svg

WIDE, HALF, SMALL = 1060, 460, 320
"""Widths: a whole row of the page, half of one, and a telephone; drawn at its own width, text keeps its size."""
LEFT, MARGIN = 46, 14
_NUM_HUES = 10
_FIRST_HUE = 2
_NEAR_PX = 16
"""Marks closer than this share one number field, so that none is printed over another."""


@dataclass(frozen=True, kw_only=True)
class TradeOff:
    """One threshold, and what it costs in misses and in false accepts."""

    threshold: int
    misses: Proportion
    rate: Rate


def trade_offs(curve: Sequence[DetPoint]) -> list[TradeOff]:
    """Return a DET curve of the evaluation as figures take it."""
    return [
        TradeOff(threshold=point.threshold, misses=point.score.false_rejects, rate=point.score.false_accepts)
        for point in curve
    ]


def latency_histogram(latencies_ms: Sequence[float]) -> str:
    """How long after the end of the word events came, in bins of 20 ms (or more, at most 60 bins)."""
    return _both(HALF, lambda width: _latency(latencies_ms, width))


def det_figure(curve: Sequence[TradeOff], marks: Mapping[str, tuple[float, float]] | None = None) -> str:
    """Misses against false accepts per hour, both logarithmic, with numbered operating points and their legend.

    Parameters
    ----------
    curve : sequence of TradeOff
        At least one, in order of the threshold.
    marks : mapping, optional
        Name of an operating point -> (false accepts per hour, false-reject rate).
    """
    marks = marks or {}
    rows = [
        f"<li>{escape(name)}: {fa_per_hour:.2f} false accepts per hour, {miss_rate:.1%} missed</li>"
        for name, (fa_per_hour, miss_rate) in marks.items()
    ]
    legend = f'<ol class="marks">{"".join(rows)}</ol>' if rows else ""
    return _both(WIDE, lambda width: _det(curve, list(marks.values()), width)) + legend


def colour(index: int) -> str:
    """CSS colour of a label or curve."""
    return f"var(--hue-{hue_number(index)})"


def hue_number(index: int) -> int:
    """Number of the colour of a label: grey tones first, then hues that repeat."""
    return index if index < _FIRST_HUE else _FIRST_HUE + (index - _FIRST_HUE) % _NUM_HUES


def _both(width: int, draw: Callable[[int], str]) -> str:
    return f'<div class="on-wide">{draw(width)}</div><div class="on-narrow">{draw(SMALL)}</div>'


def _latency(latencies_ms: Sequence[float], width: int) -> str:
    low, high = min(0.0, min(latencies_ms)), max(200.0, max(latencies_ms))
    step = 20.0 * max(1, int(np.ceil((high - low) / 20.0 / 60)))
    edges = np.arange(np.floor(low / step) * step, high + step, step)
    counts, _ = np.histogram(latencies_ms, bins=edges)
    right = width - MARGIN
    x = svg.Axis(low=float(edges[0]), high=float(edges[-1]), low_px=LEFT, high_px=right)
    y = svg.Axis(low=0.0, high=float(counts.max()) * 1.08, low_px=190, high_px=40)
    bars = [
        svg.rectangle(x(a) + 1, y(n), x(b) - x(a) - 2, y(0) - y(n), "bar", f"{a:.0f} to {b:.0f} ms: {n}")
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    median = float(np.median(latencies_ms))
    y_ticks = [(value, f"{value:g}") for value in y.ticks(4) if value == int(value)]
    x_ticks = [(value, f"{value:g}") for value in x.ticks(width // 75)]
    on_left = x(median) > width / 2
    parts = [
        svg.left_axis(y, LEFT, right, y_ticks, "events"),
        *bars,
        svg.bottom_axis(x, 190, x_ticks, "ms from the end of the word"),
        svg.line(x(median), 8, x(median), 190, "median"),
        svg.text(
            x(median) + (-5 if on_left else 5), 16, f"median {median:.0f} ms", "label end" if on_left else "label"
        ),
    ]
    return svg.figure(width, 230, parts, f"Latency histogram, median {median:.0f} ms")


def _det(curve: Sequence[TradeOff], marks: Sequence[tuple[float, float]], width: int) -> str:
    hours, right = curve[0].rate.hours, width - MARGIN
    floor_fa, floor_fr = 0.5 / hours, 0.002
    x = svg.Axis(low=floor_fa, high=max(10.0, 40.0 / hours), low_px=LEFT, high_px=right, logarithmic=True)
    y = svg.Axis(low=floor_fr, high=1.0, low_px=300, high_px=28, logarithmic=True)
    x_ticks = _spaced([(x(value), (value, f"{value:g}")) for value in x.ticks()], 38)
    y_ticks = [(value, f"{100 * value:g} %") for value in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)]
    pixels = [
        (x(point.rate.per_hour or floor_fa), y(point.misses.value or floor_fr))
        for point in curve
        if point.rate.per_hour <= x.high
    ]
    parts = [
        svg.left_axis(y, LEFT, right, y_ticks, "keywords missed"),
        svg.bottom_axis(x, 300, x_ticks, f"false accepts per hour ({hours:.2f} h of audio)"),
        svg.polyline(pixels, "curve", f"stroke:{colour(_FIRST_HUE)}"),
        *_numbered([(x(fa or floor_fa), y(fr or floor_fr)) for fa, fr in marks], right),
    ]
    return svg.figure(width, 340, parts, "DET curve: keywords missed against false accepts per hour")


def _spaced(ticks: Sequence[tuple[float, tuple[float, str]]], gap_px: float) -> list[tuple[float, str]]:
    kept: list[tuple[float, tuple[float, str]]] = []
    for tick in ticks:
        if not kept or tick[0] - kept[-1][0] >= gap_px:
            kept.append(tick)
    return [tick for _, tick in kept]


def _numbered(places: Sequence[tuple[float, float]], right: float) -> list[str]:
    """Dots with their numbers; those that lie on each other have one text."""
    groups: list[tuple[float, float, list[int]]] = []
    for number, (px, py) in enumerate(places, 1):
        near = next((group for group in groups if max(abs(group[0] - px), abs(group[1] - py)) < _NEAR_PX), None)
        if near is None:
            groups.append((px, py, [number]))
        else:
            near[2].append(number)
    parts = [svg.circle(px, py, 5, "mark") for px, py in places]
    for px, py, numbers in groups:
        text, at_edge = ", ".join(map(str, numbers)), px > right - 40
        parts.append(svg.text(px + (-9 if at_edge else 9), py - 7, text, "label strong" + (" end" if at_edge else "")))
    return parts
