# SPDX-License-Identifier: Apache-2.0
"""``python -m kws.device BOARD...`` (``make firmware``): build the firmware of boards and print how large it is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kws.device.build import build_firmware, needs_cross_compiler
from kws.device.sizes import describe, firmware_sizes
from kws.errors import KwsError


def main() -> int:
    """Build every application for the boards named; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kws.device", description=__doc__)
    parser.add_argument("boards", nargs="*", default=["netduinoplus2"])
    parser.add_argument("--update-key", type=Path, help="public key of kws sign new-key: take signed updates only")
    options = parser.parse_args()
    try:
        for board in options.boards:
            for program in sorted(build_firmware(board, update_key=options.update_key).glob("*.elf")):
                print(describe(firmware_sizes(program)) if needs_cross_compiler(board) else program)
    except KwsError as error:
        print(f"kws: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
