# SPDX-License-Identifier: Apache-2.0
"""``python -m kws.device BOARD...`` (``make firmware``): build the firmware of boards and print how large it is."""

from __future__ import annotations

import sys

from kws.device.build import build_firmware, needs_cross_compiler
from kws.device.sizes import describe, firmware_sizes
from kws.errors import KwsError


def main(boards: list[str]) -> int:
    """Build every application for the boards named; returns the exit code."""
    try:
        for board in boards:
            for program in sorted(build_firmware(board).glob("*.elf")):
                print(describe(firmware_sizes(program)) if needs_cross_compiler(board) else program)
    except KwsError as error:
        print(f"kws: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or ["netduinoplus2"]))
