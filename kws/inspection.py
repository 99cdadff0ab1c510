# SPDX-License-Identifier: Apache-2.0
"""What is in a bundle, as plain data and as tables in the terminal."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kws.bundle import Bundle
from kws.core import aligned_copy, check, ffi, lib
from kws.decision import describe_point
from kws.model import LayerInfo, Model

_SHOWN_ABOVE = {"name", "macs_per_window"}
"""Metadata that the tables above say better."""
_LINE_CHARACTERS = 16
_NOTHING_LEFT = 255


def describe(bundle: Bundle) -> dict[str, Any]:
    """Return everything ``kws inspect`` shows, JSON-serialisable.

    ``macs_per_second`` is what the network costs while it always runs; ``arena_bytes`` is the memory of the whole
    pipeline on any board, ``flash_bytes`` the size of the file.
    """
    model, front_end = Model(bundle), _front_end(bundle)
    frames_per_second = front_end["sample_rate_hz"] / front_end["hop_samples"]
    decisions_per_second = frames_per_second / model.decision_frames
    layers = model.layers
    return {
        "name": bundle.name,
        "crc32": f"{bundle.crc32:08x}",
        "flash_bytes": len(bundle.data),
        "arena_bytes": bundle.arena_bytes,
        "sections_bytes": {kind: len(bundle.section(kind) or b"") for kind in bundle.kinds},
        "features": front_end,
        "model": {
            "streaming": model.streaming,
            "window_frames": model.window_frames,
            "decision_frames": model.decision_frames,
            "decisions_per_second": decisions_per_second,
            "macs_per_window": sum(layer.macs for layer in layers),
            "macs_per_second": sum(layer.macs_per_decision for layer in layers) * decisions_per_second,
            "weights_bytes": sum(layer.weights_bytes for layer in layers),
            "state_bytes": model.state_bytes,
            "scratch_bytes": model.scratch_bytes,
            "layers": [dataclasses.asdict(layer) for layer in layers],
        },
        "labels": list(bundle.labels),
        "decision": dataclasses.asdict(bundle.decision),
        "gate": None if bundle.gate is None else dataclasses.asdict(bundle.gate),
        "metadata": bundle.metadata,
    }


def _front_end(bundle: Bundle) -> dict[str, int]:
    section = bundle.front_end
    pointer, _owner = aligned_copy(section)
    config = ffi.new("kws_features_config_t *")
    check(lib.kws_features_read(config, {"data": pointer, "size_bytes": len(section)}), "features")
    names = ("sample_rate_hz", "window_samples", "hop_samples", "fft_length", "num_mel_bands", "num_features")
    return {name: int(getattr(config, name)) for name in names}


def print_bundle(bundle: Bundle, console: Console) -> None:
    """Print the tables of ``kws inspect``."""
    info = describe(bundle)
    console.print(_figures_table(info))
    console.print(_points_table(bundle))
    for index in range(len(bundle.decision.operating_points)):
        console.print(f"{index}: {describe_point(bundle.decision, bundle.metadata, index)}", highlight=False)
    console.print(_layer_table(Model(bundle).layers, info["model"]))
    if bundle.metadata:
        console.print(_provenance_table(bundle.metadata))


def _layer_table(layers: tuple[LayerInfo, ...], totals: dict[str, Any]) -> Table:
    """Six narrow columns, so that it fits a terminal of 80; the output of a layer is the next one's input."""
    kind = "streaming" if totals["streaming"] else "window"
    table = Table(title=f"layers of one decision ({kind} model), time x width x channels", title_justify="left")
    for name in ("layer", "input", "kernel/stride", "padding"):
        table.add_column(name, no_wrap=True)
    for name in ("MACs", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in layers:
        table.add_row(*_layer_cells(layer))
    macs = sum(layer.macs_per_decision for layer in layers)
    size = sum(layer.weights_bytes + layer.tables_bytes for layer in layers)
    table.add_section()
    table.add_row("total", "", "", "", f"{macs:,}", f"{size:,}", style="bold")
    return table


def _layer_cells(layer: LayerInfo) -> list[str]:
    top, bottom, left, right = layer.padding
    return [
        layer.operation,
        _times(layer.input_shape),
        _times(layer.kernel) + ("" if layer.stride == (1, 1) else f" /{_times(layer.stride)}"),
        f"{top}+{bottom} {left}+{right}" if any(layer.padding) else "-",
        f"{layer.macs_per_decision:,}" if layer.macs else "-",
        f"{layer.weights_bytes + layer.tables_bytes:,}",
    ]


def _pause_text(pause: dict[str, int] | None, labels: Sequence[str], decisions_per_second: float) -> str:
    if pause is None:
        return ""
    within = (
        f"{labels[pause['label']]} at {pause['score']} of 255 within the last "
        f"{pause['decisions'] / decisions_per_second:.2g} s"
    )
    if pause["penalty"] == _NOTHING_LEFT:
        return f"; only after a word or a pause: {within}"
    return f"; scores are less by {pause['penalty']} of 255 without a word or a pause before: {within}"


def _times(numbers: tuple[int, ...]) -> str:
    return "x".join(str(number) for number in numbers)


def _figures_table(info: dict[str, Any]) -> Table:
    model, features = info["model"], info["features"]
    hop_ms = 1000.0 * features["hop_samples"] / features["sample_rate_hz"]
    sections = ", ".join(f"{kind} {size:,}" for kind, size in info["sections_bytes"].items())
    smoothing, refractory = info["decision"]["smoothing_decisions"], info["decision"]["refractory_frames"]
    table = Table(title=escape(str(info["name"])), title_justify="left", show_header=False)
    rows = {
        "labels": ", ".join(info["labels"]),
        "flash": f"{info['flash_bytes']:,} bytes ({sections})",
        "arena": f"{info['arena_bytes']:,} bytes, of them {model['state_bytes']:,} model state",
        "front end": f"{features['sample_rate_hz']} Hz, window {features['window_samples']}, hop "
        f"{features['hop_samples']} ({hop_ms:g} ms), FFT {features['fft_length']}, {features['num_mel_bands']} mel "
        f"bands, {features['num_features']} features",
        "decisions": f"every {model['decision_frames']} frames ({model['decisions_per_second']:.4g} a second), each "
        f"over {model['window_frames']} frames",
        "detection": f"mean of {smoothing} decisions; after an event {refractory} frames of silence, "
        f"{refractory // 2} before another label"
        + _pause_text(info["decision"]["pause"], info["labels"], model["decisions_per_second"]),
        "gate": _gate_text(info["gate"], model["window_frames"], hop_ms),
        "MACs": f"{model['macs_per_second'] / 1e6:.3f} million a second while awake",
        "checksum": info["crc32"],
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _gate_text(gate: dict[str, Any] | None, window_frames: int, hop_ms: float) -> str:
    if gate is None:
        return "none: always on"
    open_s = (gate["hangover_frames"] + window_frames) * hop_ms / 1000.0
    return (
        f"opens {gate['open_margin_db']:.1f} dB above the noise, closes {open_s:.1f} s after the last frame "
        f"{gate['close_margin_db']:.1f} dB above it; pre-roll {gate['preroll_frames'] * hop_ms:g} ms"
    )


def _points_table(bundle: Bundle) -> Table:
    decision = bundle.decision
    title = "operating points: thresholds of 255, - never fires"
    table = Table(title=title, title_justify="left")
    table.add_column("label")
    for index in range(len(decision.operating_points)):
        mark = " (default)" if index == decision.default_operating_point else ""
        table.add_column(f"{index}{mark}", justify="right")
    for row, label in enumerate(bundle.labels):
        thresholds = [point.thresholds[row] for point in decision.operating_points]
        table.add_row(escape(label), *(str(threshold) if threshold else "-" for threshold in thresholds))
    return table


def _provenance_table(metadata: dict[str, Any]) -> Table:
    """What fits a line; the rest, such as all settings of a training, is in ``kws inspect --json``."""
    table = Table(title="provenance (all of it: --json)", title_justify="left", show_header=False)
    for key, value in sorted(metadata.items()):
        if key not in _SHOWN_ABOVE:
            table.add_row(escape(key), escape(_one_line(value)))
    return table


def _one_line(value: Any) -> str:
    if isinstance(value, dict):
        plain = {key: part for key, part in value.items() if not isinstance(part, dict | list)}
        return ", ".join(f"{key} {_one_line(part)}" for key, part in plain.items()) or "..."
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LINE_CHARACTERS else text[:_LINE_CHARACTERS] + "..."
