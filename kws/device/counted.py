# SPDX-License-Identifier: Apache-2.0
"""An emulated board whose emulator counts cycles: build, watch, open, close, read the counts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kws.device.board import Board
from kws.device.boards import open_board
from kws.device.build import build_firmware
from kws.device.cycles import CycleReport, Watch, plugin_arguments, read_report
from kws.device.launch import check_system


class CountedBoard:
    """An open board, and what its emulator counted once it has ended.

    Attributes
    ----------
    board : Board
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self._report: CycleReport | None = None

    @property
    def report(self) -> CycleReport:
        """The counts.

        Raises
        ------
        RuntimeError
            If the board is still open: the emulator writes them when it ends.
        """
        if self._report is None:
            raise RuntimeError("the cycles of an emulated board are known once it is closed, and it is open")
        return self._report


@contextmanager
def open_counted_board(spec: str, bundle: Path, watch: Watch) -> Iterator[CountedBoard]:
    """Open an emulated board with a bundle, and count its cycles until it is closed.

    Parameters
    ----------
    spec : str
        One of :data:`kws.device.launch.COUNTED_BOARDS`.
    bundle : path
    watch : Watch
        What is counted one by one.

    Raises
    ------
    ToolMissingError, DeviceError
        As :func:`kws.device.boards.open_board`.
    """
    check_system(spec)
    program = build_firmware(spec, target="kws") / "kws.elf"
    with tempfile.TemporaryDirectory(prefix="kws-cycles-") as name:
        folder = Path(name)
        with open_board(spec, bundle=bundle, qemu_arguments=plugin_arguments(program, folder, watch)) as board:
            counted = CountedBoard(board)
            yield counted
        counted._report = read_report(program, folder)
