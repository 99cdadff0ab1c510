# SPDX-License-Identifier: Apache-2.0
"""Rules for all verbs: the bundle comes first, then what it is to hear; numbers are finite."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from kws.errors import ConfigError


class Command(TyperCommand):
    """A verb, whose options take every number but NaN and infinity."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse a number that is not finite as any other that does not fit."""
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            given = ctx.params.get(parameter.name)
            for value in given if isinstance(given, (list, tuple)) else [given]:
                if isinstance(value, float) and not math.isfinite(value):
                    reason = f"expected a finite number and got {value}"
                    raise typer.BadParameter(reason, ctx, param_hint=f"'{parameter.opts[0]}'")
        return rest


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
