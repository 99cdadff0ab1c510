# SPDX-License-Identifier: Apache-2.0
"""Flashing, each way against a stand-in that speaks the real protocol: what arrives is what was built."""

from __future__ import annotations

import binascii
import contextlib
import os
import pty
import re
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from random_bundles import random_bundle
from serial.tools.list_ports_common import ListPortInfo
from typer.testing import CliRunner

from kws.bundle import Bundle
from kws.cli import build_app
from kws.device.build import build_firmware
from kws.device.sizes import binutil
from kws.errors import BoardNotFoundError, BoardRefusedError, ConfigError, DeviceError, ProtocolError
from kws.features import FeaturesConfig
from kws.flash import Image, firmware_image, ways
from kws.flash.image import model_images
from kws.flash.samba import Samba, flash_samba
from kws.flash.uf2 import find_drive, flash_uf2, from_uf2, to_uf2, wait_for_drive

FAMILY = 0xADA52840


@pytest.fixture(scope="module")
def bundle_path(tmp_path_factory: pytest.TempPathFactory, streaming_bundle: Bundle) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "streaming.kws"
    streaming_bundle.save(path)
    return path


def images_for(board: str, bundle: Path) -> list[Image]:
    elf = build_firmware(board, target="kws") / "kws.elf"
    return [firmware_image(elf), *model_images(bundle, board, elf)]


def memory_of(images: list[Image]) -> dict[int, int]:
    return {image.address + at: byte for image in images for at, byte in enumerate(image.data)}


def test_the_image_is_what_objcopy_makes_of_it(tmp_path: Path) -> None:
    elf = build_firmware("nrf52840dk", target="kws") / "kws.elf"
    binary = tmp_path / "kws.bin"
    binutil("objcopy", "-O", "binary", str(elf), str(binary))
    image = firmware_image(elf)
    assert image.address == 0
    assert image.data == binary.read_bytes()


def test_what_is_no_arm_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kws.elf"
    path.write_bytes(b"\x7fELF\x02\x01" + bytes(100))
    with pytest.raises(DeviceError, match="expected an ELF image for ARM"):
        firmware_image(path)


def test_a_model_too_large_for_its_flash_is_refused(bundle_path: Path) -> None:
    elf = build_firmware("xiao_nrf52840_sense", target="kws") / "kws.elf"
    symbols = {"kws_bundle_start": 0x80000, "kws_bundle_end": 0x83000}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kws.device.slots.linker_symbols", lambda _elf: symbols)
        with pytest.raises(BoardRefusedError, match="4032 bytes of flash for a model"):  # a page less its trailer
            model_images(bundle_path, "xiao_nrf52840_sense", elf)


def test_a_model_that_the_board_could_not_start_is_refused(bundle_path: Path, tmp_path: Path) -> None:
    elf = build_firmware("xiao_nrf52840_sense", target="kws") / "kws.elf"
    random_bundle(features=FeaturesConfig(sample_rate_hz=8000)).save(tmp_path / "slow.kws")
    with pytest.raises(ConfigError, match=r"16000 Hz and .*slow\.kws at 8000 Hz: expected one rate"):
        model_images(bundle_path, "xiao_nrf52840_sense", elf, commands=tmp_path / "slow.kws")
    need = Bundle.load(bundle_path).arena_bytes
    with pytest.MonkeyPatch.context() as patch:
        arena = {"kws_arena_start": 0, "kws_arena_end": need - 16}
        patch.setattr("kws.flash.image.linker_symbols", lambda _elf: arena)
        with pytest.raises(BoardRefusedError, match=rf"needs {need} bytes of memory, but the board has {need - 16}"):
            model_images(bundle_path, "xiao_nrf52840_sense", elf)


