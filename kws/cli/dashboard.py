# SPDX-License-Identifier: Apache-2.0
"""``kws dashboard``: a local web page that shows a spotter listening."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer


def dashboard(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    recording: Annotated[
        Path | None, typer.Argument(help="Heard at its own pace; the microphone when omitted.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Microphone, by name or number.")] = None,
    board: Annotated[
        str | None, typer.Option(help="Serial port of a board whose microphone is heard, or an emulated board.")
    ] = None,
    sound: Annotated[Path | None, typer.Option(help="Recording that an emulated board's microphone hears.")] = None,
    suite: Annotated[
        Path | None, typer.Option(help="Suite (.toml) whose misses and false accepts the sliders show.")
    ] = None,
    save: Annotated[Path, typer.Option(help="Folder for saved moments, by label.")] = Path("moments"),
    out: Annotated[
        Path | None, typer.Option(help="Bundle to write a new operating point into; NAME_tuned.kws.")
    ] = None,
    operating_point: Annotated[
        int | None, typer.Option(help="Index of the bundle's operating point; its default when omitted.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to serve on; this one is for this computer only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
) -> None:
    """Show live what a spotter hears, and what other thresholds would do, in the browser."""
    from contextlib import ExitStack, closing, suppress

    from rich.console import Console

    from kws import extras
    from kws.cli.arguments import check_order
    from kws.dashboard import sources
    from kws.dashboard.figures import SuiteFigures
    from kws.dashboard.server import Dashboard, Places, run
    from kws.device import open_board
    from kws.device.monitor import settled_s
    from kws.errors import ConfigError
    from kws.files import prepare_output
    from kws.spotter import load

    check_order("dashboard", bundle, [recording] if recording else [])
    extras.require("the dashboard", "dashboard")
    if sum([recording is not None, device is not None, board is not None]) > 1:
        raise ConfigError("a recording, --device (a microphone) and --board: expected one of them")
    if sound is not None and board is None:
        raise ConfigError("--sound is what the microphone of an emulated board hears; add --board NAME")
    spotter, console = load(bundle, operating_point=operating_point), Console()
    target = out if out is not None else Path(f"{bundle.stem}_tuned.kws")
    if target.resolve() == bundle.resolve():
        raise ConfigError(f"--out {target}: expected another file than the bundle that is listened with")
    prepare_output(target, "--out")
    seconds = None if sound is None else settled_s(sound)
    with ExitStack() as stack:
        if board is not None:
            opened = stack.enter_context(open_board(board, bundle=bundle, sound=sound))
            blocks: Iterator[sources.Block] = stack.enter_context(closing(sources.from_board(opened, seconds=seconds)))
            source = f"the microphone of {board}"
        elif recording is not None:
            blocks, source = sources.from_recording(recording, spotter.sample_rate_hz), str(recording)
        else:
            blocks, source = sources.from_microphone(spotter.sample_rate_hz, device), "the microphone"
        figures = None
        if suite is not None:
            console.print(f"hearing {suite}", markup=False, highlight=False)
            figures = SuiteFigures(suite, spotter.bundle, spotter.listening)
        page = Dashboard(spotter, blocks, source, Places(moments=save, bundle=target), figures)
        with suppress(KeyboardInterrupt):
            run(page, host, port, lambda address: console.print(f"open {address}", highlight=False, soft_wrap=True))
