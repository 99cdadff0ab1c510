# SPDX-License-Identifier: Apache-2.0
"""What is to be flashed: bytes and where they go."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from kws.bundle import Bundle
from kws.cascade import Cascade
from kws.device.sizes import linker_symbols
from kws.device.slots import bundle_flash
from kws.errors import BoardRefusedError, DeviceError

_PT_LOAD = 1
_BLANK_BYTES = 4096
"""A page of the chips whose pages are small."""
_NO_COMMANDS = b"\xff" * 16
"""Over the head of a bundle of commands that was behind another before: it would go on being listened for."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """One stretch of flash."""

    name: str
    """What it is, for people."""
    address: int
    data: bytes

    def __repr__(self) -> str:
        return f"Image({self.name}: {len(self.data)} bytes at {self.address:#010x})"


def firmware_image(elf: Path) -> Image:
    """Read what an ELF file puts into flash; gaps are filled with ones, as erased flash is.

    Raises
    ------
    DeviceError
        If it is no ELF image for a 32-bit ARM.
    """
    data = elf.read_bytes()
    if data[:6] != b"\x7fELF\x01\x01" or struct.unpack_from("<H", data, 18)[0] != 40:
        raise DeviceError(f"{elf}: expected an ELF image for ARM; build it with 'make firmware BOARD=...'")
    table, size, count = (*struct.unpack_from("<I", data, 28), *struct.unpack_from("<HH", data, 42))
    pieces = []
    for index in range(count):
        kind, offset, _, address, length = struct.unpack_from("<IIIII", data, table + index * size)
        if kind == _PT_LOAD and length:
            pieces.append((address, data[offset : offset + length]))
    start, end = min(at for at, _ in pieces), max(at + len(piece) for at, piece in pieces)
    flash = bytearray(b"\xff" * (end - start))
    for address, piece in pieces:
        flash[address - start : address - start + len(piece)] = piece
    return Image(name="firmware", address=start, data=bytes(flash))


def model_images(bundle: Path, board: str, elf: Path, *, commands: Path | None = None) -> list[Image]:
    """Return a bundle where the firmware looks for it first, with that of commands, if there is one, right behind it.

    In front of it come blocks of ones, on boards that take updates over their serial line: without them an update that
    was made before would go on running. A model that reaches into the last page of its slot has them behind it.

    Raises
    ------
    BoardRefusedError
        If it is larger than the flash set aside for it, or needs more memory than the firmware leaves.
    BundleError
        If it is no bundle.
    ConfigError
        If it and that of commands listen at different rates.
    """
    bundles = [Bundle.load(path) for path in (bundle, commands) if path is not None]
    arena_bytes = Cascade(*bundles).arena_bytes if commands is not None else bundles[0].arena_bytes
    symbols = linker_symbols(elf)
    room_bytes = symbols["kws_arena_end"] - symbols["kws_arena_start"]
    if arena_bytes > room_bytes:
        raise BoardRefusedError(f"{bundle}: needs {arena_bytes} bytes of memory, but the board has {room_bytes} for it")
    data = b"".join(bytes(part.data) for part in bundles)
    flash = bundle_flash(board, elf)
    if len(data) > flash.room_bytes:
        raise BoardRefusedError(
            f"{bundle}: {len(data)} bytes, but the board has {flash.room_bytes} bytes of flash for a model"
        )
    if commands is None and len(data) < flash.room_bytes:
        data += _NO_COMMANDS
    blanks = []
    for end in flash.slot_ends:
        if flash.address + len(data) > end - _BLANK_BYTES:  # one image: two in a page would be no whole blocks
            data = data.ljust(end - flash.address, b"\xff")
        else:
            blanks.append(Image(name="no update", address=end - _BLANK_BYTES, data=b"\xff" * _BLANK_BYTES))
    name = f"model {bundle.name}" + (f" and {commands.name}" if commands else "")
    return [*blanks, Image(name=name, address=flash.address, data=data)]
