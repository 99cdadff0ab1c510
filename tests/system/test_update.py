# SPDX-License-Identifier: Apache-2.0
"""A bundle is replaced over the serial line, and whatever happens meanwhile the board has one that works.

Every operation of the flash is cut in tests/c/test_update.c, and on the emulated chips by benchmarks/update.py; here
the real drivers and the real application go through the cuts that matter.
"""

from __future__ import annotations

import contextlib
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from random_bundles import loudness_bundle, random_bundle

from kws.core import lib
from kws.device import Board, update
from kws.device.boards import open_link, open_port
from kws.device.build import build_firmware
from kws.device.chips import start_chip
from kws.device.launch import start_native
from kws.device.link import Link
from kws.device.protocol import pack
from kws.device.update import UpdateSteps, update_board
from kws.errors import BoardRefusedError, ConfigError, DeviceError
from kws.flash.image import model_images

OLD, NEW, NEXT = (random_bundle(seed=seed) for seed in (1, 3, 4))
PAGES = {"nrf52840dk": 4096, "stm32f407g_disc1": 131072}


@pytest.fixture
def old_path(tmp_path: Path) -> Path:
    OLD.save(tmp_path / "old.kws")
    return tmp_path / "old.kws"


def running(link: Link) -> int:
    info = link.greet()
    assert info.bundle_status == 0
    return int(info.bundle_crc32)


@pytest.fixture
def native(old_path: Path) -> Iterator[Link]:
    with open_link("native", bundle=old_path) as link:
        yield link


def test_two_updates_in_a_row_use_both_slots(native: Link) -> None:
    assert running(native) == OLD.crc32
    for bundle in (NEW, NEXT):
        told: list[tuple[int, int]] = []
        result = update_board(native, bundle, on_progress=lambda done, total: told.append((done, total)))  # noqa: B023
        assert (result.board, result.bundle_crc32, running(native)) == ("native", bundle.crc32, bundle.crc32)
        assert result.compared_scores > 50
        assert told[-1] == (len(bundle.data), len(bundle.data))


def test_a_bundle_whose_window_is_longer_than_the_usual_trial_is_compared_all_the_same(native: Link) -> None:
    long = loudness_bundle(window_frames=200)  # 4 s
    assert update_board(native, long).compared_scores == 8 * 2
    assert running(native) == long.crc32


def test_a_bundle_that_decides_nothing_in_its_trial_is_not_confirmed(
    native: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update, "TRIAL_S", 0.1)
    monkeypatch.setattr(update, "TRIAL_DECISIONS", 0)
    with pytest.raises(BoardRefusedError, match=r"no decision .* not confirmed"):
        update_board(native, NEW)


def test_the_command_updates_a_board_and_says_what_it_compared(tmp_path: Path, old_path: Path) -> None:
    NEW.save(tmp_path / "new.kws")
    command = [sys.executable, "-m", "kws", "update", tmp_path / "new.kws", "--board", "native", "--from", old_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert f"(CRC {NEW.crc32:08x}), confirmed: " in words
    assert "scores equal this computer's" in words


def test_bytes_that_come_while_flash_is_erased_are_counted_and_the_next_ones_are_right(old_path: Path) -> None:
    """The core stands still for 85 ms, in which a host that does not wait fills the buffer of DMA eight times."""
    child = start_chip("nrf52840dk", old_path)
    link = Link(open_port(child.url, 921600, 30.0), "nrf52840dk", 30.0)
    try:
        link.greet()
        begin = pack("update_begin", total_bytes=len(NEW.data), bundle_crc32=NEW.crc32)
        UpdateSteps(link).step(lib.KWS_MESSAGE_UPDATE_BEGIN, begin, "beginning an update")
        chunk = bytes(NEW.data[: int(lib.KWS_UPDATE_MAX_CHUNK_BYTES)])
        request = pack("update_chunk", offset=0, crc32=zlib.crc32(chunk)) + chunk
        link.send_all([(lib.KWS_MESSAGE_UPDATE_CHUNK, request)] * 30)
        Board(link)  # a session, in which a board tells of its line
        status = link.ask(lib.KWS_MESSAGE_POLL, pack("poll", token=1), lib.KWS_MESSAGE_STATUS).read("status")
        assert 0 < status.overruns < 30 * 300
        assert update_board(link, NEXT).bundle_crc32 == NEXT.crc32
    finally:
        link.port.close()
        child.stop()


def test_a_real_board_is_given_no_bundle_before_an_update(old_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/nowhere is no emulated board: .* and is not given .*old.kws"):
        open_link("/nowhere", bundle=old_path).__enter__()


def test_an_update_given_up_leaves_the_board_with_what_it_had(native: Link) -> None:
    native.greet()
    steps = UpdateSteps(native)
    data = bytes(NEW.data)
    begin = pack("update_begin", total_bytes=len(data), bundle_crc32=NEW.crc32)
    begun = steps.step(lib.KWS_MESSAGE_UPDATE_BEGIN, begin, "beginning")
    assert begun.running_crc32 == 0, "nothing runs while a bundle is written"
    assert running(native) == OLD.crc32, "the next host finds what was there"
    with pytest.raises(BoardRefusedError, match="no update is going on"):
        steps.step(lib.KWS_MESSAGE_UPDATE_FINISH, b"", "finishing")


def header_changed(offset: int, value: int) -> bytes:
    data = bytearray(NEW.data)
    struct.pack_into("<H", data, offset, value)
    struct.pack_into("<I", data, 12, zlib.crc32(data[16:]))
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "announced", "words"),
    [
        (bytes(NEW.data)[:-8], None, "no bundle has this size"),
        (bytes(2**21), None, "there is room for 1048512 bytes"),
        (header_changed(4, 9), None, "cannot run this bundle: .*version"),
        (bytes(NEW.data), NEW.crc32 ^ 1, "not the bundle that was announced"),
        (bytes(NEW.data)[:200] + b"\0" + bytes(NEW.data)[201:], None, "cannot run this bundle"),
    ],
    ids=["size", "too large", "version", "another", "altered"],
)
def test_what_is_no_bundle_for_this_board_is_refused_with_the_reason(
    native: Link, data: bytes, announced: int | None, words: str
) -> None:
    native.greet()
    steps = UpdateSteps(native)
    crc32 = struct.unpack_from("<I", data, 12)[0] if announced is None else announced
    with pytest.raises(BoardRefusedError, match=words):
        steps.transfer(data, crc32, lambda done, total: None)
    native.begin_session(pack("reset", operating_point=-1, wanted=0))
    assert running(native) == OLD.crc32


