# SPDX-License-Identifier: Apache-2.0
"""Text files as people's programs leave them: UTF-8 with or without a byte-order mark, or UTF-16."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
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


def read_table(path: Path, columns: Sequence[str], error: type[KwsError]) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV file with a header, values separated by commas.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        That are needed; others may be there.
    error : type
        What is raised when it cannot be read.

    Returns
    -------
    list of (line number, column -> value)
        Each row with the line it ends on; a value that a short row lacks is empty.

    Raises
    ------
    KwsError
        Of the given class: what `read_text` raises it for, a missing column, or not CSV.
    """
    reader = csv.DictReader(io.StringIO(read_text(path, error)), restval="")
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as failure:
        raise error(f"{path}: not CSV after line {reader.line_num} ({failure}); correct what follows") from failure
    if missing := [column for column in columns if column not in (reader.fieldnames or ())]:
        raise error(
            f"{path}: expected the columns {','.join(columns)} and {', '.join(missing)} is not there; "
            "name them in the first line, separated by commas"
        )
    return rows


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
