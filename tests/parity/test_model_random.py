# SPDX-License-Identifier: Apache-2.0
"""What the user gets, posteriors, from networks of random shapes: this PC, the pipeline and the emulated Cortex-M4."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from mlperf_runner import Runner, infer
from models_emulator import run_on_m4
from random_bundles import speech_like
from random_tflite import random_graph_model, random_model
from test_model_tflite import STREAMING, WINDOW, model_file
from tflite_nets import Reference

from kws.bundle import Bundle, DecisionConfig, OperatingPoint
from kws.device.launch import start_native, start_qemu
from kws.features import FeaturesConfig
from kws.importer.network import Network
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.model import Model
from kws.pipeline import Pipeline

SEEDS = range(40)
GRAPH_SEEDS = range(40)
"""Networks of random shapes; ``benchmarks/eval_random_networks.py`` runs thousands."""


@dataclass(frozen=True)
class Case:
    """A network, and what TFLite says to some windows."""

    network: Network
    reference: Reference
    windows: np.ndarray
    """int8 [windows, frames, features]."""
    posteriors: np.ndarray
    """uint8 [windows, labels]."""

    def expected(self, window: np.ndarray) -> np.ndarray:
        output = self.reference.run(window)[self.network.layers[-1].name].reshape(-1)
        return (output.astype(np.int16) + 128).astype(np.uint8)


def case_of(data: bytes, folder: Path, *, num_windows: int = 3) -> Case:
    path = folder / "net.tflite"
    path.write_bytes(data)
    network, reference = import_tflite(path), Reference.of(data)
    rng = np.random.default_rng(len(data))
    shape = (num_windows, network.window_frames, network.num_features)
    case = Case(network, reference, rng.integers(-128, 128, shape).astype(np.int8), np.zeros(0))
    return Case(network, reference, case.windows, np.stack([case.expected(window) for window in case.windows]))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("networks")
    random = {str(seed): case_of(random_model(seed), folder) for seed in SEEDS}
    graphs = {f"graph {seed}": case_of(random_graph_model(seed), folder) for seed in GRAPH_SEEDS}
    return random | graphs | {name: case_of(model_file(name), folder) for name in (*WINDOW, *STREAMING)}


def test_posteriors_of_every_network_equal_tflite(cases: dict[str, Case]) -> None:
    for name, case in cases.items():
        for compact in (False, True):
            model = Model(model_section(case.network, streaming=False, compact=compact))
            np.testing.assert_array_equal(model.run_batch(case.windows), case.posteriors, err_msg=name)
    assert len({case.posteriors.tobytes() for case in cases.values()}) > 0.9 * len(cases)


def test_streamed_posteriors_of_every_network_equal_tflite_on_the_window_they_have_seen(
    cases: dict[str, Case],
) -> None:
    streamed = 0
    for name, case in cases.items():
        if not case.network.can_stream or any(layer.padding[0] for layer in case.network.layers):
            continue
        streamed += 1
        model = Model(model_section(case.network))
        np.testing.assert_array_equal(model.run_batch(case.windows), case.posteriors, err_msg=name)
        frames = np.concatenate(case.windows)
        model.reset()
        posteriors, newest = model.stream(frames)
        for decision, frame in zip(posteriors, newest, strict=True):
            window = np.resize(frames[frame - int(newest[0]) :], case.windows.shape[1:])
            np.testing.assert_array_equal(decision, case.expected(window), err_msg=f"{name}, frame {frame}")
    assert streamed >= 10


def test_posteriors_of_every_network_on_the_emulated_cortex_m4_equal_tflite(
    cases: dict[str, Case], tmp_path: Path
) -> None:
    runs = [
        (model_section(case.network, streaming=False, compact=index % 3 == 2), case.windows)
        for index, case in enumerate(cases.values())
    ]
    for (name, case), got in zip(cases.items(), run_on_m4(runs, tmp_path), strict=True):
        np.testing.assert_array_equal(got, case.posteriors, err_msg=name)


@pytest.mark.parametrize("board", ["native", "netduinoplus2"])
def test_a_board_says_what_tflite_says_of_networks_with_leftover_rows(
    cases: dict[str, Case], tmp_path: Path, board: str
) -> None:
    for name in ("leftover_rows", "leftover_frames"):
        case, path = cases[name], tmp_path / f"{name}.kws"
        pipeline_of(case.network).bundle.save(path)
        child = (
            start_native(path, app="mlperf_tiny") if board == "native" else start_qemu(board, path, app="mlperf_tiny")
        )
        try:
            runner = Runner(child.url)
            runner.greet()
            assert infer(runner, case.windows[0].tobytes()) == case.posteriors[0].tolist()
        finally:
            child.stop()


@functools.cache
def audio() -> np.ndarray:
    return speech_like(3.0, seed=3)


def pipeline_of(network: Network) -> Pipeline:
    labels = [f"label {i}" for i in range(network.num_labels)]
    points = (OperatingPoint(thresholds=(200,) * len(labels)),)
    quantization = network.input_quantization
    features = FeaturesConfig(
        num_coefficients=network.num_features, scale=quantization.scale, zero_point=quantization.zero_point
    )
    overlapping = min(11, max(1, network.window_frames - 1))
    section = model_section(network, streaming=False, decision_frames=overlapping)
    decision = DecisionConfig(operating_points=points, refractory_frames=10)
    return Pipeline(Bundle.build(features=features, model_section=section, labels=labels, decision=decision,
                                 metadata={}, name="random"))  # fmt: skip


def test_the_pipeline_decides_what_tflite_decides_on_its_frames(cases: dict[str, Case]) -> None:
    for name, case in list(cases.items())[::5]:
        if case.network.num_features > 40:
            continue
        pipeline = pipeline_of(case.network)
        pipeline.feed(audio())
        scores, frames = pipeline.scores, pipeline.frames
        assert len(scores.posteriors) >= 5
        for posteriors, newest in list(zip(scores.posteriors, scores.frame_index, strict=True))[:5]:
            window = frames[newest + 1 - case.network.window_frames : newest + 1]
            np.testing.assert_array_equal(posteriors, case.expected(window), err_msg=name)
