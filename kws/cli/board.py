# SPDX-License-Identifier: Apache-2.0
"""``kws board``: which boards there are, and what one of them says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Show the boards there are, and what one of them says about itself.")


@app.command("list")
def list_boards() -> None:
    """Show the boards that firmware is for, and the serial ports and debug probes of this computer."""
    from rich.console import Console
    from rich.table import Table

    from kws.flash.found import found_ports, known_boards
    from kws.flash.ways import found_probes

    console = Console()
    table = Table("board", "chip", "runs here as", "flashed by", box=None, pad_edge=False)
    for board in known_boards():
        table.add_row(board.name, board.chip, board.runs_here, board.flashed_by)
    console.print(table)
    ports, probes = found_ports(), found_probes()
    if not ports:
        console.print("no serial port is there: plug a board in, with a cable that carries data", highlight=False)
    for port in ports:
        words = filter(None, [f"USB {port.usb}" if port.usb else "no USB device", port.description, port.board])
        console.print(f"{port.port}: {', '.join(words)}", highlight=False, markup=False)
    if probes is None:
        console.print("debug probes: not looked for, as pyOCD is not installed (extra flash)", highlight=False)
    else:
        console.print(f"debug probes: {', '.join(probes) or 'none'}", highlight=False, markup=False)


@app.command("info")
def info(
    board: Annotated[str, typer.Argument(help="Serial port of a board, or the name of an emulated one.")],
    bundle: Annotated[Path | None, typer.Option(help="Bundle NAME.kws that an emulated board runs.")] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Give up when the board is silent for so long.")] = 3.0,
) -> None:
    """Ask a board for its firmware, bundle, memory, slots, how long it runs and why it started."""
    from kws.device.about import ask_about
    from kws.device.boards import open_link

    with open_link(board, bundle=bundle, timeout_s=timeout_s) as link:
        about = ask_about(link)
    for name, words in about.lines():
        typer.echo(f"{name:10} {words}")
