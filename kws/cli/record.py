# SPDX-License-Identifier: Apache-2.0
"""``kws record``: takes of a word from the microphone, for ``kws wakeword --recordings``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.cli.arguments import finite

if TYPE_CHECKING:
    from rich.console import Console

    from kws.datasets.recorder import Takes, Verdict


def record(
    phrase: Annotated[str, typer.Argument(help="What to say.")],
    out: Annotated[Path, typer.Option(help="Folder for the takes and their manifest.")] = Path("recordings"),
    takes: Annotated[int, typer.Option(min=1, help="How many takes to keep.")] = 10,
    speaker: Annotated[str, typer.Option(help="Who is speaking; takes of one speaker stay together.")] = "me",
    seconds: Annotated[float, typer.Option(min=0.5, max=10.0, callback=finite, help="Length of a recording.")] = 2.5,
    device: Annotated[str | None, typer.Option(help="Microphone, by name or number.")] = None,
    board: Annotated[
        str | None, typer.Option(help="Port of a board whose own microphone is used instead, such as /dev/ttyACM0.")
    ] = None,
) -> None:
    """Record a word: countdown, level meter, trim, keep or retake."""
    from rich.console import Console

    from kws.datasets.recorder import keep

    console = Console()
    with ExitStack() as stack:
        microphone = _microphone(device, board, stack)
        for number in range(1, takes + 1):
            while True:
                verdict = _one_take(microphone, console, f"take {number} of {takes}", phrase, seconds)
                answer = console.input("[bold]Enter[/] keeps it, [bold]r[/] retakes, [bold]q[/] quits: ")
                if answer.strip().lower() == "q":
                    return
                if answer.strip().lower() != "r" and verdict.samples.size:
                    break
            console.print(f"[green]{keep(verdict, folder=out, label=phrase, speaker=speaker)}[/]")
    console.print(f"next: kws wakeword {phrase!r} --recordings {out}", highlight=False)


def _microphone(device: str | None, board: str | None, stack: ExitStack) -> Takes:
    from kws.datasets.recorder import MicrophoneTakes
    from kws.errors import ConfigError

    if board is None:
        return MicrophoneTakes(device)
    if device is not None:
        raise ConfigError("--device and --board: expected one of them, each names a microphone")
    from kws.device import open_board
    from kws.device.monitor import BoardTakes

    return BoardTakes(stack.enter_context(open_board(board)))


def _one_take(microphone: Takes, console: Console, title: str, phrase: str, seconds: float) -> Verdict:
    """Count down, record with a level meter, say how it was."""
    from rich.progress import BarColumn, Progress, TextColumn

    from kws.datasets.recorder import judge

    for left in (3, 2, 1):
        console.print(f"{title}: say [bold]{phrase}[/] in {left} ...", end="\r")
        microphone.pause(0.7)
    with Progress(TextColumn("[red]recording[/]"), BarColumn(40), TextColumn("{task.fields[level]}")) as bar:
        meter = bar.add_task("", total=60.0, level="")
        recorded = microphone.record(
            seconds, lambda dbfs: bar.update(meter, completed=max(0.0, dbfs + 60.0), level=f"{dbfs:5.1f} dBFS")
        )
    verdict = judge(recorded, lost=microphone.lost)
    mood = f"[yellow]{verdict.problem}[/]" if verdict.problem else "[green]good[/]"
    console.print(f"{verdict.samples.size / 16000:.2f} s, peak {verdict.level_dbfs:.1f} dBFS: {mood}")
    return verdict
