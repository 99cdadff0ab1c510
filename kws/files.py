# SPDX-License-Identifier: Apache-2.0
"""Names of files, and files to be written: made sure of before the work starts, there as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kws.errors import ConfigError

_ABANDONED_S = 24 * 3600
_CANNOT_BE_PROMISED = (errno.EOPNOTSUPP, errno.EINVAL)
"""What file systems say that give no room in advance."""
StrPath = str | os.PathLike[str]
"""A file's name, as a string or a path."""
StrPaths = StrPath | Sequence[StrPath]
"""One name or several; `as_paths` makes paths of them."""


def as_paths(paths: StrPaths) -> tuple[Path, ...]:
    """Return the paths given; a single one stands for itself."""
    if isinstance(paths, (str, os.PathLike)):
        return (Path(paths),)
    return tuple(Path(path) for path in paths)


def prepare_output(path: StrPath | None, option: str) -> None:
    """Make the folder of a file to be written, and make sure that it can be.

    Parameters
    ----------
    path : path, optional
        None: nothing to do.
    option : str
        What asked for it, for the message.

    Raises
    ------
    ConfigError
        If the folder cannot be made, or the file could not be written there.
    """
    if path is None:
        return
    target = Path(path)
    existed = target.exists()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab"):
            pass
        if not existed:
            target.unlink()
    except OSError as error:
        raise ConfigError(
            f"{option} {path}: cannot be written ({error.strerror}); choose a file in a folder of your own"
        ) from error


def open_array(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Make a ``.npy`` file of zeros and map it.

    Room for all of it is taken at once where the system can: a process that writes to a mapped file for which there is
    none is ended without a word.

    Raises
    ------
    OSError
        If there is no room, or it cannot be written.
    """
    rows = np.lib.format.open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):
        try:
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno not in _CANNOT_BE_PROMISED:
                raise
    return rows


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the name of a file beside ``path`` to write, which takes its place in the end; on any failure it is removed.

    Each call gives a name of its own, so that two processes may make the same file at once. It ends as ``path`` does.
    What a process left that was killed meanwhile is removed by whoever writes the file a day later.
    """
    for left in path.parent.glob(f".{glob.escape(path.stem)}.{8 * '[0-9a-f]'}{glob.escape(path.suffix)}"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                left.unlink()
    part = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
