# SPDX-License-Identifier: Apache-2.0
"""Text files as people's programs leave them: UTF-8 with or without a byte-order mark, or UTF-16."""

from __future__ import annotations

import codecs
from pathlib import Path

from kws.errors import KwsError

MAX_BYTES = 64 << 20
"""A list of labels or of words is never this long; a recording given by mistake is."""


def read_text(path: Path, error: type[KwsError]) -> str:
    """Read a text file; the byte-order mark is no part of the text, line ends become ``\\n``.

    Parameters
    ----------
    path : Path
    error : type
        What is raised when it cannot be read.

    Returns
    -------
    str

    Raises
    ------
    KwsError
        Of the given class: no such file, a folder, not permitted, too long, or not text.
    """
    if not path.exists():
        raise error(f"{path}: no such file; check the path")
    if path.is_dir():
        raise error(f"{path}: expected a file and got a folder; name the file in it")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise error(f"{path}: expected a text file and got {path.stat().st_size >> 20} MB; is it a recording?")
        data = path.read_bytes()
    except OSError as failure:
        raise error(f"{path}: cannot be read ({failure.strerror}); check its permissions") from failure
    try:
        text = data.decode(_encoding(data))
    except UnicodeDecodeError as failure:
        raise error(
            f"{path}: expected text in UTF-8 and got a byte 0x{data[failure.start]:02x} that is none; save it as UTF-8"
        ) from failure
    if "\0" in text:
        raise error(f"{path}: expected text and got a file with zero bytes; is it another kind of file?")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _encoding(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(data) >= 4 and len(data) % 2 == 0:  # UTF-16 without its mark: every other byte of plain words is zero
        even, odd = data[0::2].count(0), data[1::2].count(0)
        if odd > len(data) // 4 and even == 0:
            return "utf-16-le"
        if even > len(data) // 4 and odd == 0:
            return "utf-16-be"
    return "utf-8-sig"