def test_a_bundle_that_needs_more_memory_than_the_board_has_is_refused(old_path: Path) -> None:
    large = random_bundle(seed=5, channels=32)
    assert large.arena_bytes > OLD.arena_bytes
    child = start_native(old_path, arena_bytes=OLD.arena_bytes)
    try:
        link = Link(open_port(child.url, 921600, 10.0), "native", 10.0)
        with pytest.raises(BoardRefusedError, match="cannot run this bundle: arena is smaller"):
            update_board(link, large)
        link.port.close()
    finally:
        child.stop()


def test_a_board_that_cannot_write_its_flash_says_so(old_path: Path) -> None:
    with (
        open_link("netduinoplus2", bundle=old_path) as link,
        pytest.raises(BoardRefusedError, match="its firmware cannot write its flash"),
    ):
        update_board(link, NEW)


def test_a_board_with_a_wake_word_and_commands_keeps_both_and_says_so(tmp_path: Path) -> None:
    for name, bundle in (("wake", OLD), ("commands", NEXT)):
        bundle.save(tmp_path / f"{name}.kws")
    elf = build_firmware("nrf52840dk", target="kws") / "kws.elf"
    (*_, pair) = model_images(tmp_path / "wake.kws", "nrf52840dk", elf, commands=tmp_path / "commands.kws")
    (tmp_path / "pair.kws").write_bytes(pair.data)
    with open_link("nrf52840dk", bundle=tmp_path / "pair.kws") as link:
        assert running(link) == OLD.crc32
        with pytest.raises(BoardRefusedError, match="an update would lose its bundle of commands; flash both again"):
            update_board(link, NEW)
        assert running(link) == OLD.crc32


def operations(board: str) -> int:
    """Flash operations up to the last word of the bundle: erasures of the trailer's page and of its own, words."""
    return 1 + -(-len(NEW.data) // PAGES[board]) + len(NEW.data) // 4


@pytest.mark.parametrize(
    ("board", "operation", "left"),
    [
        ("nrf52840dk", lambda words: words, {OLD.crc32}),  # the last word of the bundle
        ("nrf52840dk", lambda words: words + 5, {OLD.crc32, NEW.crc32}),  # the last word of the record
        ("stm32f407g_disc1", lambda words: words + 6, {OLD.crc32, NEW.crc32}),  # it is marked as tried
    ],
    ids=["word", "record", "tried"],
)
def test_a_cut_supply_leaves_a_bundle_that_works(board: str, operation, left: set[int], old_path: Path) -> None:
    number = operation(operations(board))
    child = start_chip(board, old_path, options=["--cut-supply", str(number)])
    try:
        link = Link(open_port(child.url, 921600, 10.0), board, 10.0)
        with contextlib.suppress(DeviceError):  # it knows of no update any more, or runs the old bundle
            update_board(link, NEW)
        assert running(link) in left
        update_board(link, NEXT)
        assert running(link) == NEXT.crc32
        link.port.close()
    finally:
        child.stop()
    assert child.report is not None
    assert child.report.flash_operations > number