def test_a_model_that_is_flashed_makes_earlier_updates_void(bundle_path: Path) -> None:
    elf = build_firmware("nrf52840dk", target="kws") / "kws.elf"
    *blanks, model = model_images(bundle_path, "nrf52840dk", elf)
    assert model.address == 0x80000
    assert model.data == bundle_path.read_bytes() + b"\xff" * 16, "nor is what was behind it taken for commands"
    assert [blank.address + len(blank.data) for blank in blanks] == [0xC0000, 0x100000]
    assert all(blank.data == b"\xff" * 4096 for blank in blanks)
    assert len(model_images(bundle_path, "netduinoplus2", build_firmware("netduinoplus2") / "kws.elf")) == 1


def test_a_model_that_ends_in_the_last_page_of_its_slot_leaves_every_block_aligned(
    bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The XIAO's bootloader passes over blocks at addresses that are no multiple of 256, and never restarts."""
    pair = bundle_path.read_bytes() * 2
    slot = -(-(len(pair) + 64) // 4096) * 4096
    assert slot - 4096 < len(pair) < slot - 64
    symbols = {"kws_bundle_start": 0x80000, "kws_bundle_end": 0x80000 + 2 * slot}
    monkeypatch.setattr("kws.device.slots.linker_symbols", lambda _elf: symbols)
    elf = build_firmware("xiao_nrf52840_sense", target="kws") / "kws.elf"
    images = model_images(bundle_path, "xiao_nrf52840_sense", elf, commands=bundle_path)
    assert all(address % 256 == 0 for address, _, _ in from_uf2(to_uf2(images, FAMILY)))
    memory = memory_of(images)
    assert bytes(memory[0x80000 + at] for at in range(slot)) == pair.ljust(slot, b"\xff")
    assert bytes(memory[0x80000 + slot + at] for at in range(slot - 4096, slot)) == b"\xff" * 4096


# -- the drive of the XIAO's bootloader -----------------------------------------------------------------------------


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    folder = tmp_path / "XIAO-SENSE"
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text("UF2 Bootloader 0.6.1\r\nModel: Seeed XIAO nRF52840\r\nBoard-ID: XIAO\r\n")
    return folder


def test_blocks_on_the_drive_hold_firmware_and_model(drive: Path, bundle_path: Path) -> None:
    images = images_for("xiao_nrf52840_sense", bundle_path)
    told: list[tuple[int, int]] = []
    flash_uf2(drive, images, FAMILY, lambda done, total: told.append((done, total)))
    data = (drive / "kws.uf2").read_bytes()
    written: dict[int, int] = {}
    for address, family, payload in from_uf2(data):
        assert family == FAMILY
        assert 0x27000 <= address < 0xED000  # neither SoftDevice nor what the bootloader keeps
        written |= {address + at: byte for at, byte in enumerate(payload)}
    expected = memory_of(images)
    assert {at: written[at] for at in expected} == expected
    assert all(byte == 0xFF for at, byte in written.items() if at not in expected)
    assert told[-1] == (len(data), len(data))


def test_one_block_is_laid_out_as_the_format_says() -> None:
    block = to_uf2([Image(name="x", address=0x27000, data=b"\x01\x02")], FAMILY)
    assert len(block) == 512
    assert block[:8] == bytes.fromhex("5546320a57515d9e")
    assert block[8:32] == bytes.fromhex("00200000 00700200 00010000 00000000 01000000 4028a5ad")
    assert block[32:36] == b"\x01\x02\xff\xff"
    assert block[508:] == bytes.fromhex("306fb10a")


def test_a_drive_is_known_by_its_label_or_by_the_board_it_names(tmp_path: Path, drive: Path) -> None:
    assert find_drive("XIAO-SENSE", [tmp_path / "nothing", drive]) == drive
    renamed = drive.rename(tmp_path / "disk")
    (renamed / "INFO_UF2.TXT").write_text("Board-ID: nRF52840-SeeedXiaoSense-v1\r\n")
    assert find_drive("XiaoSense", [renamed]) == renamed
    assert find_drive("FEATHER", [renamed]) is None


def test_two_drives_are_not_guessed_between(tmp_path: Path, drive: Path) -> None:
    (tmp_path / "media").symlink_to(tmp_path)
    assert find_drive("XIAO-SENSE", [drive, tmp_path / "media" / drive.name]) == drive, "one drive in two places"
    other = tmp_path / "XIAO-SENSE1"
    other.mkdir()
    (other / "INFO_UF2.TXT").write_text("Board-ID: nRF52840-SeeedXiaoSense-v1\r\n")
    with pytest.raises(ConfigError, match=rf"2 drives XIAO-SENSE: {drive}, {other}; name one with --drive"):
        find_drive("XIAO-SENSE", [drive, other])


def test_a_folder_that_is_no_bootloaders_drive_is_not_flashed(tmp_path: Path, drive: Path) -> None:
    image = Image(name="x", address=0x27000, data=b"1")
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match=rf"--drive {folder}: expected the drive of XIAO-SENSE's bootloader"):
            ways.flash("xiao_nrf52840_sense", [image], drive=folder)
    assert not (tmp_path / "kws.uf2").exists()
    ways.flash("xiao_nrf52840_sense", [image], drive=drive)
    assert (drive / "kws.uf2").stat().st_size == 512


def test_a_drive_that_never_comes_is_said_with_what_to_press() -> None:
    with pytest.raises(BoardNotFoundError, match="reset button twice"):
        wait_for_drive("XIAO-SENSE", timeout_s=0.0, find=lambda _label: None)


def test_a_drive_that_goes_away_in_between_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="went away after 0 of 512 bytes"):
        flash_uf2(tmp_path / "gone", [Image(name="x", address=0x27000, data=b"1")], FAMILY, lambda done, total: None)


