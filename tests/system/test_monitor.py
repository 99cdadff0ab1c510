# SPDX-License-Identifier: Apache-2.0
"""kws monitor and kws record --board: a board's own microphone, here that of an emulated chip, behind a serial line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from random_bundles import speech_like
from typer.testing import CliRunner

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.cli import build_app
from kws.cli.listen import board_blocks
from kws.core import lib
from kws.dashboard.sources import from_board
from kws.datasets.recordings import read_recordings
from kws.device import Board, open_board
from kws.device.chips import start_chip
from kws.device.monitor import BoardTakes, settled_s
from kws.errors import BoardRefusedError
from kws.spotter import load

SETTLING = 16000 * int(lib.KWS_SETTLING_MS) // 1000


@pytest.fixture(scope="module")
def bundle_path(tmp_path_factory: pytest.TempPathFactory, streaming_bundle: Bundle) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "streaming.kws"
    streaming_bundle.save(path)
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "sound.wav"
    write_wav(path, speech_like(3.0, seed=5))
    return path


@pytest.fixture
def board(bundle_path: Path, sound: Path) -> Iterator[Board]:
    with open_board("nrf52840dk", bundle=bundle_path, sound=sound) as opened:
        yield opened


def test_moments_are_what_listen_hears_in_pieces(board: Board) -> None:
    whole = board.listen(24000)
    pieces, detections = [], []
    for moment in board.monitor():
        assert moment.position == sum(piece.size for piece in pieces)
        assert moment.lost == 0
        pieces.append(moment.sound)
        detections += moment.detections
        if moment.position >= 24000:  # of the piece before that everything has been told
            break
    heard = np.concatenate(pieces)
    np.testing.assert_array_equal(heard[:24000], whole.sound[:24000])
    assert detections == [event for event in whole.detections if event.sample_index <= moment.position]
    assert detections
    assert moment.smoothed is not None
    assert moment.statistics is not None
    assert 0 < moment.statistics.busy_cycles < board.info.clock_hz * 1.5
    assert moment.statistics.stages[1].calls == moment.statistics.frames - moment.statistics.gated_frames
    assert board.stream(speech_like(0.5, seed=1)).samples == 8000  # the microphone has stopped


def test_the_command_prints_events_losses_and_statistics(bundle_path: Path, sound: Path, board: Board) -> None:
    expected = board.listen(40000).detections
    app = build_app({"monitor": "kws.cli.monitor"})
    arguments = ["monitor", "nrf52840dk", "--bundle", str(bundle_path), "--sound", str(sound)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    told = [line.split()[2:] for line in done.output.splitlines() if line[:1] == " " and " s  " in line]
    assert told == [[event.label, f"{event.posterior:.2f}"] for event in expected]
    assert f"2.5 s heard, {len(expected)} events, 0 samples lost, loudest -" in done.output
    assert "busy, gate closed" in done.output


def test_a_sound_that_ends_while_the_microphone_settles_is_refused(tmp_path: Path, bundle_path: Path) -> None:
    write_wav(tmp_path / "short.wav", np.zeros(SETTLING, np.int16))
    app = build_app({"monitor": "kws.cli.monitor"})
    arguments = ["monitor", "nrf52840dk", "--bundle", str(bundle_path), "--sound", str(tmp_path / "short.wav")]
    assert "while the microphone settles" in str(CliRunner().invoke(app, arguments).exception)


def test_a_dashboard_that_hears_an_emulated_board_ends_with_its_sound(board: Board, sound: Path) -> None:
    heard_s = settled_s(sound)
    blocks = list(islice(from_board(board, seconds=heard_s), 100))
    assert len(blocks) < 100
    assert 0.0 <= sum(block.sound.size for block in blocks) / 16000 - heard_s < 0.1


def test_takes_from_a_board_are_its_microphones_sound(board: Board) -> None:
    whole = board.listen(40000).sound
    takes, levels = BoardTakes(board), []
    takes.pause(0.5)
    taken = takes.record(1.0, levels.append)
    at = next(at for at in range(7900, 8300) if np.array_equal(whole[at : at + 16000], taken))
    assert at >= 8000
    assert not takes.lost
    assert 17 <= len(levels) <= 20  # every 50 ms, and what is left of a piece
    assert max(levels) == pytest.approx(20 * np.log10(np.abs(taken.astype(int)).max() / 32768), abs=0.1)


def test_record_takes_words_from_a_board_on_a_port(tmp_path: Path, bundle_path: Path) -> None:
    word = np.zeros(64000, np.int16)
    word[50000:60000] = speech_like(10000 / 16000, seed=3)
    write_wav(tmp_path / "word.wav", word)
    child = start_chip("nrf52840dk", bundle_path, sound=tmp_path / "word.wav")
    app = build_app({"record": "kws.cli.record"})
    try:
        arguments = ["record", "nova", "--board", child.url, "--out", str(tmp_path), "--takes", "1", "--seconds", "2"]
        done = CliRunner().invoke(app, arguments, input="\n")
    finally:
        child.stop()
    assert done.exit_code == 0, done.output
    (take,) = read_recordings(tmp_path, ["nova"])
    assert take.samples.size == pytest.approx(10000, abs=1600)


def test_a_microphone_of_the_computer_and_a_board_are_not_mixed() -> None:
    app = build_app({"record": "kws.cli.record"})
    done = CliRunner().invoke(app, ["record", "nova", "--board", "x", "--device", "1"])
    assert "expected one of them" in str(done.exception)


def test_a_board_without_a_microphone_cannot_be_monitored(bundle_path: Path) -> None:
    with open_board("native", bundle=bundle_path) as native, pytest.raises(BoardRefusedError, match="no microphone"):
        next(native.monitor())


def test_listen_hears_a_board_s_microphone(bundle_path: Path, sound: Path, board: Board) -> None:
    whole = board.listen(24000)
    child = start_chip("nrf52840dk", bundle_path, sound=sound)
    try:
        with ExitStack() as stack:
            blocks = list(islice(board_blocks(load(bundle_path), child.url, stack), 16))
    finally:
        child.stop()
    assert not any(lost for _, lost in blocks)
    assert all(block.size >= 1600 for block, _ in blocks)
    np.testing.assert_array_equal(np.concatenate([block for block, _ in blocks])[:24000], whole.sound[:24000])
