# SPDX-License-Identifier: Apache-2.0
"""What is, and is not, in the images for the microcontroller."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kws import places
from kws.bundle import Bundle
from kws.device.build import build_firmware, find_tool
from kws.device.sizes import binutil, describe, firmware_sizes
from kws.errors import BoardNotFoundError, ToolMissingError
from kws.pipeline import Pipeline

KIB = 1024
FLOAT_HELPERS = r"__aeabi_(?:c?[fd](?:add|sub|rsub|mul|div|neg|cmp|2)|u?[il]2[fd]|ul2[fd])\w*"
"""What the compiler calls for float arithmetic when there are no float instructions."""


MICROPHONE_BOARDS = ("nrf52840dk", "xiao_nrf52840_sense", "nano33ble_sense", "stm32f407g_disc1")
PROGRAMS = [
    ("netduinoplus2", "kws"),
    ("netduinoplus2", "mlperf_tiny"),
    *((board, "kws") for board in MICROPHONE_BOARDS),
]


@pytest.fixture(scope="module", params=PROGRAMS, ids=lambda pair: "-".join(pair))
def program(request: pytest.FixtureRequest) -> Path:
    board, name = request.param
    return build_firmware(board, target=name) / f"{name}.elf"


def test_image_has_no_float_instruction_and_no_float_helper(program: Path) -> None:
    code = binutil("objdump", "-d", "--no-show-raw-insn", str(program))
    mnemonics = set(re.findall(r"^\s+[0-9a-f]+:\s+([a-z][\w.]*)", code, re.MULTILINE))
    assert "ldr" in mnemonics
    assert not {name for name in mnemonics if name.startswith("v")}
    assert re.findall(FLOAT_HELPERS, binutil("nm", str(program))) == []


def test_image_has_no_heap_and_no_stdio(program: Path) -> None:
    names = set(binutil("nm", str(program)).split())
    assert "memcpy" in names
    assert not names & {"malloc", "_malloc_r", "free", "_sbrk", "printf", "_printf_r", "puts"}


def test_a_program_takes_under_51_kib_flash_and_7500_bytes_of_ram_and_leaves_100_kib_for_the_arena(
    program: Path,
) -> None:
    sizes = firmware_sizes(program)
    assert sizes.flash_bytes < 51 * KIB
    assert sizes.static_bytes <= 7500
    assert sizes.arena_bytes > 100 * KIB
    assert all(frame < 1024 for _, frame in sizes.deepest_frames)


@pytest.mark.parametrize("board", MICROPHONE_BOARDS)
def test_a_product_with_microphone_and_twelve_words_takes_24_kib_ram_and_86_kib_flash(board: str) -> None:
    sizes = firmware_sizes(build_firmware(board, target="kws") / "kws.elf")
    bundle = Bundle.load(places.models() / "speech_commands_12.kws")
    ram_bytes = sizes.static_bytes + sizes.reserved_stack_bytes + Pipeline(bundle).arena_bytes
    assert ram_bytes <= 24 * KIB
    assert sizes.flash_bytes + len(bundle.data) <= 86 * KIB


def test_sizes_are_told_in_one_paragraph(program: Path) -> None:
    text = describe(firmware_sizes(program))
    assert re.match(r"\w+: flash \d+,\d+ bytes .* RAM \d+,\d+ static", text)


def test_an_unknown_board_is_named_with_those_there_are() -> None:
    with pytest.raises(BoardNotFoundError, match=r"'arduino'; there is for: .*native, netduinoplus2"):
        build_firmware("arduino")


def test_a_missing_compiler_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match=r"arm-none-eabi-gcc is not installed; .*gcc-arm-none-eabi"):
        find_tool("arm-none-eabi-gcc")
