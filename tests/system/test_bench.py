"""``kws bench`` on the emulated board: the goals for the reference network, and every cycle accounted for."""

from __future__ import annotations

import pytest

from kws.bench.measure import measure
from kws.bench.reference import reference_bundle
from kws.bench.result import BenchResult


@pytest.fixture(scope="module")
def result() -> BenchResult:
    return measure(reference_bundle(), "netduinoplus2")


def test_reference_network_runs_in_four_million_cycles(result: BenchResult) -> None:
    assert 2_656_768 < result.inference_cycles <= 4_000_000


def test_front_end_runs_in_twenty_five_thousand_cycles(result: BenchResult) -> None:
    assert 0 < result.stage("features").cycles_per_call <= 25_000


def test_layers_account_for_nearly_all_of_the_network(result: BenchResult) -> None:
    assert all(layer.cycles > 0 for layer in result.layers)
    assert 0.95 < sum(layer.cycles for layer in result.layers) / result.inference_cycles < 1.0


def test_one_decision_per_window_is_counted(result: BenchResult) -> None:
    assert result.decisions_per_second == 1.0


def test_memory_is_measured(result: BenchResult) -> None:
    memory = result.memory
    assert min(memory.static_bytes, memory.arena_bytes, memory.stack_bytes, memory.firmware_bytes) > 0
    assert memory.bundle_bytes == len(reference_bundle().data)