# -- the Nano's bootloader ------------------------------------------------------------------------------------------


class Bootloader(threading.Thread):
    """What answers at the other end of a pty; flash by offset from the application's base."""

    def __init__(self, version: bytes = b"Arduino Bootloader (SAM-BA extended) 2.0 [Arduino:IKXYZ]") -> None:
        super().__init__(daemon=True)
        self._line, slave = pty.openpty()
        tty.setraw(self._line)
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave
        self.version = version
        self.flash: dict[int, int] = {}
        self.buffer = b""
        self.restarted = False
        self.spoils: int | None = None

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += os.read(self._line, count - len(data))
        return data

    def run(self) -> None:
        with contextlib.suppress(OSError):  # the port is closed
            self.serve()

    def serve(self) -> None:
        buffer_at = None
        while not self.restarted:
            command = b""
            while not command.endswith(b"#"):
                command += self._read(1)
            letter, numbers = command[:1], [int(text, 16) for text in command[1:-1].decode().split(",") if text]
            if letter == b"N":
                os.write(self._line, b"\n\r")
            elif letter == b"V":
                os.write(self._line, self.version + b"\n\r")
            elif letter == b"X":
                self.flash = {at: byte for at, byte in self.flash.items() if at < numbers[0]}
                os.write(self._line, b"X\n\r")
            elif letter == b"S":
                buffer_at, self.buffer = numbers[0], self._read(numbers[1])
            elif letter == b"Y" and numbers[1] == 0:
                assert numbers[0] == buffer_at
                os.write(self._line, b"Y\n\r")
            elif letter == b"Y":
                assert numbers[1] <= 4096
                self.flash |= {numbers[0] + at: byte for at, byte in enumerate(self.buffer[: numbers[1]])}
                if self.spoils in self.flash:
                    self.flash[self.spoils] ^= 1
                os.write(self._line, b"Y\n\r")
            elif letter == b"Z":
                data = bytes(self.flash[at] for at in range(numbers[0], numbers[0] + numbers[1]))
                os.write(self._line, b"Z%08X#\n\r" % binascii.crc_hqx(data, 0))
            elif letter == b"K":
                self.restarted = True


@pytest.fixture
def bootloader() -> Iterator[Bootloader]:
    thread = Bootloader()
    thread.start()
    yield thread
    os.close(thread._slave)


