# SPDX-License-Identifier: Apache-2.0
"""Folders named by what their contents are made from: a rerun goes on, changed settings start anew.

Every stage keeps what it makes in ``work/STAGE-DIGEST`` of the folder for everything made. The digest is of all that
the contents depend on and of this version, so whatever lies there belongs to these settings and these recordings; a
file appears when it is whole. Old stages stay until somebody deletes ``work``, and going back to their settings finds
them again.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console

from kws.errors import TrainingError
from kws.files import written_whole
from kws.version import VERSION

_CANNOT_BE_WRITTEN = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, None}
)
"""NumPy raises an error without a number when it could write less than all."""


class Kept(Protocol):
    """What can be written and read again."""

    def save(self, path: Path) -> None:
        """Write it."""

    @classmethod
    def load(cls, path: Path) -> Any:
        """Read what `save` wrote."""


Made = TypeVar("Made", bound=Kept)


def digest(*values: Any) -> str:
    """Name of some JSON-able values: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def place(out: Path, stage: str, *depends_on: Any) -> Path:
    """Return the folder of a stage, made if it is new.

    Parameters
    ----------
    out : Path
        Folder for everything made.
    stage : str
    *depends_on : JSON-able
        Everything that decides what this version makes of the stage.

    Raises
    ------
    TrainingError
        If the folder cannot be made.
    """
    made_from = [VERSION, *depends_on]
    folder = prepare(out, f"{stage}-{digest(*made_from)[:12]}")
    (folder / "depends_on.json").write_text(json.dumps(made_from, indent=1) + "\n", encoding="utf-8")
    return folder


def prepare(out: Path, stage: str = "") -> Path:
    """Make ``work`` or a folder in it; called without a stage before anything else, so that failure costs nothing.

    Raises
    ------
    TrainingError
        If it cannot be made.
    """
    folder = out / "work" / stage
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error}); choose another folder with --out") from error
    return folder


@contextmanager
def kept(out: Path, console: Console) -> Iterator[None]:
    """Tell whoever interrupts what becomes of the work, and of a disk that is full."""
    try:
        with writing(out):
            yield
    except KeyboardInterrupt:
        console.print(f"{out} keeps what is finished; the same command goes on from there", highlight=False)
        raise


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make one error of what a full or locked disk raises wherever something is written.

    Raises
    ------
    TrainingError
        Naming the file, or ``folder``.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_BE_WRITTEN:
            raise
        raise TrainingError(
            f"{error.filename or folder}: cannot be written ({error.strerror or error}); free some space or unlock it, "
            "then run the same command again: it goes on from there"
        ) from error


def once(path: Path, kind: type[Made], make: Callable[[], Made]) -> Made:
    """Read what was made before, or make it and let it appear whole."""
    if not path.exists():
        with written_whole(path) as part:
            make().save(part)
    made: Made = kind.load(path)
    return made
