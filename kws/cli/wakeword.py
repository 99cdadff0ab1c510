# SPDX-License-Identifier: Apache-2.0
"""``kws wakeword``: a typed phrase in, a bundle that wakes at it out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.ranges import MAX_SEED


def wakeword(
    phrases: Annotated[list[str] | None, typer.Argument(help="What to wake at; several share a bundle.")] = None,
    config: Annotated[Path | None, typer.Option(help="Word project, a TOML file; instead of phrases.")] = None,
    say: Annotated[
        list[str] | None, typer.Option(help="Another spelling or \\[\\[phonemes]] of the phrase; with one phrase only.")
    ] = None,
    recordings: Annotated[Path | None, typer.Option(help="Your own takes: FOLDER/PHRASE/*.wav.")] = None,
    heard: Annotated[
        Path | None,
        typer.Option(help="What it woke at or missed: FOLDER/PHRASE/*.wav where it was said, FOLDER/no/*.wav."),
    ] = None,
    ambient: Annotated[
        list[Path] | None, typer.Option(help="Audio in which the phrase is not said; may be given several times.")
    ] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="Folder of `kws dataset download negatives`; default: where that puts them.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for everything made; default: build/words/NAME.")] = None,
    size: Annotated[
        str | None, typer.Option(help="How much it may cost on the board: micro, small or full, the default.")
    ] = None,
    trunk: Annotated[
        Path | None, typer.Option(help="File of pretrained layers to start from; default: those of the size.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=MAX_SEED, help="Of everything drawn at random.")] = None,
    board: Annotated[str, typer.Option(help="Whose cycles the card states; none: no board.")] = "netduinoplus2",
    show: Annotated[bool, typer.Option("--show", help="Only show how it is pronounced, and its near-misses.")] = False,
) -> None:
    """Make a wake word from a typed phrase: synthesise, train, calibrate. Rerun to go on after a break."""
    from kws import extras
    from kws.training.wakeword.config import make_project

    project = make_project(
        tuple(phrases or ()),
        config=config,
        say=tuple(say or ()),
        recordings=recordings,
        heard=heard,
        ambient=tuple(ambient or ()),
        negatives=negatives,
        size=size,
        trunk=trunk,
        seed=seed,
    )
    voices = ["voices"] if set(project.speech.engines) - {"espeak-ng"} else []
    extras.require("making a wake word", *([] if show else ["train"]), *voices)
    if show:
        from kws.training.wakeword.show import show_project

        show_project(project)
    else:
        from kws.training.fit.quiet import load_tensorflow

        load_tensorflow()
        from kws.training.wakeword.run import execute

        execute(project, out, board=None if board == "none" else board)
