# SPDX-License-Identifier: Apache-2.0
"""The bootloader of Arduino's Nano 33 BLE: text commands over its USB serial port (SAM-BA with Arduino's extensions).

The commands, as arduino/BOSSA sends them: ``N#`` binary mode, ``V#`` version with the letters of the extensions it has,
``X`` erase, ``S`` data into a buffer, ``Y`` from the buffer into flash, ``Z`` checksum of flash, ``K#`` restart.
Addresses count from the beginning of the application, not of flash.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence

import serial

from kws.errors import BoardRefusedError, DeviceError, ProtocolError
from kws.flash.image import Image

PAGE_BYTES = 4096
_BUFFER = 0x34
"""Where BOSSA puts data on this chip; the bootloader has one buffer and takes the number as its name."""
_QUICK_S, _SLOW_S = 1.0, 5.0


class Samba:
    """A bootloader at the end of an open port.

    Raises
    ------
    ProtocolError
        If something else answers.
    BoardRefusedError
        If it lacks a command that flashing takes.
    """

    def __init__(self, port: serial.SerialBase, base: int) -> None:
        self._port, self._base = port, base
        self._port.timeout = _QUICK_S
        self._port.reset_input_buffer()
        self._port.write(b"N#")
        self._expect(b"\n\r", "binary mode")
        self._port.write(b"V#")
        version = self._port.read_until(b"\n\r").decode(errors="replace").strip()
        letters = version.partition("[Arduino:")[2].partition("]")[0]
        if not letters:
            raise ProtocolError(f"what answers on {port.name} is no Arduino bootloader; it says {version!r}")
        if missing := set("KXYZ") - set(letters):
            raise BoardRefusedError(f"the bootloader {version!r} lacks the commands {', '.join(sorted(missing))}")
        self.version = version

    def _expect(self, answer: bytes, what: str, timeout_s: float = _QUICK_S) -> None:
        self._port.timeout = timeout_s
        heard = self._port.read(len(answer))
        if heard != answer:
            raise DeviceError(
                f"the bootloader answered {heard!r} to {what}, expected {answer!r}; reset the board twice"
            )

    def erase(self, address: int) -> None:
        """Make flash from an address on ready to be written."""
        self._port.write(b"X%08X#" % (address - self._base))
        self._expect(b"X\n\r", "erase", _SLOW_S)

    def write(self, address: int, data: bytes) -> None:
        """Write at most a page."""
        self._port.write(b"S%08X,%08X#" % (_BUFFER, len(data)))
        self._port.flush()  # a command and its data must not share a packet
        self._port.write(data)
        self._port.write(b"Y%08X,0#" % _BUFFER)
        self._expect(b"Y\n\r", "a page")
        self._port.write(b"Y%08X,%08X#" % (address - self._base, len(data)))
        self._expect(b"Y\n\r", "writing a page", _SLOW_S)

    def checksum(self, address: int, num_bytes: int) -> int:
        """Return the CRC-16 (CCITT, from 0) of flash."""
        self._port.write(b"Z%08X,%08X#" % (address - self._base, num_bytes))
        self._port.timeout = _SLOW_S
        answer = self._port.read(12)
        if len(answer) != 12 or answer[:1] != b"Z" or answer[9:] != b"#\n\r":
            raise DeviceError(f"the bootloader answered {answer!r} to a checksum; reset the board twice")
        return int(answer[1:9], 16)

    def restart(self) -> None:
        """Start the application."""
        self._port.write(b"K#")
        self._port.flush()


def flash_samba(
    port: serial.SerialBase, images: Sequence[Image], base: int, on_progress: Callable[[int, int], None]
) -> None:
    """Write images, compare every page, restart the board.

    Raises
    ------
    DeviceError
        If a page does not read back as it was written.
    """
    board = Samba(port, base)
    total, done = sum(len(image.data) for image in images), 0
    for image in images:
        board.erase(image.address)
        for at in range(0, len(image.data), PAGE_BYTES):
            page = image.data[at : at + PAGE_BYTES]
            padded = page.ljust(-(-len(page) // 4) * 4, b"\xff")  # flash is written by words
            board.write(image.address + at, padded)
            if board.checksum(image.address + at, len(padded)) != binascii.crc_hqx(padded, 0):
                raise DeviceError(f"the page at {image.address + at:#x} does not hold what was written; try again")
            done += len(page)
            on_progress(done, total)
    board.restart()
