# SPDX-License-Identifier: Apache-2.0
"""Sizes in WAV headers that cannot be true: programs that write to a pipe, or lost power, leave a placeholder.

libsndfile believes sizes that are too small; here the file itself says how long it is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MOST_CHUNKS = 1000
_SOME_AUDIO_BYTES = 4096
"""Less than this behind the audio is some program's mark, not audio."""
_LARGEST_SIZE = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class DataSize:
    """The data chunk of a WAV file."""

    offset: int
    """Of the samples in the file."""
    promised: int
    """What its header says."""
    available: int
    """Bytes from there to the end of the file."""


def wrong_size(path: Path) -> DataSize | None:
    """Return the data chunk of a RIFF WAV file whose size cannot be true; None for a sound one and for other files.

    It cannot be true if it reaches behind the end of the file, or if what follows is no chunk: the program stopped
    before it wrote the last size.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        position = 12
        for _ in range(_MOST_CHUNKS):
            if position + 8 > size_bytes:
                return None
            file.seek(position)
            name, promised = struct.unpack("<4sI", file.read(8))
            position += 8
            if name == b"data":
                found = DataSize(offset=position, promised=promised, available=size_bytes - position)
                return found if _is_wrong(file, found) else None
            position += promised + promised % 2
    return None


def repaired(path: Path, size: DataSize) -> bytes:
    """Return the file with the size that it has."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, size.offset - 4, min(size.available, _LARGEST_SIZE))
    struct.pack_into("<I", data, 4, min(len(data) - 8, _LARGEST_SIZE))
    return bytes(data)


def _is_wrong(file: BinaryIO, size: DataSize) -> bool:
    if size.promised > size.available:
        return size.available > 0
    behind = size.promised + size.promised % 2
    rest = size.available - behind
    if rest < (8 if size.promised == 0 else _SOME_AUDIO_BYTES):
        return False
    file.seek(size.offset + behind)
    name, next_size = struct.unpack("<4sI", file.read(8))
    return not (all(32 <= byte < 127 for byte in name) and next_size <= rest - 8)
