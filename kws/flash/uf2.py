# SPDX-License-Identifier: Apache-2.0
"""UF2: boards whose bootloader is a drive. A file copied to it is flashed, block by block; then the board restarts.

The format: https://github.com/microsoft/uf2
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kws.errors import BoardNotFoundError, ConfigError, DeviceError
from kws.flash.image import Image

_BLOCK_BYTES, _PAYLOAD_BYTES = 512, 256
_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_HAS_FAMILY = 0x2000
_HEAD = "<IIIIIIII"
INFO = "INFO_UF2.TXT"
"""Every such drive has it; it names the board."""


def to_uf2(images: Sequence[Image], family: int) -> bytes:
    """Return a UF2 file of 256-byte blocks, the last of each image filled up with ones."""
    pieces = [
        (image.address + at, image.data[at : at + _PAYLOAD_BYTES].ljust(_PAYLOAD_BYTES, b"\xff"))
        for image in images
        for at in range(0, len(image.data), _PAYLOAD_BYTES)
    ]
    blocks = []
    for number, (address, payload) in enumerate(pieces):
        head = struct.pack(_HEAD, *_MAGIC[:2], _HAS_FAMILY, address, _PAYLOAD_BYTES, number, len(pieces), family)
        blocks.append((head + payload).ljust(_BLOCK_BYTES - 4, b"\0") + struct.pack("<I", _MAGIC[2]))
    return b"".join(blocks)


def from_uf2(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield address, family and payload of each block.

    Raises
    ------
    DeviceError
        If a block is none.
    """
    for at in range(0, len(data), _BLOCK_BYTES):
        first, second, _, address, size, _, _, family = struct.unpack_from(_HEAD, data, at)
        last = struct.unpack_from("<I", data, at + _BLOCK_BYTES - 4)[0]
        if (first, second, last) != _MAGIC or size > 476:
            raise DeviceError(f"block {at // _BLOCK_BYTES} of the UF2 file is damaged")
        yield address, family, data[at + 32 : at + 32 + size]


def drives() -> list[Path]:
    """Return the folders where drives appear on this system."""
    if sys.platform == "win32":
        return [Path(f"{letter}:\\") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"]
    user = os.environ.get("USER", "root")
    roots = [Path("/Volumes"), Path("/media") / user, Path("/run/media") / user, Path("/media"), Path("/mnt")]
    return [folder for root in roots if root.is_dir() for folder in sorted(root.iterdir())]


def find_drive(label: str, places: Sequence[Path] | None = None) -> Path | None:
    """Return the drive of a bootloader: by its label, or by the board that its ``INFO_UF2.TXT`` names.

    Raises
    ------
    ConfigError
        If there are several: the wrong one would be flashed.
    """
    wanted = label.lower().replace("-", "")
    found: dict[Path, Path] = {}  # on some systems one drive is in two of the places
    for folder in drives() if places is None else places:
        try:
            info = (folder / INFO).read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        if folder.name.lower() == label.lower() or wanted in info.lower().replace("-", ""):
            found.setdefault(folder.resolve(), folder)
    if len(found) > 1:
        names = ", ".join(map(str, found.values()))
        raise ConfigError(f"there are {len(found)} drives {label}: {names}; name one with --drive")
    return next(iter(found.values()), None)


def wait_for_drive(label: str, *, timeout_s: float, find: Callable[[str], Path | None] = find_drive) -> Path:
    """Wait until the drive is there.

    Raises
    ------
    BoardNotFoundError
        If it does not appear.
    """
    ends = time.monotonic() + timeout_s
    while (drive := find(label)) is None:
        if time.monotonic() > ends:
            raise BoardNotFoundError(
                f"no drive {label} appeared: press the board's reset button twice quickly, wait for the drive, mount "
                "it if your system does not do so by itself, and run the command again (or name it with --drive)"
            )
        time.sleep(0.2)
    return drive


def flash_uf2(drive: Path, images: Sequence[Image], family: int, on_progress: Callable[[int, int], None]) -> None:
    """Copy the images to a bootloader's drive.

    Raises
    ------
    DeviceError
        If the drive goes away before everything is written.
    """
    data = to_uf2(images, family)
    target = drive / "kws.uf2"
    done = 0
    try:
        with open(target, "wb", buffering=0) as file:
            while done < len(data):
                done += file.write(data[done : done + 64 * _BLOCK_BYTES])
                on_progress(done, len(data))
            os.fsync(file.fileno())
    except OSError as error:
        if done < len(data):
            raise DeviceError(
                f"the drive {drive} went away after {done} of {len(data)} bytes ({error}); reset the board twice "
                "quickly and try again"
            ) from error
        # With the last block the board restarts and its drive is gone, before the system has closed the file.
