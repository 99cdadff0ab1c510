# SPDX-License-Identifier: Apache-2.0
"""``kws export``: a bundle as source code for a project of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    layout: Annotated[str, typer.Option("--format", help="c, arduino (a library) or zephyr (a module).")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; one that an export wrote is replaced.")],
) -> None:
    """Write the C core, a bundle and a 20-line program in the layout of your project."""
    from rich.console import Console

    from kws.bundle import Bundle
    from kws.export import export as write

    names = write(Bundle.load(bundle), layout, out)
    console = Console()
    console.print(f"wrote {len(names)} files to {out}; {out / 'README.md'} says how to use them", highlight=False)
