# SPDX-License-Identifier: Apache-2.0
"""``kws inspect``: what is in a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show a bundle: layers, sizes, labels, operating points, provenance."""
    import json

    from rich.console import Console

    from kws.bundle import Bundle
    from kws.inspection import describe, print_bundle

    loaded = Bundle.load(bundle)
    if as_json:
        typer.echo(json.dumps(describe(loaded), indent=1, ensure_ascii=False))
    else:
        print_bundle(loaded, Console())
