# SPDX-License-Identifier: Apache-2.0
"""What is printed comes out, or the user is told in a sentence why not."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kws.errors import KwsError

_NO_DEFECTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""A full disk, a used-up share of it, a terminal or a disk that is gone."""


@contextmanager
def whole_stdout() -> Iterator[None]:
    """Print letters that stdout's encoding lacks as question marks, and see to it that all is written at the end.

    Raises
    ------
    KwsError
        If stdout, or a file, cannot be written. A pipe that nobody reads any more is no error.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            yield
        finally:
            _flush()
    except OSError as error:
        if error.errno not in _NO_DEFECTS:
            raise
        raise KwsError(f"output cannot be written ({error.strerror}); make room, or write it elsewhere") from error


def _flush() -> None:
    if sys.stdout is None:  # closed before Python began
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        if not isinstance(error, BrokenPipeError):
            raise
