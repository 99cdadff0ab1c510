# SPDX-License-Identifier: Apache-2.0
"""Graphs in the C engine: branches, joins and every operation against the numpy reference, windows and streams."""

from __future__ import annotations

import numpy as np
import pytest
from random_graphs import random_graph

from kws.core import ffi
from kws.errors import BundleError
from kws.importer.network import JOINS, Network, Op
from kws.importer.queues import queue_rows
from kws.importer.section import model_section
from kws.model import Model
from kws.reference.model import run_network

SEEDS = range(120)


def frames_for(network: Network, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (count, network.num_features)).astype(np.int8)


def assert_rows_equal(network: Network, model: Model, frames: np.ndarray, seed: int) -> int:
    """Compare the rows the engine makes with the first ones of the reference; return how many outputs there were."""
    wanted, got = run_network(network, frames), model.tensors(frames)
    for index, (layer, rows, want) in enumerate(zip(network.layers, got, wanted, strict=True)):
        np.testing.assert_array_equal(
            rows, want.reshape(len(want), -1)[: len(rows)], err_msg=f"seed {seed}, layer {index} {layer.name}"
        )
    return len(got[-1])


def test_every_row_of_a_window_equals_the_reference() -> None:
    for seed in SEEDS:
        network = random_graph(seed, streaming=False)
        frames = frames_for(network, network.window_frames, seed)
        for decision_frames in (1, network.window_frames):  # frames kept, and run as they come
            section = model_section(network, streaming=False, decision_frames=decision_frames, compact=seed % 2 == 0)
            model = Model(section)
            assert assert_rows_equal(network, model, frames, seed) == 1
            for _ in range(2):
                got = model.run(frames).astype(int) - 128
                np.testing.assert_array_equal(got, run_network(network, frames)[-1].reshape(-1))


def test_every_streamed_row_equals_the_reference_over_the_whole_recording() -> None:
    for seed in SEEDS:
        network = random_graph(seed, streaming=True)
        assert network.can_stream
        model = Model(model_section(network))
        frames = frames_for(network, 4 * network.window_frames + 7, seed)
        wanted = run_network(network, frames)[-1]
        assert assert_rows_equal(network, model, frames, seed) == len(wanted)


def test_graphs_of_every_kind_were_among_them() -> None:
    graphs = [random_graph(seed, streaming=False) for seed in SEEDS]
    assert {layer.op for graph in graphs for layer in graph.layers} == set(Op) - {Op.SOFTMAX}
    queues = [pair for graph in graphs for pair in queue_rows(graph, streaming=False).values()]
    assert sum(max(pair) > 1 for pair in queues) > 20, "rows wait for their partners"
    assert sum(pair == (0, 0) for pair in queues) > 5, "and some need not"


def test_windows_that_do_not_overlap_keep_no_frames() -> None:
    network = random_graph(3, streaming=False)
    kept, apart = (
        Model(model_section(network, streaming=False, decision_frames=frames)) for frames in (1, network.window_frames)
    )
    saved = network.window_frames * network.num_features
    assert kept.state_bytes - apart.state_bytes == pytest.approx(saved, abs=16)


def test_windows_apart_decide_on_their_own_frames_and_skip_those_between() -> None:
    network = random_graph(11, streaming=False)
    window, every = network.window_frames, network.window_frames + 5
    model = Model(model_section(network, streaming=False, decision_frames=every))
    frames = frames_for(network, window + 2 * every, seed=1)
    posteriors, newest = model.stream(frames)
    assert len(newest) == 3
    for index, decision in enumerate(posteriors):
        start = index * every
        want = run_network(network, frames[start : start + window])[-1].reshape(-1)
        np.testing.assert_array_equal(decision.astype(int) - 128, want)


@pytest.mark.parametrize(
    ("field", "value"),
    [("first_back", 99), ("second_back", 0), ("second_back", 99), ("skip_rows", 1), ("dilation_height", 2)],
)
def test_a_join_that_reads_what_is_not_there_is_refused(field: str, value: int) -> None:
    network = next(
        graph for seed in SEEDS if (graph := random_graph(seed, streaming=True)).layers[-2].op in JOINS
    )  # fmt: skip
    section = bytearray(model_section(network))
    Model(bytes(section))
    record = ffi.cast("kws_model_layer_t *", ffi.from_buffer(section) + 32)[len(network.layers) - 2]
    setattr(record, field, value)
    with pytest.raises(BundleError):
        Model(bytes(section))


def test_a_queue_too_short_for_the_rows_that_wait_is_refused() -> None:
    refused = 0
    for seed in SEEDS:
        network = random_graph(seed, streaming=False)
        section = bytearray(model_section(network, streaming=False))
        records = ffi.cast("kws_model_layer_t *", ffi.from_buffer(section) + 32)
        for index, (rows, _) in queue_rows(network, streaming=False).items():
            if rows > 0:
                records[index].first_queue = rows - 1
                with pytest.raises(BundleError):
                    Model(bytes(section))
                records[index].first_queue = rows
                refused += 1
    assert refused > 10


def test_a_layer_that_nobody_reads_is_refused() -> None:
    network = next(graph for seed in SEEDS if len((graph := random_graph(seed, streaming=True)).layers) == 2)
    section = bytearray(model_section(network))
    ffi.cast("kws_model_layer_t *", ffi.from_buffer(section) + 32)[1].first_back = 2
    with pytest.raises(BundleError):
        Model(bytes(section))
