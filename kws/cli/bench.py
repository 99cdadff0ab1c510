# SPDX-License-Identifier: Apache-2.0
"""``kws bench``: cycles, RAM and flash of bundles on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    bundles: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[BUNDLE]...", help="Bundles NAME.kws; default: a reference network, models/, okay_nabu."
        ),
    ] = None,
    board: Annotated[str, typer.Option(help="netduinoplus2, or a real board: serial port or URL.")] = "netduinoplus2",
    out: Annotated[Path | None, typer.Option(help="Write each result into this folder, as NAME-BOARD.json.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with benchmarks/cycles; exit with 1 if a figure grew by > 2 %.")
    ] = False,
    update: Annotated[bool, typer.Option("--update", help="Write benchmarks/cycles anew.")] = False,
) -> None:
    """Print cycles, milliseconds, RAM and flash of bundles on a board."""
    from rich.console import Console

    from kws.bench.measure import measure
    from kws.bench.result import compare, read_figures
    from kws.bench.run import COMMITTED, bundles_to_measure, committed_path, save_result
    from kws.bench.show import print_changes, print_result
    from kws.files import prepare_output

    if out is not None:
        prepare_output(out / "result.json", "--out")
    console = Console()
    worse = False
    for bundle in bundles_to_measure(bundles):
        result = measure(bundle, board)
        print_result(result, console)
        if out is not None:
            save_result(result, out)
        if update:
            save_result(result, COMMITTED)
        if check:
            changes = compare(result, read_figures(committed_path(result)))
            print_changes(result.bundle, changes, console)
            worse = worse or any(change.is_regression for change in changes)
    if worse:
        raise typer.Exit(1)
