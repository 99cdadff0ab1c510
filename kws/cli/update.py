# SPDX-License-Identifier: Apache-2.0
"""``kws update``: a new bundle for a board over its serial line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def update(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws that the board is to run.")],
    board: Annotated[str, typer.Option(help="Serial port of a board, or the name of an emulated one.")],
    before: Annotated[
        Path | None, typer.Option("--from", help="Bundle that an emulated board has before; none when omitted.")
    ] = None,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout", min=0.1, help="Give up when the board is silent for so long."),
    ] = 10.0,
) -> None:
    """Replace a board's bundle over its serial line; the old one stays until the new one has run."""
    from rich.console import Console

    from kws.bundle import Bundle
    from kws.device.boards import open_link
    from kws.device.signature import load_signature
    from kws.device.update import update_board
    from kws.progress import one_bar

    new, signature, console = Bundle.load(bundle), load_signature(bundle), Console()
    with open_link(board, bundle=before, timeout_s=timeout_s) as link, one_bar(console, f"updating {board}") as show:
        result = update_board(link, new, signature=signature, on_progress=show)
    console.print(
        f"{result.board} runs {bundle} (CRC {result.bundle_crc32:08x}), confirmed: {result.compared_scores} scores "
        f"equal this computer's; {result.bytes:,} bytes in {result.seconds:.1f} s",
        highlight=False,
    )
