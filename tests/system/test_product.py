# SPDX-License-Identifier: Apache-2.0
"""A board without a host, on an emulated chip: it listens, takes turns, rests, and comes back when it was stopped."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_bundles import random_bundle, speech_like

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.cascade import COMMAND_WINDOW_S, Cascade
from kws.core import ffi, lib
from kws.device import Board
from kws.device.boards import DEFAULT_BAUD, open_port
from kws.device.build import build_firmware, find_tool
from kws.device.chips import ChipReport, build_emulator, emulated_chip, start_chip
from kws.device.link import Link
from kws.device.microphone import MicrophoneResult
from kws.device.sizes import linker_symbols
from kws.errors import BoardTimeoutError
from kws.gate import GateConfig
from kws.pipeline import Pipeline

SETTLING = 16000 * int(lib.KWS_SETTLING_MS) // 1000
FOR_EVER = 0xE7FE
"""``b .``: a program that hangs, interrupts and all else going on."""
UNDEFINED = 0xDEFE
"""``udf``: a fault."""
WATCHDOG_S = 8.0


@pytest.fixture(scope="module")
def bundle_path(tmp_path_factory: pytest.TempPathFactory, streaming_bundle: Bundle) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "streaming.kws"
    streaming_bundle.save(path)
    return path


def without_offset(samples: np.ndarray) -> np.ndarray:
    blocker, out = ffi.new("kws_dc_blocker_t *"), np.empty_like(samples)
    lib.kws_dc_blocker_reset(blocker)
    target = ffi.cast("int16_t *", ffi.from_buffer(out))
    lib.kws_dc_blocker_step(blocker, ffi.from_buffer("int16_t[]", samples), target, samples.size)
    return out


def alone(board: str, bundle: Path, tmp_path: Path, *options: object) -> tuple[list[str], str, dict[str, Any]]:
    """Run a board that nobody talks to; returns its lines of text, what the emulator said, and what it counted."""
    emulated = emulated_chip(board)
    assert emulated is not None
    firmware = build_firmware(board, target="kws") / "kws.elf"
    address = linker_symbols(firmware)["kws_bundle_start"]
    report = tmp_path / "report.json"
    command = [build_emulator(emulated.chip), *emulated.options, "--load", f"{bundle}@{address:#x}"]
    command += ["--report", report, *map(str, options), firmware]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    words = done.stderr.decode()
    assert done.returncode == 0, words
    return done.stdout.decode(errors="replace").splitlines(), words, json.loads(report.read_text())


def glitch(board: str, halfword: int, seconds: float, function: str = "kws_pipeline_feed") -> tuple[str, str]:
    """The option that spoils a function's first instruction."""
    elf = build_firmware(board, target="kws") / "kws.elf"
    symbols = subprocess.run([find_tool("arm-none-eabi-nm"), elf], capture_output=True, text=True, check=True).stdout
    (address,) = (int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(f" {function}"))
    return "--glitch", f"{address:#x}={halfword:#x}@{seconds}"


@pytest.mark.parametrize("board", ["nrf52840dk", "stm32f407g_disc1"])
def test_the_watchdog_bites_when_the_main_loop_hangs(board: str, bundle_path: Path, tmp_path: Path) -> None:
    lines, words, _ = alone(board, bundle_path, tmp_path, *glitch(board, FOR_EVER, 1.5), "--seconds", 10.5)
    starts = [line for line in lines if line.startswith("kws")]
    assert starts == [f"kws {board} started by power, listening", f"kws {board} started by watchdog, listening"]
    (at,) = re.findall(r"([0-9.]+) s  reset, reason", words)
    assert WATCHDOG_S <= float(at) <= 1.6 + WATCHDOG_S


@pytest.mark.parametrize(
    ("board", "function"),
    [("nrf52840dk", "nrf52_clock_start_crystal"), ("stm32f407g_disc1", "stm32f4_pin_alternate")],
)
def test_the_watchdog_bites_when_the_start_hangs(board: str, function: str, bundle_path: Path, tmp_path: Path) -> None:
    lines, words, _ = alone(board, bundle_path, tmp_path, *glitch(board, FOR_EVER, 0.0, function), "--seconds", 9.0)
    assert [line for line in lines if line.startswith("kws")] == [f"kws {board} started by watchdog, listening"]
    (at,) = re.findall(r"([0-9.]+) s  reset, reason", words)
    assert WATCHDOG_S <= float(at) <= WATCHDOG_S + 0.1


