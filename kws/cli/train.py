# SPDX-License-Identifier: Apache-2.0
"""``kws train``: one configuration and a folder of recordings in, one bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Option(help="Run to make, a TOML file as in training/configs/.")],
    data: Annotated[Path, typer.Option(help="Speech Commands: the unpacked archive or a folder with manifest.csv.")],
    out: Annotated[Path | None, typer.Option(help="Folder for everything made; default: build/runs/NAME.")] = None,
    strategy: Annotated[
        str,
        typer.Option(
            help="Who trains together: one; mirrored: all GPUs here; workers: the machines in TF_CONFIG, each with a "
            "folder of its own."
        ),
    ] = "one",
) -> None:
    """Train, quantise, evaluate and export one model. Rerun to go on after a break."""
    from kws import extras

    extras.require("training", "train")
    from kws.training.fit.quiet import load_tensorflow

    load_tensorflow()
    from kws.training.clips.run import execute

    execute(config, data, out, strategy=strategy)
