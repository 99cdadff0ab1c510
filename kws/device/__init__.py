# SPDX-License-Identifier: Apache-2.0
"""Boards on a serial line: real, emulated, or a process; all the same to their users.

>>> from kws.device import open_board
>>> with open_board("netduinoplus2", bundle="models/speech_commands_12.kws") as board:   # doctest: +SKIP
...     result = board.stream(samples)
"""

from kws.device.board import Board, BoardInfo, StreamResult
from kws.device.boards import open_board
from kws.device.statistics import StageStatistics, Statistics

__all__ = ["Board", "BoardInfo", "StageStatistics", "Statistics", "StreamResult", "open_board"]