def test_pages_of_the_nano_hold_firmware_and_model(bootloader: Bootloader, bundle_path: Path) -> None:
    images = images_for("nano33ble_sense", bundle_path)
    ways.flash("nano33ble_sense", images, port=bootloader.port)
    bootloader.join(60)
    expected = {at - 0x10000: byte for at, byte in memory_of(images).items()}
    assert {at: bootloader.flash.get(at, 0xFF) for at in expected} == expected
    assert bootloader.restarted


def test_a_page_that_does_not_read_back_is_an_error(bootloader: Bootloader) -> None:
    bootloader.spoils = 5000
    image = Image(name="x", address=0x10000, data=bytes(9000))
    with serial.Serial(bootloader.port) as line, pytest.raises(DeviceError, match=r"page at 0x11000"):
        flash_samba(line, [image], 0x10000, lambda done, total: None)


@pytest.mark.parametrize(
    ("version", "error", "words"),
    [
        (b"v2.0", ProtocolError, "no Arduino bootloader"),
        (b"v2 [Arduino:IK]", BoardRefusedError, "lacks the commands X"),
    ],
)
def test_another_bootloader_is_refused(version: bytes, error: type[Exception], words: str) -> None:
    thread = Bootloader(version)
    thread.start()
    with serial.Serial(thread.port) as line, pytest.raises(error, match=words):
        Samba(line, 0x10000)


def test_a_port_that_is_none_is_said_in_words() -> None:
    with pytest.raises(DeviceError, match=r"/nowhere: .*No such file or directory.*; reset the board twice"):
        ways.flash("nano33ble_sense", [], port="/nowhere")


def test_two_boards_are_not_guessed_between(monkeypatch: pytest.MonkeyPatch) -> None:
    def plug_in(*names: str) -> None:
        ports = [ListPortInfo(name) for name in names]
        for port in ports:
            port.vid, port.pid = 0x2341, 0x805A
        monkeypatch.setattr("serial.tools.list_ports.comports", lambda: ports)

    plug_in("/dev/ttyACM0")
    assert ways.find_port("2341:805A") == "/dev/ttyACM0"
    assert ways.find_port("2341:005A") is None
    plug_in("/dev/ttyACM1", "/dev/ttyACM0")
    with pytest.raises(ConfigError, match=r"2 boards \(USB 2341:805A\): /dev/ttyACM0, /dev/ttyACM1; leave one"):
        ways.flash("nano33ble_sense", [])


# -- debug probes ---------------------------------------------------------------------------------------------------


