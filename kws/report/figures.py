# SPDX-License-Identifier: Apache-2.0
"""The figures of the reports, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kws.audio import Samples
from kws.evaluation.det import DetPoint
from kws.evaluation.events import Event
from kws.evaluation.listening import Listening
from kws.harness.replay import Outcome
from kws.report import svg

WIDE, NARROW = 1080, 460
"""Figure widths: a whole row of the page, or half of one, so that text keeps its size."""
LEFT, MARGIN = 40, 14
RIGHT = WIDE - MARGIN
_WAVE_TOP, _WAVE_BOTTOM = 18, 84
_POSTERIOR_TOP, _POSTERIOR_BOTTOM = 110, 210
_COLUMNS = 1024
"""At most so many points of a waveform or posterior, about one per pixel: each the extreme of its share."""
_SHOWN_POSTERIOR = 26
"""Labels that never reach 0.1 are not drawn."""
_NUM_HUES = 10
_FIRST_HUE = 2


def recording_figure(outcome: Outcome, samples: Samples, listening: Listening) -> str:
    """Waveform, smoothed posteriors and events of one recording over time, with its truth windows.

    Parameters
    ----------
    outcome : Outcome
    samples : numpy.ndarray
        int16, what was streamed: silence around the recording included.
    listening : Listening
    """
    rate_hz = listening.sample_rate_hz
    time = svg.Axis(low=0.0, high=samples.size / rate_hz, low_px=LEFT, high_px=RIGHT)
    parts = [_windows(outcome, time, rate_hz), _waveform(samples), _posteriors(outcome, listening, time)]
    parts.append(_thresholds(outcome, listening))
    parts += [_event(event, listening, time) for event in outcome.heard.events]
    ticks = [(value, f"{value:g}") for value in time.ticks(10)]
    parts.append(svg.bottom_axis(time, _POSTERIOR_BOTTOM, ticks, "seconds"))
    heard = ", ".join(event.label for event in outcome.heard.events) or "nothing"
    return svg.figure(WIDE, 246, parts, f"{outcome.recording.name}: events: {heard}")


def shown_labels(outcome: Outcome, labels: Sequence[str]) -> list[tuple[int, str]]:
    """Index and name of the labels whose posterior is worth a line."""
    smoothed = outcome.heard.scores.smoothed
    if len(smoothed) == 0:
        return []
    return [(int(i), labels[int(i)]) for i in np.flatnonzero(smoothed.max(axis=0) >= _SHOWN_POSTERIOR)]


def latency_histogram(latencies_ms: Sequence[float]) -> str:
    """How long after the end of the word events came, in bins of 20 ms (or more, at most 60 bins)."""
    low, high = min(0.0, min(latencies_ms)), max(200.0, max(latencies_ms))
    step = 20.0 * max(1, int(np.ceil((high - low) / 20.0 / 60)))
    edges = np.arange(np.floor(low / step) * step, high + step, step)
    counts, _ = np.histogram(latencies_ms, bins=edges)
    right = NARROW - MARGIN
    x = svg.Axis(low=float(edges[0]), high=float(edges[-1]), low_px=LEFT, high_px=right)
    y = svg.Axis(low=0.0, high=float(counts.max()) * 1.08, low_px=190, high_px=28)
    bars = [
        svg.rectangle(x(a) + 1, y(n), x(b) - x(a) - 2, y(0) - y(n), "bar", f"{a:.0f} to {b:.0f} ms: {n}")
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    median = float(np.median(latencies_ms))
    y_ticks = [(value, f"{value:g}") for value in y.ticks(4) if value == int(value)]
    parts = [
        svg.left_axis(y, LEFT, right, y_ticks, "events"),
        *bars,
        svg.bottom_axis(
            x, 190, [(value, f"{value:g}") for value in x.ticks(6)], "ms from the end of the word to the event"
        ),
        svg.line(x(median), 24, x(median), 190, "median"),
        svg.text(x(median) + 5, 34, f"median {median:.0f} ms", "label"),
    ]
    return svg.figure(NARROW, 230, parts, f"Latency histogram, median {median:.0f} ms")


def det_figure(curves: Mapping[str, Sequence[DetPoint]], marks: Mapping[str, tuple[float, float]] | None = None) -> str:
    """Misses against false accepts per hour, both logarithmic.

    Parameters
    ----------
    curves : mapping
        Name of the curve -> its points.
    marks : mapping, optional
        Name of an operating point -> (false accepts per hour, false-reject rate).
    """
    hours = next(iter(curves.values()))[0].score.false_accepts.hours
    floor_fa, floor_fr = 0.5 / hours, 0.002
    x = svg.Axis(low=floor_fa, high=max(10.0, 40.0 / hours), low_px=LEFT, high_px=RIGHT, logarithmic=True)
    y = svg.Axis(low=floor_fr, high=1.0, low_px=300, high_px=28, logarithmic=True)
    x_ticks = [(value, f"{value:g}") for value in x.ticks()]
    y_ticks = [(value, f"{100 * value:g} %") for value in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)]
    parts = [
        svg.left_axis(y, LEFT, RIGHT, y_ticks, "keywords missed"),
        svg.bottom_axis(x, 300, x_ticks, f"false accepts per hour ({hours:.2f} h of audio)"),
    ]
    for index, (name, points) in enumerate(curves.items()):
        pixels = [
            (x(p.score.false_accepts.per_hour or floor_fa), y(p.score.false_rejects.value or floor_fr))
            for p in points
            if p.score.false_accepts.per_hour <= x.high
        ]
        parts.append(svg.polyline(pixels, "curve", f"stroke:{colour(index + _FIRST_HUE)}"))
        parts.append(svg.text(RIGHT - 8, 44 + 16 * index, name, "label end", f"fill:{colour(index + _FIRST_HUE)}"))
    for name, (fa_per_hour, miss_rate) in (marks or {}).items():
        px, py = x(fa_per_hour or floor_fa), y(miss_rate or floor_fr)
        parts.append(svg.circle(px, py, 5, "mark", f"{name}: {fa_per_hour:.2f} /h, {miss_rate:.1%} missed"))
        parts.append(svg.text(px + 8, py - 6, name, "label"))
    return svg.figure(WIDE, 340, parts, "DET curve: keywords missed against false accepts per hour")


def colour(index: int) -> str:
    """CSS colour of a label or curve."""
    return f"var(--hue-{index if index < _FIRST_HUE else _FIRST_HUE + (index - _FIRST_HUE) % _NUM_HUES})"


def label_colour(listening: Listening, index: int) -> str:
    """CSS colour of a label: grey tones for those that never fire."""
    return colour(listening.colour_index(listening.labels[index]))


def _waveform(samples: Samples) -> str:
    """Outline of the loudest and lowest sample in each column, scaled to the recording's own peak."""
    columns = np.array_split(samples.astype(np.int32), min(_COLUMNS, samples.size))
    peak = max(1, int(np.abs(samples.astype(np.int32)).max()))
    amplitude = svg.Axis(low=-peak, high=peak, low_px=_WAVE_BOTTOM, high_px=_WAVE_TOP)
    x = np.linspace(LEFT, RIGHT, len(columns))
    top = [(float(px), amplitude(int(part.max()))) for px, part in zip(x, columns, strict=True)]
    bottom = [(float(px), amplitude(int(part.min()))) for px, part in zip(x, columns, strict=True)]
    level = f"{20 * np.log10(peak / 32768):.0f} dBFS"
    return svg.polygon(top + bottom[::-1], "wave") + svg.text(LEFT + 2, _WAVE_TOP - 6, level, "tick")


