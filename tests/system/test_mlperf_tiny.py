# SPDX-License-Identifier: Apache-2.0
"""The benchmark personality, spoken to as the MLPerf Tiny host runner does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mlperf_runner import Runner, infer, load, start
from random_bundles import random_bundle
from random_graphs import random_graph

from kws.bundle import Bundle, model_alone
from kws.importer.network import JOINS
from kws.importer.section import model_section
from kws.model import Model

BOARDS = ("native", "netduinoplus2")


@pytest.fixture(scope="module", params=BOARDS)
def runner(
    request: pytest.FixtureRequest, window_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    path = tmp_path_factory.mktemp("mlperf") / "window.kws"
    window_bundle.save(path)
    child = start(request.param, path)
    try:
        runner = Runner(child.url)
        runner.greet()
        yield runner
    finally:
        child.stop()


def test_name_and_profile_are_what_the_runner_expects(runner: Runner) -> None:
    assert runner.ask("name")[0].startswith("m-name-dut-[kws-")
    assert runner.ask("profile") == ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[kws01]"]


def test_inference_gives_the_posteriors_of_the_host_library(runner: Runner, window_bundle: Bundle) -> None:
    rng = np.random.default_rng(1)
    model = Model(window_bundle)
    for _ in range(3):
        frames = rng.integers(-128, 128, (49, 10), np.int8)
        load(runner, frames.tobytes())
        lines = runner.ask("infer 2 1")
        results = "m-results-[" + ",".join(f"{value / 256:.3f}" for value in model.run(frames)) + "]"
        assert [lines[0], lines[1], lines[2]] == ["m-warmup-start-1", "m-warmup-done", "m-infer-start-2"]
        assert lines[5:] == ["m-infer-done", results]
        assert runner.ask("results") == [results]


def test_time_goes_on_in_microseconds(runner: Runner) -> None:
    def microseconds() -> int:
        (line,) = runner.ask("timestamp")
        return int(line.removeprefix("m-lap-us-"))

    before, asked = microseconds(), time.monotonic()
    time.sleep(0.3)
    after, answered = microseconds(), time.monotonic()
    passed = ((after - before) % 2**32) / 1e6
    assert 0.2 < passed < answered - asked + 0.5


def test_timed_runs_take_time(runner: Runner) -> None:
    lines = runner.ask("infer 5 0")
    start, end = (int(line.removeprefix("m-lap-us-")) for line in lines[3:5])
    assert 0 < (end - start) % 2**32 < 30_000_000


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("bogus", "e-[Unknown command: bogus]"),
        ("infer 0", "e-[Inference iterations must be >0]"),
        ("db load 491", "e-[The input of this model has 490 bytes]"),
        ("db", "e-[Insufficent number of hex digits]"),
        ("db 00", "e-[Nothing to load: say how much with 'db load']"),
        ("x" * 81, "e-[A command has at most 80 characters]"),
    ],
)
def test_wrong_commands_are_refused_in_the_runners_words(runner: Runner, command: str, answer: str) -> None:
    assert runner.ask(command) == [answer]


def test_wrong_hex_digits_are_refused(runner: Runner) -> None:
    runner.ask("db load 490")
    assert runner.ask("db 001") == ["e-[Insufficent number of hex digits]"]
    assert runner.ask("db 00zz") == ["e-[Invalid hex digit 'zz']"]
    assert runner.ask("db load 490") == ["m-[Expecting 490 bytes]"]


def test_help_lists_every_command_and_an_empty_one_is_just_ready(runner: Runner) -> None:
    listed = " ".join(runner.ask("help"))
    assert all(f"[{name}%" in listed for name in ("name", "profile", "timestamp", "db", "infer", "results", "help"))
    assert runner.ask("") == []


def test_it_says_hello_after_a_reset(tmp_path: Path) -> None:
    random_bundle(seed=2, streaming=False).save(tmp_path / "window.kws")
    child = start("native", tmp_path / "window.kws")
    try:
        with open(child.url, "rb", buffering=0) as line:  # a serial port would drop what came before it was opened
            heard = b""
            while b"m-ready" not in heard:
                heard += line.read(64)
    finally:
        child.stop()
    lines = heard.decode().split("\r\n")
    assert lines[0] == "m-timestamp-mode-performance"
    assert lines[1].startswith("m-lap-us-")
    assert lines[2] == "m-init-done"


@pytest.mark.parametrize("board", BOARDS)
def test_a_bundle_with_nothing_but_a_graph_is_served(tmp_path: Path, board: str) -> None:
    network = random_graph(4, streaming=False)
    assert any(layer.op in JOINS for layer in network.layers)
    section = model_section(network, streaming=False, decision_frames=network.window_frames)
    path = tmp_path / "graph.kws"
    path.write_bytes(model_alone(section))
    frames = np.random.default_rng(1).integers(-128, 128, (network.window_frames, network.num_features), np.int8)
    child = start(board, path)
    try:
        runner = Runner(child.url)
        runner.greet()
        assert infer(runner, frames.tobytes()) == Model(section).run(frames).tolist()
    finally:
        child.stop()


@pytest.mark.parametrize("board", ["xiao_nrf52840_sense", "stm32f407g_disc1"])
def test_an_emulated_chip_serves_it_over_usb_or_usart(tmp_path: Path, window_bundle: Bundle, board: str) -> None:
    window_bundle.save(tmp_path / "window.kws")
    frames = np.random.default_rng(1).integers(-128, 128, (49, 10), np.int8)
    child = start(board, tmp_path / "window.kws")
    try:
        runner = Runner(child.url)
        runner.greet()
        assert runner.ask("name") == [f"m-name-dut-[kws-{board}]"]
        assert infer(runner, frames.tobytes()) == Model(window_bundle).run(frames).tolist()
        runner.close()
    finally:
        child.stop()


def test_without_a_model_it_says_why() -> None:
    child = start("native", None)
    try:
        runner = Runner(child.url)
        runner.greet()
        assert runner.ask("infer 1 0") == ["e-[No model: not a kws bundle]"]
    finally:
        child.stop()
