# SPDX-License-Identifier: Apache-2.0
"""Rules for all verbs: the bundle comes first, then what it is to hear; numbers are finite."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

import typer

from kws.errors import ConfigError


def finite(value: float | None) -> float | None:
    """Callback of an option: refuse ``nan`` and ``inf``, which no limit of click keeps out.

    Raises
    ------
    typer.BadParameter
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"expected a number, got {value}")
    return value


def check_order(verb: str, bundle: Path, others: Sequence[Path]) -> None:
    """Refuse arguments in which the bundle stands behind something else.

    Raises
    ------
    ConfigError
        With the command in the right order.
    """
    late = [path for path in others if path.suffix == ".kws"]
    if bundle.suffix != ".kws" and late:
        rest = [bundle, *(path for path in others if path != late[0])]
        command = shlex.join(["kws", verb, *map(str, [late[0], *rest])])
        raise ConfigError(f"the bundle comes first: {command}")
