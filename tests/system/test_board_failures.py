# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way to a board is repaired or reported; it never hangs and never changes a result."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from random_bundles import speech_like

from kws.bundle import Bundle
from kws.core import lib
from kws.device import Board, open_board
from kws.device.boards import open_port
from kws.device.build import build_firmware
from kws.device.launch import Child, start_native, start_qemu
from kws.device.link import Link
from kws.device.protocol import encode, pack
from kws.errors import (
    BoardNotFoundError,
    BoardRefusedError,
    BoardTimeoutError,
    BundleError,
    ConfigError,
    DeviceError,
    KwsError,
    ProtocolError,
    ToolMissingError,
)
from kws.harness.faults import Faults, FaultyLine
from kws.pipeline import Pipeline

BOARDS = ("native", "netduinoplus2")


@pytest.fixture(scope="module")
def bundle_path(tmp_path_factory: pytest.TempPathFactory, streaming_bundle: Bundle) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "streaming.kws"
    streaming_bundle.save(path)
    return path


@pytest.fixture(params=BOARDS)
def child(request: pytest.FixtureRequest, bundle_path: Path) -> Iterator[Child]:
    started = start_native(bundle_path) if request.param == "native" else start_qemu(request.param, bundle_path)
    yield started
    started.stop()


@pytest.fixture
def native(bundle_path: Path) -> Iterator[Child]:
    started = start_native(bundle_path)
    yield started
    started.stop()


def connect(url: str, timeout_s: float = 10.0) -> Board:
    return Board(Link(open_port(url, 921600, timeout_s), "the board", timeout_s))


# -- the line ---------------------------------------------------------------------------------------------------------


FAULTS = {
    "corrupt": Faults(corrupt=2e-4),
    "drop": Faults(drop=2e-4, longest_run_bytes=80),
    "duplicate": Faults(duplicate=2e-4, longest_run_bytes=80),
    "reorder": Faults(reorder=2e-4, longest_run_bytes=80),
    "delay": Faults(delay=1.0),
    "stall": Faults(stall_after_bytes=20_000, stall_s=0.4),
    "all of them": Faults(corrupt=2e-4, drop=1e-4, duplicate=1e-4, reorder=1e-4, delay=0.02),
}


@pytest.mark.parametrize(
    ("child", "kind"),
    [*(("native", kind) for kind in FAULTS), ("netduinoplus2", "all of them")],
    indirect=["child"],
)
def test_a_line_with_faults_changes_no_result(child: Child, streaming_bundle: Bundle, kind: str) -> None:
    samples = speech_like(1.5, seed=5)
    pipeline = Pipeline(streaming_bundle)
    expected = pipeline.feed(samples)
    with FaultyLine(child.url, FAULTS[kind]) as line:
        board = connect(line.url)
        board.reset(features=True)
        result = board.stream(samples)
        assert line.injected.total() > 0
    assert result.detections == expected
    np.testing.assert_array_equal(result.scores.posteriors, pipeline.scores.posteriors)
    np.testing.assert_array_equal(result.scores.smoothed, pipeline.scores.smoothed)
    np.testing.assert_array_equal(result.frames, pipeline.frames)
    assert result.bad_packets > 0 or kind in ("delay", "stall")
    assert result.dropped_samples == 0


