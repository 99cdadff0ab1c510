# SPDX-License-Identifier: Apache-2.0
"""``kws sweep``: many runs of one recipe; which settings are worth their cycles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sweep(
    config: Annotated[Path, typer.Option(help="What to try, such as training/sweep/speech_commands_12.toml.")],
    data: Annotated[Path, typer.Option(help="Speech Commands, as for kws train.")],
    trials: Annotated[int, typer.Option(min=1, help="Trials the whole study should have in the end.")] = 20,
    out: Annotated[Path | None, typer.Option(help="Folder for everything made; default: build/sweeps/NAME.")] = None,
    storage: Annotated[
        str | None, typer.Option(help="Optuna storage that several workers share; default: a file in the folder.")
    ] = None,
    board: Annotated[
        str, typer.Option(help="Board whose cycles count; none: multiplications instead.")
    ] = "netduinoplus2",
) -> None:
    """Train many networks and find the best trade-offs of accuracy, cycles and flash. Rerun to go on after a break."""
    from kws import extras

    extras.require("a sweep", "train", "sweep")
    from kws.training.fit.quiet import load_tensorflow

    load_tensorflow()
    from kws.training.sweep.run import execute

    execute(config, data, trials=trials, out=out, storage=storage, board=None if board == "none" else board)