@pytest.mark.parametrize("board", ["nrf52840dk", "stm32f407g_disc1"])
def test_a_fault_is_told_by_the_next_start_in_words(board: str, bundle_path: Path, tmp_path: Path) -> None:
    option, what = glitch(board, UNDEFINED, 1.0)
    lines, _, _ = alone(board, bundle_path, tmp_path, option, what, "--seconds", 1.5)
    pc = int(what.partition("=")[0], 16) & ~1
    told = re.search(  # behind the packet that told of it at once
        rf"kws {board} started by software after fault 3 at pc 0x{pc:08x} lr 0x\w{{8}} status 0x00010000, listening$",
        lines[-1],
    )
    assert told, lines
    assert lines[0] == f"kws {board} started by power, listening"


def test_a_fault_is_told_to_the_host_that_asks_after_it(bundle_path: Path) -> None:
    child = start_chip("nrf52840dk", bundle_path, options=glitch("nrf52840dk", UNDEFINED, 1.0))
    port = open_port(child.url, DEFAULT_BAUD, 10.0)
    heard, deadline = b"", time.monotonic() + 30
    while b"after fault" not in heard and time.monotonic() < deadline:
        heard += port.read(4096)
    with Board(Link(port, "nrf52840dk", 10.0), child.stop) as board:
        assert board.info.started_by == "software"
        assert board.info.last_fault.startswith("exception 3, status 0x00010000, pc 0x")
        assert board.stream(np.zeros(4000, np.int16)).samples == 4000


@pytest.mark.parametrize("board", ["nrf52840dk", "stm32f407g_disc1"])
def test_instructions_come_from_the_cache(board: str, bundle_path: Path, tmp_path: Path) -> None:
    _, _, counted = alone(board, bundle_path, tmp_path, "--seconds", 0.5)
    assert counted["cache_cycles"] > 0.99 * counted["cycles"]  # all but the start


def test_the_receiver_rests_without_a_host_and_a_host_gets_through(bundle_path: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "sound.wav", np.zeros(16000 * 6, np.int16))
    _, _, counted = alone("nrf52840dk", bundle_path, tmp_path, "--sound", tmp_path / "sound.wav")
    assert 2.4 < counted["receiver_cycles"] / counted["clock_hz"] < 2.7  # settling, then two seconds
    assert counted["cycles"] / counted["clock_hz"] > 6
    child = start_chip("nrf52840dk", bundle_path)
    port = open_port(child.url, DEFAULT_BAUD, 10.0)
    link = Link(port, "nrf52840dk", 30.0)
    started, deadline = link.greet().uptime_s, time.monotonic() + 120
    while link.greet().uptime_s < started + 4 and time.monotonic() < deadline:  # it rests two seconds after each
        time.sleep(3.0)
    with Board(link, child.stop) as board:
        assert board.stream(speech_like(0.5, seed=1)).samples == 8000
    assert child.report is not None
    assert child.report.receiver_cycles < child.report.cycles


def test_a_wake_word_opens_the_window_for_commands(bundle_path: Path, streaming_bundle: Bundle, tmp_path: Path) -> None:
    commands = random_bundle(seed=1)
    pair = tmp_path / "pair.kws"
    pair.write_bytes(bundle_path.read_bytes() + commands.data)
    sound = speech_like(9.0, seed=5)
    write_wav(tmp_path / "sound.wav", sound)
    lines, words, counted = alone("nrf52840dk", pair, tmp_path, "--pins", "--sound", tmp_path / "sound.wav")
    cascade = Cascade(streaming_bundle, commands)
    expected = cascade.feed(without_offset(sound)[SETTLING:])
    told = [["event", event.label, str(event.score), str(event.sample_index)] for event in expected]
    assert [line.split() for line in lines[1 : 1 + len(told)]] == told
    times = [event.sample_index / 16000 for event in expected]
    assert len(told) > 2
    assert times[-1] - times[0] > COMMAND_WINDOW_S  # it went back to the wake word
    assert "P0.29 high" in words
    assert counted["buffers_reused"] == 0


def test_a_microphone_that_wakes_lets_everything_rest_in_silence(tmp_path: Path) -> None:
    gated = random_bundle(seed=3, causal=True, gate=GateConfig(hangover_frames=0))
    gated.save(tmp_path / "gated.kws")
    sound = np.zeros(16000 * 34, np.int16)
    sound[16000 * 30 : 16000 * 33] = speech_like(3.0, seed=5)
    write_wav(tmp_path / "sound.wav", sound)
    lines, _, counted = alone("nrf52840dk_wake", tmp_path / "gated.kws", tmp_path, "--sound", tmp_path / "sound.wav")
    assert lines[0] == "kws nrf52840dk_wake started by power, listening"
    assert [line for line in lines[1:] if line.startswith("event ")] == lines[1:]  # the watchdog was fed in its sleep
    assert len(lines) > 1
    seconds = {name: counted[f"{name}_cycles"] / counted["clock_hz"] for name in ("microphone", "crystal", "receiver")}
    assert seconds["microphone"] < 2.6 + 3.0 + 2.6
    assert seconds["crystal"] < seconds["microphone"] + 0.1
    assert seconds["receiver"] < 2.7
    assert counted["cycles"] / counted["clock_hz"] > 34


