# SPDX-License-Identifier: Apache-2.0
"""Boards hear what the host library hears, bit for bit, over a real serial line."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gate_definition import frames_heard, gate_states
from random_bundles import random_bundle, speech_like

from kws.bundle import Bundle
from kws.core import lib
from kws.device import Board, open_board
from kws.errors import AudioError, BoardRefusedError
from kws.gate import GateConfig
from kws.pipeline import Pipeline

BOARDS = ("native", "netduinoplus2")


@pytest.fixture(scope="module")
def bundle_path(tmp_path_factory: pytest.TempPathFactory, streaming_bundle: Bundle) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "streaming.kws"
    streaming_bundle.save(path)
    return path


@pytest.fixture(scope="module", params=BOARDS)
def board(request: pytest.FixtureRequest, bundle_path: Path) -> Iterator[Board]:
    with open_board(request.param, bundle=bundle_path) as opened:
        yield opened


def assert_hears_the_same(board: Board, bundle: Bundle, samples: np.ndarray, chunks: list[int]) -> None:
    pipeline = Pipeline(bundle)
    expected = pipeline.feed(samples)
    assert expected, "the audio makes no event: this compares nothing"
    board.reset(features=True)
    results = [board.stream(chunk) for chunk in np.split(samples, chunks)]
    assert [event for result in results for event in result.detections] == expected
    for name in ("sample_index", "frame_index", "posteriors", "smoothed"):
        heard = np.concatenate([getattr(result.scores, name) for result in results])
        np.testing.assert_array_equal(heard, getattr(pipeline.scores, name))
    np.testing.assert_array_equal(np.concatenate([result.frames for result in results]), pipeline.frames)
    assert sum(result.samples for result in results) == samples.size
    assert sum(result.dropped_samples for result in results) == 0


@pytest.mark.parametrize("chunks", [[], [1, 2, 500, 16001], [160 * i for i in range(1, 20)]])
def test_events_scores_and_features_equal_the_host_for_any_chunks(
    board: Board, streaming_bundle: Bundle, chunks: list[int]
) -> None:
    assert_hears_the_same(board, streaming_bundle, speech_like(2.0, seed=5), chunks)


@pytest.mark.parametrize("name", BOARDS)
def test_window_models_equal_the_host(name: str, window_bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "window.kws"
    window_bundle.save(path)
    with open_board(name, bundle=path) as opened:
        assert_hears_the_same(opened, window_bundle, speech_like(2.5, seed=6, silence=(1.0, 1.8)), [7001])


@pytest.mark.parametrize("name", BOARDS)
def test_a_gate_sleeps_and_wakes_as_on_the_host(name: str, tmp_path: Path) -> None:
    bundle = random_bundle(seed=3, causal=True, gate=GateConfig(hangover_frames=0))
    path = tmp_path / "gated.kws"
    bundle.save(path)
    audio = speech_like(5.0, seed=6, silence=(0.5, 4.2))
    audio[35000:36600] = speech_like(0.1, seed=1)  # one sound wakes it for a moment
    pipeline = Pipeline(bundle)
    pipeline.feed(audio)
    with open_board(name, bundle=path) as opened:
        assert_hears_the_same(opened, bundle, audio, [7001])
        statistics = opened.stats()
    calls = {stage.stage: stage.calls for stage in statistics.stages}
    assert statistics.frames == 249
    assert statistics.gated_frames == pipeline.gated_frames > 60
    heard = frames_heard(gate_states(bundle, audio, 249), GateConfig().preroll_frames, decision_frames=2)
    assert calls["features"] == calls["model"] == len(heard) > len(pipeline.frames)


def test_board_says_which_bundle_it_runs(board: Board, streaming_bundle: Bundle) -> None:
    assert board.info.board in BOARDS
    assert board.info.bundle_crc32 == streaming_bundle.crc32
    assert board.info.labels == tuple(streaming_bundle.labels)
    assert board.info.arena_needed_bytes == Pipeline(streaming_bundle).arena_bytes
    assert (board.info.window_samples, board.info.hop_samples) == (480, 320)


def test_extreme_samples_pass_the_line_unchanged(board: Board, streaming_bundle: Bundle) -> None:
    samples = np.tile(np.array([0, -32768, 32767, -1, 1, 0, 0, 256], np.int16), 2000)
    samples[8000:] = speech_like(0.5, seed=2)
    assert_hears_the_same(board, streaming_bundle, samples, [])


def test_an_empty_stream_ends_at_once(board: Board) -> None:
    board.reset()
    result = board.stream(np.empty(0, np.int16))
    assert (result.samples, result.detections) == (0, [])


def test_a_host_that_was_silent_for_long_begins_its_stream_anew_unless_it_goes_on_with_one(board: Board) -> None:
    board.reset(scores=False)
    session = board._link.session
    audio = speech_like(0.5, seed=1)
    for changes in (1, 0):  # with the first audio, not with what goes on behind it
        board._link.spoke_at -= lib.KWS_HOST_SILENCE_S
        result = board.stream(audio)
        session += changes
        assert board._link.session == session
        assert (result.samples, result.dropped_samples, result.scores.posteriors.size) == (audio.size, 0, 0)


def test_scores_and_features_come_only_when_wanted(board: Board) -> None:
    board.reset(scores=False)
    result = board.stream(speech_like(0.5))
    assert result.scores.frame_index.size == 0
    assert result.frames.shape == (0, board.info.num_features)


def test_callbacks_hear_each_event_and_decision_in_order(board: Board) -> None:
    events, decisions, progress = [], [], []
    board.reset()
    result = board.stream(
        speech_like(2.0, seed=5),
        on_event=events.append,
        on_scores=lambda sample_index, posteriors, smoothed: decisions.append((sample_index, smoothed.tolist())),
        on_progress=progress.append,
    )
    assert events == result.detections
    assert [index for index, _ in decisions] == result.scores.sample_index.tolist()
    assert [smoothed for _, smoothed in decisions] == result.scores.smoothed.tolist()
    assert progress == sorted(progress)
    assert progress[-1] == 32000


def test_operating_point_is_chosen_at_reset_and_an_unknown_one_refused(board: Board, streaming_bundle: Bundle) -> None:
    samples = speech_like(3.0, seed=5)
    board.reset(operating_point=1)
    assert board.stream(samples).detections == Pipeline(streaming_bundle, operating_point=1).feed(samples)
    with pytest.raises(BoardRefusedError, match="refused operating point 9"):
        board.reset(operating_point=9)
    board.reset()


def test_statistics_count_every_call_of_every_stage(board: Board, streaming_bundle: Bundle) -> None:
    samples = speech_like(2.0, seed=5)
    pipeline = Pipeline(streaming_bundle)
    pipeline.feed(samples)
    board.reset()
    board.stream(samples)
    calls = {stage.stage: stage.calls for stage in board.stats().stages}
    decisions = pipeline.scores.frame_index.size
    assert calls["features"] == calls["model"] == pipeline.frames.shape[0] == board.stats().frames
    assert calls["smoothing"] == calls["detection"] == decisions
    board.reset(times=False)
    assert board.stats().frames == 0
    board.stream(samples)
    assert all(stage.calls == 0 for stage in board.stats().stages)
    assert board.stats().frames == pipeline.frames.shape[0]


def test_samples_of_another_type_are_refused(board: Board) -> None:
    with pytest.raises(AudioError, match="expected int16"):
        board.stream(np.zeros(100, np.float32))  # type: ignore[arg-type]


def test_emulated_board_reports_its_memory(bundle_path: Path) -> None:
    with open_board("netduinoplus2", bundle=bundle_path) as opened:
        opened.stream(speech_like(1.0))
        assert 2000 < opened.info.static_bytes < 8192
        assert 300 < opened.stats().stack_peak_bytes < 4096


def test_native_board_and_host_need_less_than_a_twentieth_of_real_time(bundle_path: Path) -> None:
    """In CPU time of both processes, which other programs on this machine do not change."""
    seconds = 30.0
    samples = speech_like(seconds)
    children_before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open_board("native", bundle=bundle_path) as opened:
        host_before = time.process_time()
        opened.stream(samples)
        host = time.process_time() - host_before
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    board = children.ru_utime + children.ru_stime - children_before.ru_utime - children_before.ru_stime
    assert host + board < seconds / 20


@pytest.mark.parametrize("name", BOARDS)
def test_several_boards_run_side_by_side(name: str, bundle_path: Path, streaming_bundle: Bundle) -> None:
    samples = speech_like(1.5, seed=5)
    expected = Pipeline(streaming_bundle).feed(samples)
    with open_board(name, bundle=bundle_path) as one, open_board(name, bundle=bundle_path) as two:
        assert one.stream(samples).detections == expected
        assert two.stream(samples).detections == expected


@pytest.mark.parametrize("name", BOARDS)
def test_no_board_outlives_a_host_that_is_killed(name: str, bundle_path: Path) -> None:
    program = (
        "import sys, time; from kws.device import open_board\n"
        f"board = open_board({name!r}, bundle={str(bundle_path)!r})\n"
        "print(board._link.port.port, flush=True); time.sleep(60)"
    )
    host = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    port = host.stdout.readline().strip().removeprefix("socket://127.0.0.1:")
    assert port
    os.kill(host.pid, signal.SIGKILL)
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 30
    while _alive(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(port)


def _alive(port: str) -> bool:
    """Whether a TCP port is listened on, or a pseudo-terminal exists."""
    if port.startswith("/dev/"):
        return os.path.exists(port)
    needle = f":{int(port):04X} "
    return any(
        needle in line and line.split()[3] == "0A" for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
    )
