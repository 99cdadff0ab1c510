# SPDX-License-Identifier: Apache-2.0
"""A board is a folder, anywhere: firmware is built for it and replayed to without a change to this tree."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import soundfile

from kws import places
from kws.device.boards import open_board
from kws.device.build import build_firmware
from kws.errors import DeviceError

ROOT = Path(__file__).resolve().parents[2]
BOARDS = places.firmware() / "boards"


def test_a_board_outside_the_tree_is_built_and_heard(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(BOARDS / "native", mine)
    source = mine / "board.c"
    source.write_text(source.read_text().replace('return "native";', 'return "mine";'))
    cmake = mine / "board.cmake"
    cmake.write_text(cmake.read_text().replace("boards/native/", "${CMAKE_CURRENT_LIST_DIR}/"))
    samples, _ = soundfile.read(ROOT / "examples" / "stream.flac", dtype="int16", frames=32_000)
    with open_board(str(mine), bundle=places.models() / "speech_commands_12.kws", timeout_s=60.0) as board:
        assert board.info.board == "mine"
        board.reset()
        assert [event.label for event in board.stream(samples).detections] == ["stop"]


def test_an_image_that_leaves_no_ram_for_the_arena_is_not_linked(tmp_path: Path) -> None:
    small = tmp_path / "small"
    shutil.copytree(BOARDS / "netduinoplus2", small)
    script = (places.firmware() / "mcu" / "stm32f4" / "stm32f405.ld").read_text()
    assert "LENGTH = 128K\n}" in script
    (small / "small.ld").write_text(script.replace("LENGTH = 128K\n}", "LENGTH = 5K\n}"))
    cmake = small / "board.cmake"
    cmake.write_text(cmake.read_text().replace("mcu/stm32f4/stm32f405.ld", "${CMAKE_CURRENT_LIST_DIR}/small.ld"))
    with pytest.raises(DeviceError, match=r"RAM is full|will not fit in region|overflowed"):
        build_firmware(str(small), target="kws", folder=tmp_path / "build")