def test_a_board_that_waits_for_sound_hears_what_a_host_sends(tmp_path: Path) -> None:
    gated = random_bundle(seed=3, causal=True, gate=GateConfig(hangover_frames=0))
    gated.save(tmp_path / "gated.kws")
    write_wav(tmp_path / "sound.wav", np.zeros(16000 * 600, np.int16))
    child = start_chip("nrf52840dk_wake", tmp_path / "gated.kws", sound=tmp_path / "sound.wav")
    port = open_port(child.url, DEFAULT_BAUD, 10.0)
    time.sleep(4.0)  # three seconds of its own, after which it waits, and more
    audio = speech_like(2.0, seed=5)
    with Board(Link(port, "nrf52840dk_wake", 10.0), child.stop) as board:
        assert board.stream(audio).detections == Pipeline(gated).feed(audio)
    assert child.report is not None
    assert child.report.crystal_cycles < child.report.cycles - child.report.clock_hz / 2  # it waited


def hear_busy(board: str, bundle: Path, sound: Path, percent: int) -> tuple[MicrophoneResult, ChipReport]:
    """Let a board hear while other work takes so much of its core."""
    child = start_chip(board, bundle, sound=sound, options=("--busy", str(percent)))
    with Board(Link(open_port(child.url, DEFAULT_BAUD, 30.0), board, 30.0), child.stop) as opened:
        result = opened.listen(20000)
    assert child.report is not None
    return result, child.report


@pytest.mark.parametrize("board", ["nrf52840dk", "stm32f407g_disc1"])
def test_no_sound_is_lost_by_a_core_that_is_busy_nine_tenths_of_the_time(
    board: str, bundle_path: Path, streaming_bundle: Bundle, tmp_path: Path
) -> None:
    write_wav(tmp_path / "sound.wav", speech_like(2.0, seed=5))
    result, counted = hear_busy(board, bundle_path, tmp_path / "sound.wav", 86)
    assert result.gaps == ()
    assert result.detections == Pipeline(streaming_bundle).feed(result.sound)
    assert result.detections
    assert counted.buffers_reused == 0
    assert counted.awake_share > 0.9


@pytest.mark.parametrize("board", ["nrf52840dk", "stm32f407g_disc1"])
def test_a_core_too_busy_for_all_sound_says_what_it_lost_and_goes_on(
    board: str, bundle_path: Path, tmp_path: Path
) -> None:
    slow = np.ones(128) / 10  # the microphone of bits is some samples late
    sound = np.convolve(np.random.default_rng(1).normal(0, 2000, 32000), slow, "same").astype(np.int16)
    write_wav(tmp_path / "sound.wav", sound)
    result, _ = hear_busy(board, bundle_path, tmp_path / "sound.wav", 98)
    assert result.gaps
    assert 20000 <= result.sound.size + result.lost_samples < 24000
    took, lost = 0, 0
    for gap in result.gaps:  # what lies between them is where it was played
        piece = result.sound[took : gap.position - lost]
        played = sound[SETTLING + took + lost :][: piece.size]
        assert np.corrcoef(piece, played)[0, 1] > 0.5
        took, lost = took + piece.size, lost + gap.samples


def test_a_cable_that_is_pulled_in_the_middle_of_a_replay_and_put_back(
    bundle_path: Path, streaming_bundle: Bundle
) -> None:
    """At once, and nobody notices; for longer than the host waits, and it says so, and the next replay is whole."""
    audio = speech_like(4.0, seed=5)
    pipeline = Pipeline(streaming_bundle)
    expected = pipeline.feed(audio)
    name = "xiao_nrf52840_sense"
    for seconds, patience_s in ((0.3, 30.0), (4.0, 1.5)):
        child = start_chip(name, bundle_path, options=("--unplug", f"60000,{seconds}"))
        port = open_port(child.url, DEFAULT_BAUD, 30.0)
        link = Link(port, name, 30.0)
        board = Board(link)
        link.timeout_s = patience_s
        if patience_s < seconds:
            with pytest.raises(BoardTimeoutError, match=r"has been silent for .* s while streaming: .* samples sent"):
                board.stream(audio)
            board = Board(Link(port, name, 30.0))
        with board:
            result = board.stream(audio)
            words = child.words()
        child.stop()
        assert "USB cable pulled" in words
        assert result.detections == expected
        np.testing.assert_array_equal(result.scores.posteriors, pipeline.scores.posteriors)
        assert result.samples == audio.size
