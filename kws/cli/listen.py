# SPDX-License-Identifier: Apache-2.0
"""``kws listen``: a microphone or a recording through the very code of the boards."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from kws.pipeline import Detection
    from kws.spotter import Spotter


def listen(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Recordings; the microphone when omitted.")
    ] = None,
    operating_point: Annotated[
        int | None, typer.Option(help="Index of the bundle's operating point; its default when omitted.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Microphone, by name or number.")] = None,
) -> None:
    """Print every word spotted in recordings, or in what the microphone hears until Ctrl-C."""
    from rich.console import Console

    from kws.cli.arguments import check_order
    from kws.errors import ConfigError
    from kws.spotter import load

    check_order("listen", bundle, files or [])
    if files and device is not None:
        raise ConfigError("--device is a microphone; leave it away to listen to recordings, or the recordings")
    spotter = load(bundle, operating_point=operating_point)
    if files:
        _listen_to_files(spotter, files, Console())
    else:
        _listen_to_microphone(spotter, device, Console())


def _listen_to_files(spotter: Spotter, paths: list[Path], console: Console) -> None:
    from rich.markup import escape

    from kws.audio_files import find_audio

    for path in find_audio(paths):
        detections = spotter.listen(path)
        seconds = detections.samples.size / spotter.sample_rate_hz
        heard = "" if detections else f"; none of {', '.join(spotter.keywords)}"
        console.print(f"{escape(str(path))}, {seconds:.1f} s{escape(heard)}", highlight=False, soft_wrap=True)
        _print_detections(detections, console)


def _listen_to_microphone(spotter: Spotter, device: str | None, console: Console) -> None:
    from rich.live import Live

    from kws.microphone import Microphone
    from kws.report.terminal import posterior_bars

    microphone = Microphone(spotter.sample_rate_hz, device)
    console.print(
        f"listening for [bold]{', '.join(spotter.keywords)}[/] until Ctrl-C (time, word, posterior of 1)",
        highlight=False,
    )
    lost = 0
    with Live(console=console, transient=True, auto_refresh=False) as live:
        for block in microphone.blocks():
            _print_detections(spotter.feed(block), console)
            if microphone.overflows > lost:
                lost = microphone.overflows
                console.print("[yellow]audio was lost: this computer did not fetch it in time[/]")
            if (smoothed := spotter.smoothed) is not None:
                live.update(posterior_bars(smoothed.tolist(), spotter.listening), refresh=True)


def _print_detections(detections: Iterable[Detection], console: Console) -> None:
    for event in detections:
        console.print(f"{event.time_s:8.2f} s  [bold green]{event.label}[/]  {event.posterior:.2f}", highlight=False)
