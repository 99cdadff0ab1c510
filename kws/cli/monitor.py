# SPDX-License-Identifier: Apache-2.0
"""``kws monitor``: what a board hears through its own microphone, as it hears it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from kws.device import Board, Statistics
    from kws.device.monitor import Moment

_BAR_CHARACTERS = 40
_QUIETEST_DBFS = -80.0
_REFRESH_S = 0.05


def monitor(
    board: Annotated[str, typer.Argument(help="Serial port of a board, or the name of an emulated one.")],
    bundle: Annotated[Path | None, typer.Option(help="Bundle NAME.kws that an emulated board runs.")] = None,
    sound: Annotated[Path | None, typer.Option(help="Recording that an emulated board's microphone hears.")] = None,
    operating_point: Annotated[
        int | None, typer.Option(help="Index of the bundle's operating point; its default when omitted.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="End after so much sound; when omitted with --sound or Ctrl-C."),
    ] = None,
) -> None:
    """Show a board's events, the level at its microphone and where its cycles go, live."""
    from rich.console import Console

    from kws.device import open_board
    from kws.device.monitor import settled_s

    limit_s = seconds if seconds is not None or sound is None else settled_s(sound)
    with open_board(board, bundle=bundle, sound=sound) as opened:
        _watch(opened, operating_point, limit_s, Console())


@dataclass
class _Tally:
    """What has been heard so far."""

    events: int = 0
    lost: int = 0
    peak_dbfs: float = -100.0
    newest: Moment | None = None

    def take(self, moment: Moment) -> None:
        self.events += len(moment.detections)
        self.lost += moment.lost
        self.peak_dbfs = max(self.peak_dbfs, _level(moment))
        self.newest = moment


def _watch(board: Board, operating_point: int | None, limit_s: float | None, console: Console) -> None:
    from rich.live import Live

    rate = board.info.sample_rate_hz
    console.print(
        f"{board.info.board}, {board.info.clock_hz / 1e6:g} MHz, started by {board.info.started_by}: "
        f"{', '.join(board.info.labels)}",
        highlight=False,
    )
    if board.info.last_fault:
        console.print(f"[yellow]it crashed before: {board.info.last_fault}[/]", highlight=False)
    tally, shown_at = _Tally(), 0
    # Ctrl-C is how a person ends it.
    with suppress(KeyboardInterrupt), Live(console=console, transient=True, auto_refresh=False) as live:
        for moment in board.monitor(operating_point=operating_point):
            tally.take(moment)
            _print_news(moment, rate, console)
            if moment.position - shown_at >= _REFRESH_S * rate:
                shown_at = moment.position
                live.update(_view(moment, board), refresh=True)
            if limit_s is not None and moment.position >= limit_s * rate:
                break
    if tally.newest is not None:
        _print_summary(tally, tally.newest, board, console)


def _print_news(moment: Moment, rate: int, console: Console) -> None:
    for event in moment.detections:
        console.print(f"{event.time_s:8.2f} s  [bold green]{event.label}[/]  {event.posterior:.2f}", highlight=False)
    if moment.lost:
        console.print(f"[yellow]{moment.position / rate:8.2f} s  {moment.lost} samples lost[/]", highlight=False)


def _print_summary(tally: _Tally, newest: Moment, board: Board, console: Console) -> None:
    heard_s = newest.position / board.info.sample_rate_hz
    console.print(
        f"{heard_s:.1f} s heard, {tally.events} events, {tally.lost} samples lost, loudest {tally.peak_dbfs:.1f} dBFS",
        highlight=False,
    )
    if newest.statistics is not None:
        console.print(_words(newest.statistics, heard_s, board.info.clock_hz), highlight=False)


def _level(moment: Moment) -> float:
    from kws.levels import peak_dbfs

    return peak_dbfs(moment.sound)


def _view(moment: Moment, board: Board) -> Table:
    from rich.table import Table

    level = _level(moment)
    full = round(_BAR_CHARACTERS * max(0.0, 1.0 - level / _QUIETEST_DBFS))
    table = Table.grid(padding=(0, 1))
    table.add_row("level", f"[cyan]{'█' * full}[/]", f"{level:.1f} dBFS")
    if moment.smoothed is not None:
        for label, score in zip(board.info.labels, moment.smoothed.tolist(), strict=True):
            table.add_row(label, "█" * round(_BAR_CHARACTERS * score / 255), f"{score / 255:.2f}")
    if moment.statistics is not None:
        table.add_row(
            "core", _words(moment.statistics, moment.position / board.info.sample_rate_hz, board.info.clock_hz)
        )
    return table


def _words(statistics: Statistics, heard_s: float, clock_hz: int) -> str:
    frames = max(1, statistics.frames)
    share = f"core {statistics.busy_cycles / max(1e-9, heard_s * clock_hz):.1%} busy, " if clock_hz > 1 else ""
    stages = ", ".join(f"{stage.stage} {stage.cycles / max(1, stage.calls):,.0f}" for stage in statistics.stages)
    return (
        f"{share}gate closed {statistics.gated_frames / frames:.0%} of the time, stack {statistics.stack_peak_bytes} "
        f"bytes at most; cycles a call: {stages}"
    )