def test_the_installed_pyocd_understands_its_command_line(tmp_path: Path) -> None:
    """Without a probe it gets as far as looking for one."""
    image = Image(name="firmware", address=0, data=bytes(64))
    command = ways.probe_command(ways.way_of("nrf52840dk"), [image], tmp_path)
    assert command[:4] == [sys.executable, "-m", "pyocd", "flash"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    words = done.stdout + done.stderr
    assert done.returncode != 0
    assert "No connected debug probes" in words, words


def test_the_installed_openocd_understands_its_command_line(tmp_path: Path) -> None:
    """Without a probe it gets as far as opening it; with a simulated chip it would go on with our script."""
    images = [Image(name="firmware", address=0x08000000, data=bytes(64))]
    command = ways.probe_command(ways.way_of("stm32f407g_disc1"), images, tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "Error: open failed" in done.stderr, done.stderr
    # With a chip that is none it says how each command of the script is used.
    steps = [step.split() for step in command[-1].split("; ")]
    names = {" ".join(step[:2]) if step[0] == "flash" else step[0] for step in steps}
    assert names == {"init", "reset", "flash write_image", "verify_image", "shutdown"}
    chip = (
        "adapter driver dummy; adapter speed 1000; transport select jtag; jtag newtap x cpu -irlen 4 -expected-id 0; "
    )
    chip += "target create t testee -chain-position x.cpu; init; "
    asked = "".join(f"usage {name.split()[0]}; " for name in sorted(names))
    known = subprocess.run(
        ["openocd", "-c", f"{chip}{asked}shutdown"], capture_output=True, text=True, check=False, timeout=60
    )
    listed = known.stdout + known.stderr
    names.remove("flash write_image")  # there only with a flash bank, which takes a real chip
    assert all(re.search(rf"^ *{name}\b", listed, re.MULTILINE) for name in names), listed


def test_a_probe_is_chosen_by_its_serial_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image(name="firmware", address=0, data=bytes(64))
    for board, words in (("nrf52840dk", "No connected debug probe matches unique ID '0123AB'"),
                         ("stm32f407g_disc1", "Error: open failed")):  # fmt: skip
        command = ways.probe_command(ways.way_of(board), [image], tmp_path, "0123AB")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode != 0
        assert words in done.stdout + done.stderr
    monkeypatch.setattr(ways, "found_probes", lambda: ["J-Link (1)", "J-Link (2)"])
    with pytest.raises(ConfigError, match=r"2 debug probes: J-Link \(1\), J-Link \(2\); name one with --probe"):
        ways.flash("nrf52840dk", [image])


# -- the command ----------------------------------------------------------------------------------------------------


def run(*arguments: object) -> str:
    result = CliRunner().invoke(build_app({"flash": "kws.cli.flash"}), ["flash", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_a_dry_run_says_what_goes_where(bundle_path: Path) -> None:
    text = run(bundle_path, "--board", "xiao_nrf52840_sense", "--dry-run")
    assert re.search(r"firmware: [\d,]+ bytes to 0x00027000", text)
    assert re.search(r"model streaming\.kws: [\d,]+ bytes to 0x00080000", text)
    assert "copy to the drive XIAO-SENSE" in text
    assert "firmware:" not in run(bundle_path, "--board", "nrf52840dk", "--model-only", "--dry-run")


def test_a_bundle_of_commands_lies_right_behind_that_of_the_wake_word(bundle_path: Path) -> None:
    elf = build_firmware("nrf52840dk", target="kws") / "kws.elf"
    (*_, pair) = model_images(bundle_path, "nrf52840dk", elf, commands=bundle_path)
    assert pair.data == bundle_path.read_bytes() * 2
    assert len(pair.data) % 32 == 0
    text = run(bundle_path, "--commands", bundle_path, "--board", "nrf52840dk", "--model-only", "--dry-run")
    assert re.search(r"model streaming\.kws and streaming\.kws: [\d,]+ bytes to 0x00080000", text)
    with pytest.raises(ConfigError, match="in front"):
        run("--commands", bundle_path, "--board", "nrf52840dk")


def test_the_list_names_every_board_that_can_be_flashed() -> None:
    text = run("--list")
    assert ways.flashable_boards() == [line.split()[0] for line in text.splitlines()]
    assert {"nano33ble_sense", "nrf52840dk", "xiao_nrf52840_sense"} <= set(ways.flashable_boards())


def test_a_board_without_a_way_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ConfigError, match=r"boards that have one: .*nrf52840dk"):
        run("--board", "native", "--dry-run")


@pytest.mark.parametrize(
    ("board", "option", "words"),
    [
        ("nrf52840dk", ("--port", "COM3"), "--port COM3: nrf52840dk is not flashed so, but by debug probe"),
        ("nano33ble_sense", ("--drive", "media"), "--drive media: nano33ble_sense is not flashed so, but by SAM-BA"),
        ("xiao_nrf52840_sense", ("--probe", "1"), "--probe 1: xiao_nrf52840_sense is not flashed so, but by copy"),
        ("nrf52840dk", ("--model-only", "--update-key", "x.pub"), "which --model-only leaves as it is"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    bundle_path: Path, board: str, option: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        run(bundle_path, "--board", board, *option, "--dry-run")
