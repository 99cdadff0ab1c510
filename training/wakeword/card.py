# SPDX-License-Identifier: Apache-2.0
"""The model card: what the bundle is, how it was made, how well it does, and on how much audio that was measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from rich.table import Table

from kws.audio import SAMPLE_RATE_HZ
from kws.bench.result import BenchResult
from kws.bundle import Bundle
from kws.model import Model
from kws.pipeline import Pipeline
from kws.report.figures import det_figure, latency_histogram, trade_offs
from kws.report.page import Tile, render, trusted, write_page
from kws.training.wakeword.calibration import CARD_SNR_DB, YOUR_RECORDINGS, CalibrationReport, PointReport
from kws.training.wakeword.config import WordProject
from kws.training.wakeword.learn import Learned
from kws.training.wakeword.speech import Script, SpeechBank

_NEAREST_SHOWN = 24
_TAKES = {
    "word": "takes of the words",
    "accent": "takes of the words in accents",
    "near": "near-misses",
    "other": "other speech",
}


def write_card(
    path: Path,
    report: CalibrationReport,
    project: WordProject,
    *,
    script: Script,
    learned: Learned,
    bank: SpeechBank,
    cost: BenchResult | None,
) -> None:
    """Write the card as one HTML file.

    `cost` is what the bundle takes on a board, if that was measured.
    """
    point = report.default
    rows = [_point_row(p, is_default=p is point) for p in report.points]
    page = render(
        "wakeword.html.j2",
        {
            "title": " · ".join(word.label for word in project.words),
            "subtitle": f"wake word bundle {project.name}.kws, CRC {report.bundle.crc32:08x}",
            "tiles": _tiles(report, point),
            "det": trusted(det_figure(trade_offs(report.curve), _marks(report))),
            "latency": trusted(latency_histogram(point.score.latencies_ms)) if point.score.latencies_ms else "",
            "points": rows,
            "missed": [
                (kind, [(name, str(rate)) for name, rate in groups.items()]) for kind, groups in report.missed.items()
            ],
            "near_accepted": report.near_accepted,
            "card_snr_db": f"{CARD_SNR_DB:g}",
            "curve_hours": f"{report.curve[0].score.false_accepts.hours:.2f}",
            "kept_aside": point.promise.measured is not None,
            "negatives": [(name, f"{h:.2f} h") for name, h in report.negative_hours.items()],
            "wanted": [row["wanted"] for row in rows],
            "by_kind": [
                (kind, [str(other.promise.by_kind[kind]) for other in report.points]) for kind in point.promise.by_kind
            ],
            "warnings": report.warnings,
            "data": _data_rows(bank, script),
            "near_misses": _nearest(script),
            "learned": learned,
            "sizes": _sizes(report.bundle) + _cycles(cost),
            "project": json.dumps(project.without_places(), indent=1),
        },
    )
    write_page(path, page)


def points_table(report: CalibrationReport) -> Table:
    """Operating points for the terminal."""
    columns = ("wanted", "thresholds", "false accepts", f"missed at {CARD_SNR_DB:g} dB SNR, synthetic words")
    table = Table(*columns)
    for point in report.points:
        row = _point_row(point, is_default=False)
        table.add_row(*(row[key] for key in ("wanted", "thresholds", "promise", "missed")))
    return table


def _point_row(point: PointReport, *, is_default: bool) -> dict[str, str]:
    return {
        "wanted": f"{point.promise.wanted_fa_per_hour:g} /h" + (" (default)" if is_default else ""),
        "thresholds": ", ".join(str(threshold) for threshold in point.promise.thresholds if threshold),
        "chosen_on": str(point.promise.calibration),
        "missed": str(point.score.false_rejects),
        "promise": point.promise.sentence,
    }


def _tiles(report: CalibrationReport, point: PointReport) -> list[Tile]:
    missed, rate = point.score.false_rejects, point.promise.measured
    low, high = missed.interval
    tiles = [
        Tile(
            name="missed",
            value=f"{missed.value:.1%}",
            note=f"of {missed.total} synthetic words at {CARD_SNR_DB:g} dB SNR, 95 % {low:.1%}-{high:.1%}",
        ),
        Tile(name="false accepts", value=f"~{point.promise.wanted_fa_per_hour:g} /h", note="estimate, not measured")
        if rate is None
        else Tile(name="false accepts", value=f"{rate.per_hour:.2f} /h", note=f"{rate.count} in {rate.duration}"),
    ]
    own = report.missed.get(YOUR_RECORDINGS, {}).get(f"{CARD_SNR_DB:g} dB")
    if own is not None:
        low, high = own.interval
        note = f"of {own.total} held-out takes at {CARD_SNR_DB:g} dB SNR, 95 % {low:.1%}-{high:.1%}"
        tiles.insert(1, Tile(name="missed, your recordings", value=f"{own.value:.1%}", note=note))
    latency_ms = point.score.median_latency_ms
    if latency_ms is not None:
        tiles.append(Tile(name="latency", value=f"{latency_ms:.0f} ms", note="median, after the end of the word"))
    size = f"{len(report.bundle.data) / 1024:.1f} KiB"
    tiles.append(Tile(name="bundle", value=size, note=f"arena {report.bundle.arena_bytes / 1024:.1f} KiB"))
    return tiles


def _marks(report: CalibrationReport) -> dict[str, tuple[float, float]]:
    return {
        f"{point.promise.wanted_fa_per_hour:g} /h": (
            (point.promise.measured or point.score.false_accepts).per_hour,
            point.score.false_rejects.value,
        )
        for point in report.points
    }


def _data_rows(bank: SpeechBank, script: Script) -> list[tuple[str, str]]:
    lengths_s = np.diff(bank.ends, prepend=0) / SAMPLE_RATE_HZ
    rows = []
    for kind, name in _TAKES.items():
        for validates, side in ((False, "training"), (True, "validation")):
            chosen = (bank.kinds == kind) & (bank.validates == validates)
            rows.append((f"{name}, {side}", f"{int(chosen.sum())} takes, {lengths_s[chosen].sum() / 60:.0f} min"))
    speakers = len({utterance.voice.speaker for utterance in script.utterances})
    return [*rows, ("synthetic speakers", str(speakers))]


def _nearest(script: Script) -> list[tuple[str, str]]:
    nearest = sorted(script.near_misses, key=lambda miss: miss.distance)[:_NEAREST_SHOWN]
    return [(miss.text, f"{miss.distance:.2f}") for miss in nearest]


def _sizes(bundle: Bundle) -> list[tuple[str, str]]:
    model = Model(bundle)
    hop_s = Pipeline(bundle).hop_samples / SAMPLE_RATE_HZ * model.decision_frames
    macs = sum(layer.macs for layer in model.layers)
    return [
        ("window", f"{model.window_frames} frames"),
        ("a decision every", f"{1000 * hop_s:g} ms"),
        ("multiply-accumulates per window", f"{macs:,}"),
        ("bundle (flash)", f"{len(bundle.data):,} bytes"),
        ("arena (RAM)", f"{bundle.arena_bytes:,} bytes"),
    ]


def _cycles(cost: BenchResult | None) -> list[tuple[str, str]]:
    if cost is None:
        return []
    share = cost.cycles_per_second / cost.clock_hz
    return [
        (
            f"cycles per second of audio, {cost.board}",
            f"{cost.cycles_per_second:,} ({share:.1%} of {cost.clock_hz / 1e6:.0f} MHz)",
        ),
        ("cycles of the network per decision", f"{cost.inference_cycles:,}"),
        ("whole application in RAM and flash", f"{cost.memory.ram_bytes:,} and {cost.memory.flash_bytes:,} bytes"),
        ("where the cycles come from", cost.source),
    ]
