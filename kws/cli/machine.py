# SPDX-License-Identifier: Apache-2.0
"""``kws machine``: learn what a machine sounds like, and score how unusual recordings are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.cli.arguments import finite

if TYPE_CHECKING:
    from rich.console import Console

    from kws.machine.learn import Learnt
    from kws.machine.score import MachineScore

app = typer.Typer(help="Learn what a machine sounds like from normal sound or vibration; say how unusual it is.")


@app.command("learn")
def learn(
    normal: Annotated[
        list[Path], typer.Argument(help="Normal recordings: files or folders; any rate, one channel per axis.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Bundle to write.")] = Path("machine.kws"),
    moment: Annotated[float, typer.Option(callback=finite, help="Seconds that one score is about.")] = 2.0,
    alarms_per_day: Annotated[
        list[float] | None,
        typer.Option(help="Wanted alarms per day; repeat for more operating points.", show_default="1"),
    ] = None,
    quiet: Annotated[float, typer.Option(callback=finite, help="Seconds without a second alarm after one.")] = 10.0,
) -> None:
    """Learn from minutes of normal sound or vibration, and choose the threshold for a wanted number of alarms a day."""
    from rich.console import Console

    from kws.files import prepare_output
    from kws.machine.learn import MachineSettings
    from kws.machine.learn import learn as learn_machine

    prepare_output(out, "--out")
    settings = MachineSettings(moment_s=moment, alarms_per_day=tuple(alarms_per_day or (1.0,)), quiet_s=quiet)
    console = Console()
    with console.status("learning"):
        learnt = learn_machine(normal, settings)
    learnt.bundle.save(out)
    _show_learnt(learnt, console)
    console.print(f"wrote {out} ({len(learnt.bundle.data):,} bytes)", highlight=False)


@app.command("score")
def score(
    bundle: Annotated[Path, typer.Argument(help="Bundle that `kws machine learn` wrote.")],
    recordings: Annotated[list[Path], typer.Argument(help="Files or folders, of the same sensor.")],
    unusual: Annotated[
        list[Path] | None, typer.Option(help="Recordings known to be unusual: AUC against the others.")
    ] = None,
    board: Annotated[
        str, typer.Option(help="host, native, netduinoplus2, ... or a serial port: must agree with this computer.")
    ] = "host",
    operating_point: Annotated[int | None, typer.Option(help="Index; default: the bundle's.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the scores as JSON.")] = None,
) -> None:
    """Say how unusual each recording is, 0 to 1, and when an alarm would have been raised."""
    from rich.console import Console

    from kws.files import prepare_output
    from kws.machine.score import score as score_machine
    from kws.progress import one_bar

    prepare_output(json, "--json")
    console = Console()
    kinds = {"normal" if unusual else "": recordings} | ({"unusual": unusual} if unusual else {})
    scores = {}
    for kind, paths in kinds.items():
        with one_bar(console, f"listening {kind}".strip(), transient=True) as show:
            scores[kind] = score_machine(bundle, paths, board=board, operating_point=operating_point, on_progress=show)
    _show_scores(scores, console)
    areas = _areas(scores, console) if unusual else {}
    if board != "host":
        console.print(f"{board} agrees with this computer in every score and alarm", highlight=False)
    if json is not None:
        _write(json, scores, areas)
        console.print(f"wrote {json}", highlight=False)


def _show_learnt(learnt: Learnt, console: Console) -> None:
    from kws.machine.alarms import told

    used = ", ".join(f"{seconds / 60.0:.1f} min to {use}" for use, seconds in learnt.seconds.items())
    console.print(f"normal sound: {used}", highlight=False)
    for index, promise in enumerate(learnt.promises):
        console.print(f"{index}: {told(promise)}", highlight=False)


def _show_scores(scores: dict[str, list[MachineScore]], console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("recording", "unusual: mean", "highest", "at", "alarms")
    for found in scores.values():
        for one in found:
            alarms = ", ".join(f"{time:.1f} s" for time in one.alarms_s[:3]) + (" ..." if len(one.alarms_s) > 3 else "")
            row = (f"{one.mean:.3f}", f"{one.highest:.3f}", f"{one.highest_s:.1f} s", alarms or "-")
            table.add_row(escape(one.name), *row)
    console.print(table)


def _areas(scores: dict[str, list[MachineScore]], console: Console) -> dict[str, float]:
    """Print and return AUC and partial AUC."""
    from kws.machine.auc import PARTIAL, auc, partial_auc, standardised

    normal, unusual = ([one.mean for one in scores[kind]] for kind in ("normal", "unusual"))
    areas = {"auc": auc(normal, unusual)}
    line = f"AUC {areas['auc']:.4f} of {len(normal)} normal and {len(unusual)} unusual recordings"
    if len(normal) * PARTIAL >= 1:
        areas["partial_auc"] = partial_auc(normal, unusual)
        line += f"; partial AUC (p = {PARTIAL:g}) {areas['partial_auc']:.4f}"
        line += f", {standardised(areas['partial_auc']):.4f} as McClish standardises it"
    console.print(line, highlight=False)
    return areas


def _write(path: Path, scores: dict[str, list[MachineScore]], areas: dict[str, float]) -> None:
    from json import dumps

    rows = [one.to_json() | ({"kind": kind} if kind else {}) for kind, found in scores.items() for one in found]
    path.write_text(dumps({"recordings": rows, **areas}, indent=1) + "\n", encoding="utf-8")