def _posteriors(outcome: Outcome, listening: Listening, time: svg.Axis) -> str:
    level = _level_axis()
    ticks = [(0, "0"), (127.5, "0.5"), (255, "1")]
    parts = [svg.left_axis(level, LEFT, RIGHT, ticks, "posterior, smoothed")]
    scores = outcome.heard.scores
    columns = np.array_split(np.arange(len(scores.smoothed)), min(_COLUMNS, max(1, len(scores.smoothed))))
    seconds = [float(scores.sample_index[part[-1]]) / listening.sample_rate_hz for part in columns if part.size]
    for index, _ in shown_labels(outcome, listening.labels):
        peaks = [int(scores.smoothed[part, index].max()) for part in columns if part.size]
        points = [(time(s), level(p)) for s, p in zip(seconds, peaks, strict=True)]
        css = "line" if listening.labels[index] in listening.keywords else "line quiet"
        parts.append(svg.polyline(points, css, f"stroke:{label_colour(listening, index)}"))
    return "".join(parts)


def _thresholds(outcome: Outcome, listening: Listening) -> str:
    shown = {listening.thresholds[index] for index, _ in shown_labels(outcome, listening.labels)} - {0}
    level = _level_axis()
    return "".join(svg.line(LEFT, level(value), RIGHT, level(value), "threshold") for value in shown)


def _windows(outcome: Outcome, time: svg.Axis, rate_hz: int) -> str:
    if outcome.matching is None:
        return ""
    parts = []
    truth = outcome.matching.truth
    for window in truth.windows:
        start, end = time(window.start_sample / rate_hz), time(window.end_sample / rate_hz)
        late = time((window.end_sample + truth.tolerance_samples) / rate_hz)
        height = _POSTERIOR_BOTTOM - _WAVE_TOP
        parts.append(svg.rectangle(end, _WAVE_TOP, late - end, height, "tolerance"))
        parts.append(svg.rectangle(start, _WAVE_TOP, end - start, height, "window", window.label))
        parts.append(svg.text(start, _WAVE_TOP - 6, window.label, "label strong"))
    return "".join(parts)


def _event(event: Event, listening: Listening, time: svg.Axis) -> str:
    x = time(event.sample_index / listening.sample_rate_hz)
    hue = label_colour(listening, listening.labels.index(event.label))
    style, fill = f"stroke:{hue}", f"fill:{hue}"
    seconds = event.sample_index / listening.sample_rate_hz
    return (
        svg.line(x, _WAVE_TOP, x, _POSTERIOR_BOTTOM, "event", style)
        + svg.circle(x, _WAVE_BOTTOM + 8, 4, "dot", f"{event.label} at {seconds:.2f} s", fill)
        + svg.text(x + 8, _WAVE_BOTTOM + 12, event.label, "label strong", fill)
    )


def _level_axis() -> svg.Axis:
    return svg.Axis(low=0, high=255, low_px=_POSTERIOR_BOTTOM, high_px=_POSTERIOR_TOP)
