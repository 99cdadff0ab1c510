"""``kws listen``: the microphone of this computer through the very code of the boards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def listen(
    bundle: Annotated[Path, typer.Argument(help="The bundle.")],
    operating_point: Annotated[
        int | None, typer.Option(help="Index of the bundle's operating point; its default when omitted.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Microphone, by name or number.")] = None,
) -> None:
    """Listen to the microphone and print every word spotted, until Ctrl-C."""
    from rich.console import Console
    from rich.live import Live

    from kws.bundle import Bundle
    from kws.evaluation.listening import listening_of
    from kws.harness.live import microphone_blocks
    from kws.pipeline import Pipeline
    from kws.report.terminal import posterior_bars

    spotter = Bundle.load(bundle)
    listening = listening_of(spotter, operating_point)
    pipeline = Pipeline(spotter, operating_point=operating_point)
    console = Console()
    blocks = microphone_blocks(listening.sample_rate_hz, device)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        for block in blocks:
            for event in pipeline.feed(block):
                seconds = event.sample_index / listening.sample_rate_hz
                console.print(f"{seconds:8.2f} s  [bold green]{event.label}[/]  {event.score / 255:.2f}")
            if len(pipeline.scores.smoothed):
                live.update(posterior_bars(pipeline.scores.smoothed[-1].tolist(), listening), refresh=True)
