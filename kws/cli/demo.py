# SPDX-License-Identifier: Apache-2.0
"""``kws demo``: make a spotter for a made-up phrase and prove it on an emulated Cortex-M4."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    word: Annotated[str | None, typer.Option(help='Another phrase than "hey nova".')] = None,
    board: Annotated[
        str | None, typer.Option(help="Where to prove it; default: netduinoplus2 in QEMU, or native.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for everything made, emptied first.")] = None,
) -> None:
    """Synthesise, train, quantise, build, emulate, replay, report: the whole chain in minutes."""
    from rich.console import Console

    from kws import extras

    extras.require("the demo", "train")
    from kws.training.fit.quiet import load_tensorflow

    load_tensorflow()
    from kws.training.demo.run import DEFAULT_FOLDER, Demo, demo_config

    if not Demo(Console(), out or DEFAULT_FOLDER).run(demo_config(word), board=board):
        raise typer.Exit(1)
