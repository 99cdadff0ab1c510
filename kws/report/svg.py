# SPDX-License-Identifier: Apache-2.0
"""Just enough SVG for the figures of a report: a plot area with axes, and marks in data coordinates.

Colours and fonts are classes and variables of the page's style sheet; nothing here knows light from dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, kw_only=True)
class Axis:
    """From data values to pixels."""

    low: float
    high: float
    low_px: float
    high_px: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Pixel of a value; values outside are clamped to the ends."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        value = self._scaled(min(max(value, self.low), self.high))
        return self.low_px + (value - low) / (high - low) * (self.high_px - self.low_px)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value

    def ticks(self, count: int = 6) -> list[float]:
        """Round values along the axis: about ``count``, or 1-2-5 per decade on a logarithmic one."""
        if self.logarithmic:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            wide = len(decades) > 4
            values = [step * 10.0**decade for decade in decades for step in ((1,) if wide else (1, 2, 5))]
        else:
            raw = (self.high - self.low) / count
            magnitude = 10.0 ** math.floor(math.log10(raw))
            step = next(s * magnitude for s in (1, 2, 5, 10) if s * magnitude >= raw)
            first = math.ceil(self.low / step)
            values = [index * step for index in range(first, math.floor(self.high / step) + 1)]
        return [value for value in values if self.low * 0.999999 <= value <= self.high * 1.000001 or value == 0]


def polyline(points: Iterable[tuple[float, float]], css: str, style: str = "") -> str:
    """Open line through pixel positions."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{css}" style="{style}" points="{path}"/>'


def line(x1: float, y1: float, x2: float, y2: float, css: str, style: str = "") -> str:
    """Straight line."""
    return f'<line class="{css}" style="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def rectangle(x: float, y: float, width: float, height: float, css: str, title: str = "") -> str:
    """Box, with a tooltip if it has a title."""
    tip = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect class="{css}" x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" '
        f'height="{max(0.0, height):.1f}">{tip}</rect>'
    )


def circle(x: float, y: float, radius: float, css: str, title: str = "", style: str = "") -> str:
    """Dot, with a tooltip if it has a title."""
    tip = f"<title>{escape(title)}</title>" if title else ""
    return f'<circle class="{css}" style="{style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">{tip}</circle>'


def text(x: float, y: float, content: str, css: str, style: str = "") -> str:
    """One line of text; the class says size and anchor."""
    return f'<text class="{css}" style="{style}" x="{x:.1f}" y="{y:.1f}">{escape(content)}</text>'


def bottom_axis(axis: Axis, y: float, labels: Sequence[tuple[float, str]], title: str) -> str:
    """Tick labels below ``y`` and the axis' title."""
    parts = [line(axis.low_px, y, axis.high_px, y, "axis")]
    for value, label in labels:
        parts.append(line(axis(value), y, axis(value), y + 4, "axis"))
        parts.append(text(axis(value), y + 16, label, "tick middle"))
    parts.append(text((axis.low_px + axis.high_px) / 2, y + 32, title, "label middle"))
    return "".join(parts)


def left_axis(axis: Axis, x: float, right_x: float, labels: Sequence[tuple[float, str]], title: str) -> str:
    """Tick labels left of ``x`` with grid lines to ``right_x``; the title stands above the axis."""
    parts = []
    for value, label in labels:
        parts.append(line(x, axis(value), right_x, axis(value), "grid"))
        parts.append(text(x - 6, axis(value) + 4, label, "tick end"))
    parts.append(text(x, axis.high_px - 8, title, "label"))
    return "".join(parts)


def figure(width: int, height: int, parts: Iterable[str], description: str) -> str:
    """Whole figure: scales with the page, and says what it shows to those who cannot see it."""
    return (
        f'<svg viewBox="0 0 {width} {height}" style="max-width:{width * 1.3:.0f}px" role="img" '
        f'aria-label="{escape(description)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
