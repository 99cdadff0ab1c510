# SPDX-License-Identifier: Apache-2.0
"""One rule for all verbs: the bundle comes first, then what it is to hear."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from kws.errors import ConfigError


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
