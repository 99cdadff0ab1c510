# SPDX-License-Identifier: Apache-2.0
"""Which boards there are: those that firmware is for, and what is plugged into this computer."""

from __future__ import annotations

from dataclasses import dataclass

from serial.tools import list_ports

from kws.device.build import board_names, board_setting
from kws.device.chips import emulated_chip
from kws.device.launch import is_process, qemu_machine
from kws.flash.ways import flashable_boards, way_of


@dataclass(frozen=True, kw_only=True)
class KnownBoard:
    """A board of ``firmware/boards``."""

    name: str
    chip: str
    runs_here: str
    """As what it runs on this computer; empty: only a real one does."""
    flashed_by: str
    """In words; empty: there is no way to flash it here."""


@dataclass(frozen=True, kw_only=True)
class FoundPort:
    """A serial port of this computer."""

    port: str
    usb: str
    """``VENDOR:PRODUCT``, in hexadecimal; empty when it is no USB device."""
    description: str
    board: str
    """That has these USB ids, running or in its bootloader; empty when none of ours has."""


def known_boards() -> list[KnownBoard]:
    """Return the boards there is firmware for, sorted."""
    flashable = flashable_boards()
    return [
        KnownBoard(
            name=name,
            chip=board_setting(name, "KWS_BOARD_CHIP") or "this computer",
            runs_here=_runs_here(name),
            flashed_by=way_of(name).describe() if name in flashable else "",
        )
        for name in board_names()
    ]


def _runs_here(board: str) -> str:
    if is_process(board):
        return "process"
    if qemu_machine(board) is not None:
        return "QEMU"
    return "emulated chip" if emulated_chip(board) is not None else ""


def found_ports() -> list[FoundPort]:
    """Return the serial ports of this computer, sorted."""
    return sorted(
        (
            FoundPort(
                port=str(port.device),
                usb=(usb := f"{port.vid:04X}:{port.pid:04X}" if port.vid is not None else ""),
                description=port.description if port.description != "n/a" else "",
                board=board_with(usb),
            )
            for port in list_ports.comports()
        ),
        key=lambda found: found.port,
    )


def board_with(usb: str) -> str:
    """Return the board with these USB ids, or an empty string."""
    for board in flashable_boards():
        if usb and usb in (argument.upper() for argument in way_of(board).arguments):
            return board
    return ""
