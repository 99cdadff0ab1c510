# SPDX-License-Identifier: Apache-2.0
"""The emulated chips against hand-counted facts and QEMU: microphone, flash, resets, USB, interrupts.

The images are small C programs beside this file; each says what it sees on the serial line.
"""

from __future__ import annotations

import random
import socket
import struct
import subprocess
import wave
from collections.abc import Iterable
from pathlib import Path

import pytest

from kws.device.build import find_tool
from kws.device.chips import build_emulator

HERE = Path(__file__).resolve().parent
FLAGS = "-mcpu=cortex-m4 -mthumb -mfloat-abi=soft -O2 -Wall -Wextra -Wno-override-init -nostartfiles --specs=nano.specs"


def image(folder: Path, source: str, *defines: str, script: str = "image.ld") -> Path:
    elf = folder / (source.removesuffix(".c") + "".join(defines).replace("=", "") + ".elf")
    gcc = find_tool("arm-none-eabi-gcc")
    subprocess.run([gcc, *FLAGS.split(), *defines, "-T", script, source, "-o", str(elf)], cwd=HERE, check=True)
    return elf


def run(chip: str, *arguments: object) -> tuple[list[str], str, int]:
    command = [str(build_emulator(chip)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout.splitlines(), done.stderr, done.returncode


def checksum(values: Iterable[int]) -> int:
    value = 2166136261
    for item in values:
        value = ((value ^ (item & 0xFFFF)) * 16777619) & 0xFFFFFFFF
    return value


@pytest.fixture(scope="module")
def samples() -> tuple[int, ...]:
    generator = random.Random(1)
    return tuple(generator.randint(-32768, 32767) for _ in range(3 * 16000))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, samples: tuple[int, ...]) -> Path:
    path = tmp_path_factory.mktemp("sound") / "noise.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


@pytest.mark.parametrize("defines", [(), ("-DBUSY=7000",)], ids=["idle", "busy"])
def test_every_block_of_the_microphone_arrives_once_and_in_order(
    tmp_path: Path, sound: Path, samples: tuple[int, ...], defines: tuple[str, ...]
) -> None:
    elf = image(tmp_path, "listen.c", *defines)
    lines, words, code = run("nrf52840", "--sound", sound, "--seconds", 3, elf)
    blocks = [[int(x, 16) for x in line.split()] for line in lines if len(line) == 26]
    assert code == 0, words
    assert [block[0] for block in blocks] == list(range(len(blocks)))
    assert len(blocks) >= 170
    assert all(checksum(samples[256 * n : 256 * n + 256]) == value for n, value, _ in blocks)
    assert 27 <= blocks[-1][2] <= 30  # ticks of 100 ms from the 32 kHz clock
    assert "0 buffers reused" in words
    assert run("nrf52840", "--sound", sound, "--seconds", 3, elf)[0] == lines


def test_a_pointer_that_comes_too_late_is_counted_as_loss(tmp_path: Path, sound: Path) -> None:
    _, words, _ = run("nrf52840", "--sound", sound, "--seconds", 2, image(tmp_path, "listen.c", "-DLATE"))
    assert "buffers reused" in words
    assert " 0 buffers reused" not in words


def test_interrupts_come_in_the_order_of_qemu(tmp_path: Path) -> None:
    """80,000 random steps with NVIC, BASEPRI, PRIMASK, PendSV and SVC."""
    lines, words, code = run("nrf52840", "--seconds", 5, image(tmp_path, "nvic.c"))
    assert code == 0, words
    assert lines[-1] == "."
    qemu = subprocess.Popen(
        [find_tool("qemu-system-arm"), "-M", "mps2-an386", "-kernel", str(image(tmp_path, "nvic.c", "-DMPS2")),
         "-display", "none", "-monitor", "none", "-serial", "stdio"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)  # fmt: skip
    try:
        assert qemu.stdout is not None
        theirs: list[str] = []
        while not theirs or theirs[-1] != ".":
            theirs.append(qemu.stdout.readline().strip())
    finally:
        qemu.kill()
        qemu.communicate()
    assert lines == theirs


def test_flash_takes_its_time_and_resets_leave_what_they_should(tmp_path: Path) -> None:
    lines, words, code = run("nrf52840", "--seconds", 10, image(tmp_path, "flash.c"))
    facts = [(name, int(value, 16)) for name, value in (line.split() for line in lines)]
    assert code == 1  # the store that is refused on purpose
    assert "while NVMC is read-only" in words
    values = dict(facts[:10])
    assert 85000 <= values["erase_us"] <= 85010
    assert 64 * 41 <= values["write_us"] <= 64 * 43
    assert values["erased"] == 0xFFFFFFFF
    assert (values["wrong"], values["and"], values["faults"], values["kept"]) == (0, 0, 1, 0xA5A50001)
    assert values["partial_steps"] == 9
    assert facts[10:12] == [("reset", 4), ("retained", 0x5A)]  # soft
    assert facts[12:14] == [("reset", 2), ("retained", 0x5A)]  # watchdog


def test_every_buffer_of_microphone_bits_arrives_over_i2s_and_dma(tmp_path: Path, sound: Path) -> None:
    elf = image(tmp_path, "listen_stm32.c", script="stm32.ld")
    bits = tmp_path / "bits"
    lines, words, code = run("stm32f407", "--sound", sound, "--seconds", 2, "--bits-out", bits, elf)
    data = bits.read_bytes()
    heard = struct.unpack(f"<{len(data) // 2}H", data)
    buffers = [[int(x, 16) for x in line.split()] for line in lines if len(line) == 17]
    assert code == 0, words
    assert [number for number, _ in buffers] == list(range(len(buffers)))
    assert len(buffers) >= 120
    assert all(checksum(heard[1024 * n : 1024 * n + 1024]) == value for n, value in buffers)
    assert abs(len(heard) * 16 / 2 - 1024000) < 1024


def test_a_host_finds_the_usb_serial_port_and_its_bytes_come_back(tmp_path: Path) -> None:
    elf = image(tmp_path, "usb_serial.c")
    command = [str(build_emulator("nrf52840")), "--tcp", "--usb", str(elf)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline().rsplit(":", 1)[1])
        generator = random.Random(2)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            for size in (1, 63, 64, 65, 128, 200, 1000) * 10:
                sent = generator.randbytes(size)
                line.sendall(sent)
                back = b""
                while len(back) < size:
                    back += line.recv(65536)
                assert bytes(byte ^ 1 for byte in back) == sent
    finally:
        child.kill()
        words = child.communicate()[1]
    assert "mistake: " not in words, words
