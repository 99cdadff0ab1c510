# SPDX-License-Identifier: Apache-2.0
"""Figures of ``kws bench``: what they add up to, and when a change is a regression."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from kws.bench.measure import WEIGHTLESS_KERNELS
from kws.bench.reference import reference_bundle, reference_network
from kws.bench.result import BenchResult, Change, GateCost, LayerCost, MemoryCost, StageCost, compare, read_figures
from kws.bench.run import save_result
from kws.errors import ConfigError
from kws.model import OPERATION_NAMES
from kws.places import firmware

RESULT = BenchResult(
    board="netduinoplus2",
    bundle="some",
    bundle_crc32="00000001",
    clock_hz=168_000_000,
    source="hand",
    decisions_per_second=2.0,
    stages=(
        StageCost(stage="features", calls_per_second=50.0, cycles_per_call=20_000, cycles_per_second=1_000_000),
        StageCost(stage="model", calls_per_second=50.0, cycles_per_call=40_000, cycles_per_second=2_000_000),
    ),
    layers=(LayerCost(layer="0 conv", macs=500_000, cycles=750_000), LayerCost(layer="1 softmax", macs=0, cycles=9)),
    memory=MemoryCost(static_bytes=1000, arena_bytes=2000, stack_bytes=300, firmware_bytes=20_000, bundle_bytes=30_000),
    gate=GateCost(closed_cycles_per_second=90_000, waking_cycles=400_000),
)


def test_sums() -> None:
    assert RESULT.cycles_per_second == 3_000_000
    assert RESULT.inference_cycles == 1_000_000
    assert RESULT.memory.ram_bytes == 3300
    assert RESULT.memory.flash_bytes == 50_000
    assert [layer.cycles_per_mac for layer in RESULT.layers] == [1.5, None]


def test_a_result_does_not_differ_from_itself_on_disk(tmp_path: Path) -> None:
    save_result(RESULT, tmp_path)
    assert compare(RESULT, read_figures(tmp_path / "some-netduinoplus2.json")) == []


def test_closed_and_waking_cycles_must_not_grow() -> None:
    worse = dataclasses.replace(RESULT, gate=GateCost(closed_cycles_per_second=99_000, waking_cycles=450_000))
    changes = compare(worse, dict(RESULT.figures()))
    assert [change.figure for change in changes] == ["gate_closed_cycles_per_second", "waking_cycles"]
    assert all(change.is_regression for change in changes)


def _with_layer(cycles: int) -> BenchResult:
    return dataclasses.replace(RESULT, layers=(LayerCost(layer="0 conv", macs=500_000, cycles=cycles),))


@pytest.mark.parametrize(("cycles", "moved", "worse"), [
    (764_000, False, False),
    (766_000, True, True),
    (736_000, False, False),
    (734_000, True, False),
])  # fmt: skip
def test_more_than_two_percent_is_a_regression(cycles: int, moved: bool, worse: bool) -> None:
    changes = compare(_with_layer(cycles), dict(RESULT.figures()))
    assert [change.figure for change in changes] == (["layer 0 conv"] if moved else [])
    assert any(change.is_regression for change in changes) == worse


def test_nothing_stays_nothing() -> None:
    assert Change(figure="gate", before=0, now=0).ratio == 0.0
    assert Change(figure="gate", before=0, now=1).is_regression


def test_figures_that_are_new_are_not_compared() -> None:
    assert compare(RESULT, {}) == []


@pytest.mark.parametrize("text", ["{", '{"format": "something else"}'])
def test_foreign_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="--update"):
        read_figures(path)


def test_reference_network_has_the_shape_of_the_published_one() -> None:
    layers = reference_network().layers
    assert sum(layer.macs for layer in layers) == 2_656_768
    parameters = [layer for layer in layers if layer.weights is not None]
    assert (
        sum(layer.weights.size + layer.output.channels for layer in parameters if layer.weights is not None) == 22_604
    )


def test_reference_bundle_is_the_same_every_time() -> None:
    assert reference_bundle().data == reference_bundle().data


def test_every_operation_without_weights_has_functions_to_count() -> None:
    weighted = {"conv", "pointwise", "depthwise", "dense", "lookup"}
    assert set(WEIGHTLESS_KERNELS) == set(OPERATION_NAMES.values()) - weighted
    header = (firmware() / "core" / "nn" / "nn.h").read_text(encoding="utf-8")
    for function in (name for names in WEIGHTLESS_KERNELS.values() for name in names):
        assert re.search(rf"\b{function}\b", header), function
