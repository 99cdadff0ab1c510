# SPDX-License-Identifier: Apache-2.0
"""The last resort: an exception that nobody foresaw is a defect of ours, told as one, with what a report needs."""

from __future__ import annotations

import os
import platform
import shlex
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import typer

EXIT_CODE = 70
"""Of our own defects (EX_SOFTWARE of sysexits.h): no test, suite or script takes it for a verdict."""
OPTION = "--traceback"
VARIABLE = "KWS_TRACEBACK"
_PACKAGE = Path(__file__).parents[1]


def wants_traceback(arguments: Sequence[str]) -> bool:
    """Whether the user asked for tracebacks, by option or environment variable."""
    return OPTION in arguments or os.environ.get(VARIABLE, "") not in ("", "0")


def is_older_core(error: Exception) -> bool:
    """Whether the compiled core lacks what the code beside it knows: a checkout that was pulled and not built again."""
    return isinstance(error, AttributeError) and "library 'kws.core._core' has no" in str(error)


def tell(error: Exception, arguments: Sequence[str]) -> None:
    """Print what happened where, and what to attach to a report."""
    what = traceback.format_exception_only(error)[-1].strip()
    typer.secho(
        f"kws: a defect of kws, not of what you gave it: {what} ({_place(error)}).\n"
        f"Please report it with these lines and, if you may, the files it was given:\n"
        f"  kws {shlex.join(arguments)}\n"
        f"  kws {version('kws')}, Python {platform.python_version()}, {platform.platform()}\n"
        f"{VARIABLE}=1 or {OPTION} shows where in the code it happened; add that too.",
        fg=typer.colors.RED,
        err=True,
    )


def _place(error: Exception) -> str:
    """The innermost line of ours, as ``kws/audio.py:88``."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    if not ours:
        return "outside the package"
    return f"kws/{Path(ours[-1].filename).relative_to(_PACKAGE).as_posix()}:{ours[-1].lineno}"
