# SPDX-License-Identifier: Apache-2.0
"""``kws flash``: firmware and model onto a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from kws.flash import Image


def flash(
    bundle: Annotated[
        Path | None, typer.Argument(help="Bundle NAME.kws for the board; only firmware when omitted.")
    ] = None,
    board: Annotated[str | None, typer.Option(help="Which board; kws flash --list shows those there are.")] = None,
    commands: Annotated[
        Path | None, typer.Option(help="Bundle of commands: listened for after a word of the first bundle.")
    ] = None,
    update_key: Annotated[
        Path | None, typer.Option(help="Public key of `kws sign new-key`: it takes updates only when signed with it.")
    ] = None,
    model_only: Annotated[bool, typer.Option("--model-only", help="Leave the firmware that is on it.")] = False,
    port: Annotated[str | None, typer.Option(help="Serial port of its bootloader; found when omitted.")] = None,
    drive: Annotated[Path | None, typer.Option(help="Folder of its bootloader's drive; found when omitted.")] = None,
    probe: Annotated[str | None, typer.Option(help="Serial number of the debug probe, when there are several.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Build, and say what would be done.")] = False,
    list_boards: Annotated[bool, typer.Option("--list", help="Show the boards and how each is flashed.")] = False,
) -> None:
    """Build the firmware of a board and flash it, with a model, in one go."""
    from rich.console import Console

    from kws import flash as flashing
    from kws.device.build import build_firmware
    from kws.errors import ConfigError
    from kws.flash import image, ways

    console = Console()
    if list_boards:
        for name in ways.flashable_boards():
            console.print(f"{name:22} {ways.way_of(name).describe()}", highlight=False)
        return
    if board is None:
        raise ConfigError(f"--board: expected one of {', '.join(ways.flashable_boards())}")
    if model_only and bundle is None:
        raise ConfigError("--model-only: expected a bundle: kws flash NAME.kws --board BOARD --model-only")
    if commands is not None and bundle is None:
        raise ConfigError(
            "--commands: expected the bundle of the wake word in front: kws flash WAKE.kws --commands ..."
        )
    if model_only and update_key is not None:
        raise ConfigError(
            "--update-key: is a part of the firmware, which --model-only leaves as it is; give one of them"
        )
    ways.checked_way(board, port=port, drive=drive, probe=probe)
    elf = build_firmware(board, target="kws", update_key=update_key) / "kws.elf"
    images = [] if model_only else [flashing.firmware_image(elf)]
    images += image.model_images(bundle, board, elf, commands=commands) if bundle is not None else []
    for line in ways.plan(board, images):
        console.print(line, highlight=False)
    if not dry_run:
        _flash(board, images, port, drive, probe, console)


def _flash(
    board: str, images: list[Image], port: str | None, drive: Path | None, probe: str | None, console: Console
) -> None:
    from kws.flash import ways
    from kws.progress import Progress

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"flashing {board}", total=None)
        ways.flash(
            board,
            images,
            port=port,
            drive=drive,
            probe=probe,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    console.print(f"{board} runs; a terminal on its serial port shows what it hears", highlight=False)
