# SPDX-License-Identifier: Apache-2.0
"""``kws bench`` on the emulated board: the goals for the reference network, and every cycle accounted for."""

from __future__ import annotations

import pytest
from random_bundles import random_bundle

from kws.bench.measure import measure
from kws.bench.reference import reference_bundle
from kws.bench.result import BenchResult
from kws.gate import GateConfig


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


def test_a_closed_gate_costs_next_to_nothing_and_waking_less_than_a_hop() -> None:
    bundle = random_bundle(seed=1, gate=GateConfig())
    gated = measure(bundle, "netduinoplus2")
    assert gated.gate is not None
    assert 50_000 < gated.gate.closed_cycles_per_second <= 200_000
    pair = gated.stage("features").cycles_per_call + gated.stage("model").cycles_per_call
    assert 4 * pair < gated.gate.waking_cycles < 6 * pair  # the opening frame and three before it
    assert gated.gate.waking_cycles < 64_000_000 * 0.02
    assert gated.memory.arena_bytes == bundle.arena_bytes


def test_memory_is_measured(result: BenchResult) -> None:
    memory = result.memory
    assert min(memory.static_bytes, memory.arena_bytes, memory.stack_bytes, memory.firmware_bytes) > 0
    assert memory.bundle_bytes == len(reference_bundle().data)
