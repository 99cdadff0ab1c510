# SPDX-License-Identifier: Apache-2.0
"""Sound at the microphone of an emulated board: what it hears is what was played, and what it makes of it is what the
host library makes of the same samples, bit for bit. The image is the one that is flashed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from random_bundles import random_bundle, speech_like

from kws.audio import read_audio, write_wav
from kws.bundle import Bundle
from kws.core import ffi, lib
from kws.device import Board, open_board
from kws.device.boards import open_port
from kws.device.build import build_firmware
from kws.device.chips import build_emulator, emulated_chip, start_chip
from kws.device.link import Link
from kws.device.sizes import linker_symbols
from kws.errors import BoardRefusedError
from kws.harness.listener import open_listener
from kws.pipeline import Pipeline

BOARDS = {"nrf52840dk": "P0.29", "xiao_nrf52840_sense": "P0.02", "nano33ble_sense": "P1.11"}
"""Board -> the pin that shows an event."""
SETTLING = 16000 * int(lib.KWS_SETTLING_MS) // 1000


def played(tmp_path: Path, samples: np.ndarray) -> Path:
    path = tmp_path / "sound.wav"
    write_wav(path, samples)
    return path


def without_offset(samples: np.ndarray) -> np.ndarray:
    blocker, out = ffi.new("kws_dc_blocker_t *"), np.empty_like(samples)
    lib.kws_dc_blocker_reset(blocker)
    target = ffi.cast("int16_t *", ffi.from_buffer(out))
    lib.kws_dc_blocker_step(blocker, ffi.from_buffer("int16_t[]", samples), target, samples.size)
    return out


@pytest.fixture(scope="module")
def bundle_path(tmp_path_factory: pytest.TempPathFactory, streaming_bundle: Bundle) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "streaming.kws"
    streaming_bundle.save(path)
    return path


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_hears_what_is_played_and_makes_of_it_what_the_host_makes(
    name: str, bundle_path: Path, streaming_bundle: Bundle, tmp_path: Path
) -> None:
    sound = speech_like(3.0, seed=5)
    with open_board(name, bundle=bundle_path, sound=played(tmp_path, sound)) as board:
        result = board.listen(30000, features=True)
        again = board.listen(20000)  # from the beginning of the sound: the microphone starts anew
    assert result.gaps == ()
    np.testing.assert_array_equal(result.sound, without_offset(sound)[SETTLING : SETTLING + result.sound.size])
    assert 30000 <= result.sound.size < 30200
    np.testing.assert_array_equal(again.sound, result.sound[: again.sound.size])
    pipeline = Pipeline(streaming_bundle)
    expected = pipeline.feed(result.sound)
    assert expected, "the sound makes no event: this compares nothing"
    assert result.detections == expected
    np.testing.assert_array_equal(result.scores.posteriors, pipeline.scores.posteriors)
    np.testing.assert_array_equal(result.scores.sample_index, pipeline.scores.sample_index)
    np.testing.assert_array_equal(result.frames, pipeline.frames)


@pytest.mark.parametrize(
    ("name", "subtype"), [("float.wav", "FLOAT"), ("of_24_bits.flac", "PCM_24"), ("lies.wav", "PCM_16")]
)
def test_a_microphone_hears_what_every_command_hears_of_a_file(
    name: str, subtype: str, bundle_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    soundfile.write(path, speech_like(1.5, seed=5) / 32768, 16000, subtype=subtype)
    if name == "lies.wav":
        path.write_bytes(path.read_bytes()[:40] + bytes(4) + path.read_bytes()[44:])  # 0 bytes of audio, it says
    with open_board("nrf52840dk", bundle=bundle_path, sound=path) as board:
        heard = board.listen(8000).sound
    assert np.abs(heard).max() > 1000
    np.testing.assert_array_equal(heard, without_offset(read_audio(path))[SETTLING : SETTLING + heard.size])


def test_sound_for_a_board_that_is_not_emulated_is_refused(bundle_path: Path, tmp_path: Path) -> None:
    sound = played(tmp_path, np.zeros(32000, np.int16))
    with pytest.raises(BoardRefusedError, match=r"native: no recording .* nrf52840dk"):
        open_board("native", bundle=bundle_path, sound=sound)


@pytest.mark.parametrize("name", BOARDS)
def test_without_a_host_events_are_lines_of_text_and_a_lamp(
    name: str, bundle_path: Path, streaming_bundle: Bundle, tmp_path: Path
) -> None:
    sound = speech_like(3.0, seed=5)
    expected = Pipeline(streaming_bundle).feed(without_offset(sound)[SETTLING:])
    emulated = emulated_chip(name)
    assert emulated is not None
    firmware = build_firmware(name, target="kws") / "kws.elf"
    report = tmp_path / "report.json"
    address = linker_symbols(firmware)["kws_bundle_start"]
    done = subprocess.run(
        [build_emulator(emulated.chip), *emulated.options, "--pins", "--sound", played(tmp_path, sound), "--load",
         f"{bundle_path}@{address:#x}", "--report", report, firmware],
        capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    if "--usb" not in emulated.options:  # a port that nobody has opened yet swallows the first line
        assert lines.pop(0) == f"kws {name} started by power, listening"
    heard = [line.split() for line in lines]
    told = [["event", event.label, str(event.score), str(event.sample_index)] for event in expected]
    assert heard[: len(told)] == told  # the silence behind the file may make more
    rises = [float(at) for at in re.findall(rf"([0-9.]+) s  {re.escape(BOARDS[name])} high", done.stderr)]
    assert rises
    # The lamp goes on within a block of the microphone and the time it takes to think.
    assert 0 < rises[0] - (expected[0].sample_index + SETTLING) / 16000 < 0.06
    counted = json.loads(report.read_text())
    assert counted["buffers_reused"] == 0
    assert 1 - counted["sleep_cycles"] / counted["cycles"] < 0.25


@pytest.mark.parametrize("name", BOARDS)
def test_offset_and_start_of_a_real_microphone_fade(name: str, bundle_path: Path, tmp_path: Path) -> None:
    """A constant of a twentieth of full scale and a step that fades are gone after a second."""
    sound = played(tmp_path, np.zeros(32000, np.int16))
    flaws = ("--offset", "150", "--transient", "3000")  # before the amplifier of 20 dB
    child = start_chip(name, bundle_path, sound=sound, options=flaws)
    with Board(Link(open_port(child.url, 921600, 10.0), name, 10.0), child.stop) as board:
        heard = board.listen(24000).sound
    assert np.abs(heard[:1600]).max() < 600
    assert np.abs(heard[8000:]).max() <= 10


@pytest.mark.parametrize("name", BOARDS)
def test_audio_from_the_line_and_sound_take_turns(
    name: str, bundle_path: Path, streaming_bundle: Bundle, tmp_path: Path
) -> None:
    audio = speech_like(1.5, seed=7)
    with open_board(name, bundle=bundle_path, sound=played(tmp_path, speech_like(2.0, seed=5))) as board:
        for _ in range(2):
            board.reset()
            result = board.stream(audio)
            pipeline = Pipeline(streaming_bundle)
            pipeline.feed(audio)
            np.testing.assert_array_equal(result.scores.posteriors, pipeline.scores.posteriors)
            assert board.listen(8000).sound.size >= 8000


def decimated(bits: Path) -> np.ndarray:
    """What the core makes of the bits that the microphone gave, without offset."""
    words = np.fromfile(bits, "<u2")
    words = words[: words.size // lib.KWS_PDM_PIECE_WORDS * lib.KWS_PDM_PIECE_WORDS]
    decimator, out = ffi.new("kws_pdm_t *"), np.empty(words.size // lib.KWS_PDM_WORDS_PER_SAMPLE, np.int16)
    lib.kws_pdm_init(decimator, 3)
    target = ffi.cast("int16_t *", ffi.from_buffer(out))
    lib.kws_pdm_step(decimator, ffi.from_buffer("uint16_t[]", words), words.size, target)
    return without_offset(out)


def test_a_microphone_of_bits_is_decimated_as_on_the_host(
    bundle_path: Path, streaming_bundle: Bundle, tmp_path: Path
) -> None:
    bits, sound = tmp_path / "bits", played(tmp_path, speech_like(2.0, seed=5))
    options = ("--bits-out", str(bits))
    child = start_chip("stm32f407g_disc1", bundle_path, sound=sound, options=options)
    with Board(Link(open_port(child.url, 921600, 10.0), "disc1", 10.0), child.stop) as board:
        result = board.listen(20000, features=True)
        expected = decimated(bits)[SETTLING:]  # now: once the host is gone the microphone starts anew
    assert result.gaps == ()
    np.testing.assert_array_equal(result.sound, expected[: result.sound.size])
    pipeline = Pipeline(streaming_bundle)
    assert result.detections == pipeline.feed(result.sound)
    np.testing.assert_array_equal(result.scores.posteriors, pipeline.scores.posteriors)
    np.testing.assert_array_equal(result.frames, pipeline.frames)


def test_the_discovery_board_tells_its_events_and_lights_its_lamp(
    bundle_path: Path, streaming_bundle: Bundle, tmp_path: Path
) -> None:
    bits, sound = tmp_path / "bits", played(tmp_path, speech_like(2.0, seed=5))
    firmware = build_firmware("stm32f407g_disc1", target="kws") / "kws.elf"
    emulated = emulated_chip("stm32f407g_disc1")
    assert emulated is not None
    address = linker_symbols(firmware)["kws_bundle_start"]
    done = subprocess.run(
        [build_emulator(emulated.chip), *emulated.options, "--pins", "--sound", sound, "--bits-out", bits, "--load",
         f"{bundle_path}@{address:#x}", firmware],
        capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "kws stm32f407g_disc1 started by power, listening"
    expected = Pipeline(streaming_bundle).feed(decimated(bits)[SETTLING:])
    told = [f"event {event.label} {event.score} {event.sample_index}" for event in expected]
    assert told
    assert lines[1 : 1 + len(told) - 1] == told[:-1]  # the last may come after the end
    assert "P3.12 high" in done.stderr


def test_a_board_without_a_microphone_says_so(bundle_path: Path) -> None:
    with open_board("native", bundle=bundle_path) as board:
        with pytest.raises(BoardRefusedError, match="no microphone"):
            board.listen(1000)
        assert board.stream(np.zeros(4000, np.int16)).samples == 4000


def test_replay_through_the_microphone_is_a_session_like_any_other(tmp_path: Path) -> None:
    bundle = random_bundle(seed=1)
    path = tmp_path / "model.kws"
    bundle.save(path)
    audio = speech_like(1.5, seed=9)
    with open_listener("nrf52840dk", path, features=True, microphone=True) as listener:
        heard = listener.hear(audio)
    assert heard.sound is not None
    assert heard.sound.size >= audio.size
    pipeline = Pipeline(bundle)
    assert list(heard.events) == pipeline.feed(heard.sound)
    np.testing.assert_array_equal(heard.scores.posteriors, pipeline.scores.posteriors)
    assert listener.dropped_samples == 0