def test_answers_that_come_late_and_twice_name_no_label_wrongly(
    native: Child, streaming_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws.device.link.RETRY_S", 0.0)
    monkeypatch.setattr("kws.device.link.MAX_RETRY_S", 0.0)
    with FaultyLine(native.url, Faults(delay=1.0, delay_s=0.1)) as line:
        assert connect(line.url).info.labels == streaming_bundle.labels


def test_a_hopeless_line_is_reported_and_does_not_hang(native: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    """One HELLO of 12 bytes in four arrives whole, one INFO of more than 108 in a hundred thousand."""
    monkeypatch.setattr("kws.device.link.RETRY_S", 0.05)
    monkeypatch.setattr("kws.device.link.MAX_RETRY_S", 0.05)
    with FaultyLine(native.url, Faults(corrupt=0.1)) as line, pytest.raises(DeviceError, match="damaged packets"):
        connect(line.url, timeout_s=4.0)


def test_a_board_that_falls_silent_in_the_stream_is_reported_with_its_last_state(child: Child) -> None:
    with FaultyLine(child.url, Faults(stall_after_bytes=20_000, stall_s=float("inf"))) as line:
        board = connect(line.url)
        board._link.timeout_s = 1.0
        started = time.monotonic()
        with pytest.raises(
            BoardTimeoutError, match=r"silent for .* streaming: \d+ of 48000 samples sent, \d+ accepted"
        ):
            board.stream(speech_like(3.0))
        assert time.monotonic() - started < 30  # 2 s, on a busy machine more


def test_a_board_that_is_unplugged_is_reported_and_hears_rightly_when_it_is_back(
    native: Child, streaming_bundle: Bundle
) -> None:
    samples = speech_like(1.5, seed=5)
    with FaultyLine(native.url, Faults(unplug_after_bytes=20_000)) as line:
        with pytest.raises(DeviceError, match="the line to the board broke while streaming"):
            connect(line.url).stream(samples)
        assert connect(line.url).stream(samples).detections == Pipeline(streaming_bundle).feed(samples)


def test_a_board_that_starts_anew_behind_its_line_is_reported_and_hears_rightly_then(
    bundle_path: Path, streaming_bundle: Bundle
) -> None:
    samples, boards = speech_like(1.5, seed=5), [start_native(bundle_path)]

    def restart() -> str:
        boards[-1].stop()
        boards.append(start_native(bundle_path))
        return boards[-1].url

    try:
        with FaultyLine(boards[0].url, Faults(restart_after_bytes=20_000), restart=restart) as line:
            with connect(line.url) as board, pytest.raises(DeviceError, match="restarted while streaming"):
                board.stream(samples)
            assert connect(line.url).stream(samples).detections == Pipeline(streaming_bundle).feed(samples)
    finally:
        boards[-1].stop()


def test_faults_that_make_no_sense_are_refused(native: Child) -> None:
    with pytest.raises(ConfigError, match="drop: expected a probability from 0 to 1 and got 2"):
        Faults(drop=2.0)
    with pytest.raises(ConfigError, match="expected restart="):
        FaultyLine(native.url, Faults(restart_after_bytes=1))


def test_a_board_that_stops_is_reported(native: Child) -> None:
    board = connect(native.url)
    board._link.timeout_s = 0.5
    os.kill(native.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(BoardTimeoutError, match="0 accepted, 0 heard"):
            board.stream(speech_like(3.0))
    finally:
        os.kill(native.process.pid, signal.SIGCONT)


def test_a_line_that_breaks_is_reported(child: Child) -> None:
    board = connect(child.url)
    board._link.timeout_s = 1.0
    child.stop()
    with pytest.raises(DeviceError, match=r"the line to the board broke|silent"):
        board.stream(speech_like(3.0))


def test_a_board_that_restarts_in_the_stream_is_reported(native: Child) -> None:
    """Another host's RESET looks the same to this one: its session is over."""
    board = connect(native.url)
    intruder = encode(lib.KWS_MESSAGE_RESET, pack("reset", operating_point=-1, wanted=0), session=99)
    with pytest.raises(DeviceError, match="restarted while streaming"):
        board.stream(speech_like(3.0), on_scores=lambda *_: board._link.port.write(intruder))


def test_a_second_host_can_take_over_from_one_that_died_in_the_stream(native: Child, streaming_bundle: Bundle) -> None:
    samples = speech_like(2.0, seed=5)
    first = connect(native.url)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            first.stream(samples, on_scores=lambda *_: signal.raise_signal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    first._link.port.close()
    assert connect(native.url).stream(samples).detections == Pipeline(streaming_bundle).feed(samples)


def test_something_else_on_the_port_is_not_taken_for_a_board() -> None:
    child = Child(["cat"])
    host, device = os.openpty()
    try:
        with pytest.raises(BoardTimeoutError, match=r"silent for .* while greeting it; last message heard: nothing"):
            connect(os.ttyname(device), timeout_s=0.5)
    finally:
        os.close(host)
        os.close(device)
        child.stop()


def test_a_board_of_another_protocol_version_is_refused(native: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    class NewerHost:
        KWS_PROTOCOL_VERSION = lib.KWS_PROTOCOL_VERSION + 1

        def __getattr__(self, name: str) -> object:
            return getattr(lib, name)

    monkeypatch.setattr("kws.device.link.lib", NewerHost())
    with pytest.raises(
        ProtocolError,
        match=rf"speaks version {lib.KWS_PROTOCOL_VERSION} .* this host version {lib.KWS_PROTOCOL_VERSION + 1}",
    ):
        connect(native.url)


@pytest.mark.parametrize("spec", ["/dev/ttyNOSUCH", "nosuchboard", "socket://127.0.0.1:1", "nonsense://x"])
def test_a_port_that_does_not_exist_is_named_with_those_that_do(spec: str) -> None:
    with pytest.raises(BoardNotFoundError, match=r"cannot open .*netduinoplus2"):
        open_board(spec)


# -- the bundle -------------------------------------------------------------------------------------------------------


def damaged(data: bytes, change: Callable[[bytearray], None]) -> bytes:
    copy = bytearray(data)
    change(copy)
    return bytes(copy)


def flip_last(data: bytearray) -> None:
    data[-1] ^= 1


def halve(data: bytearray) -> None:
    del data[len(data) // 2 :]


def rename(data: bytearray) -> None:
    data[:4] = b"RIFF"


def age(data: bytearray) -> None:
    data[4:6] = struct.pack("<H", 9)


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.parametrize(
    ("change", "words"),
    [(flip_last, "checksum"), (halve, "truncated|checksum"), (rename, "not a"), (age, "version|format")],
)
def test_a_bad_bundle_on_the_board_is_refused_with_the_reason(
    name: str, change: Callable[[bytearray], None], words: str, streaming_bundle: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "bad.kws"
    path.write_bytes(damaged(streaming_bundle.data, change))
    with pytest.raises(BoardRefusedError, match=words):
        open_board(name, bundle=path)


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_without_a_bundle_says_so(name: str) -> None:
    with pytest.raises(BoardRefusedError, match=r"has no bundle that it can run: .* flash a bundle"):
        open_board(name)


def test_a_bundle_that_needs_more_memory_than_the_board_has_is_refused_with_both_sizes(
    bundle_path: Path, streaming_bundle: Bundle
) -> None:
    needed = Pipeline(streaming_bundle).arena_bytes
    with pytest.raises(BoardRefusedError, match=f"needs an arena of {needed} bytes and this board has {needed - 16};"):
        open_board("native", bundle=bundle_path, arena_bytes=needed - 16)
    with open_board("native", bundle=bundle_path, arena_bytes=needed) as board:
        assert board.info.arena_bytes == needed


def test_a_bundle_file_that_is_missing_or_larger_than_the_flash_is_refused_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such bundle"):
        open_board("native", bundle=tmp_path / "nosuch.kws")
    large = tmp_path / "large.kws"
    with open(large, "wb") as file:
        file.truncate(1 << 20)
    with pytest.raises(BoardRefusedError, match="1048576 bytes, but netduinoplus2 has 917504 bytes of flash"):
        open_board("netduinoplus2", bundle=large)


def test_a_real_board_with_another_bundle_in_its_flash_is_refused(
    native: Child, window_bundle: Bundle, tmp_path: Path
) -> None:
    other = tmp_path / "other.kws"
    window_bundle.save(other)
    with pytest.raises(BoardRefusedError, match="flash the bundle first"):
        open_board(native.url, bundle=other)


# -- the board --------------------------------------------------------------------------------------------------------


def disassembly(board: str) -> list[tuple[int, str, str]]:
    """Return the instructions of a board's firmware: address, function, mnemonic."""
    elf = build_firmware(board, target="kws") / "kws.elf"
    found, function = [], ""
    listing = subprocess.run(["arm-none-eabi-objdump", "-d", elf], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        if (label := re.match(r"[0-9a-f]+ <(\w+)[.\w]*>:", line)) is not None:
            function = label[1]
        elif len(columns := line.split("\t")) > 2:
            found.append((int(columns[0].rstrip(":"), 16), function, columns[2].strip()))
    return found


def patched_firmware(address: int, folder: Path, board: str = "netduinoplus2") -> Path:
    """Return a copy of an emulated board's firmware with an undefined instruction there."""
    original = build_firmware(board, target="kws") / "kws.elf"
    image = bytearray(original.read_bytes())
    table, count = struct.unpack_from("<I", image, 28)[0], struct.unpack_from("<H", image, 44)[0]
    for index in range(count):
        kind, offset, start, _, size = struct.unpack_from("<5I", image, table + 32 * index)
        if kind == 1 and start <= address < start + size:
            struct.pack_into("<H", image, offset + address - start, 0xDE00)
    patched = folder / "patched.elf"
    patched.write_bytes(image)
    return patched


def test_a_crash_of_the_processor_is_reported_with_its_address(bundle_path: Path, tmp_path: Path) -> None:
    address = next(at for at, function, _ in disassembly("netduinoplus2") if function == "kws_smoothing_step")
    child = start_qemu("netduinoplus2", bundle_path, program=patched_firmware(address, tmp_path))
    try:
        board = connect(child.url)
        with pytest.raises(DeviceError, match=rf"crashed while streaming.* pc 0x{address:08x}, "):
            board.stream(speech_like(2.0, seed=5))
    finally:
        child.stop()


@pytest.mark.parametrize("board", ["netduinoplus2", "microbit"])
def test_a_crash_in_the_main_loop_itself_has_its_address_too(board: str, bundle_path: Path, tmp_path: Path) -> None:
    """Its frame lies at the top of the stack, which the report of the fault needs for itself."""
    ((address, function),) = ((at, function) for at, function, word in disassembly(board) if word == "wfi")
    assert function == "main"
    child = start_qemu(board, bundle_path, program=patched_firmware(address, tmp_path, board))
    try:
        with pytest.raises(DeviceError, match=rf"crashed.* pc 0x{address:08x}, "):
            connect(child.url).stream(np.zeros(16000, np.int16))
    finally:
        child.stop()


def test_missing_tools_are_named_with_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "apt-get").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match=r"is not installed; run: sudo apt-get install"):
        open_board("netduinoplus2")
    assert shutil.which("qemu-system-arm") is None


def test_every_failure_is_a_kws_error() -> None:
    assert issubclass(DeviceError, KwsError)
    assert issubclass(ToolMissingError, KwsError)
