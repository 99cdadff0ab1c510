# SPDX-License-Identifier: Apache-2.0
"""What came of a sweep: a table of the best trade-offs, all trials as CSV, the Pareto plot."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import optuna


def show(study: optuna.Study, out: Path, console: Console, *, cost: str) -> None:
    """Write ``trials.csv`` and ``pareto.svg``, and print the trials that no other trial beats in everything.

    Parameters
    ----------
    study : optuna.Study
        Of accuracy, cost and flash.
    out : Path
        Existing folder.
    console : rich.console.Console
    cost : str
        Name and unit of the second figure.
    """
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.values]
    best = sorted(study.best_trials, key=lambda trial: trial.values[1])
    _write(done, {trial.number for trial in best}, out / "trials.csv", cost)
    _plot(done, best, out / "pareto.svg", cost)
    table = Table(title=f"{len(done)} trials; the best trade-offs")
    for name in ("trial", "accuracy", cost, "bundle bytes", "settings"):
        table.add_column(name, justify="left" if name == "settings" else "right")
    for trial in best:
        accuracy, cycles, flash = trial.values
        chosen = "  ".join(f"{name} {value}" for name, value in trial.params.items())
        table.add_row(str(trial.number), f"{accuracy:.2%}", f"{cycles:,.0f}", f"{flash:,.0f}", chosen)
    console.print(table)


def _write(done: list[optuna.trial.FrozenTrial], best: set[int], path: Path, cost: str) -> None:
    names = sorted({name for trial in done for name in trial.params})
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["trial", "accuracy", cost, "bundle_bytes", "pareto", *names])
        for trial in done:
            settings = [trial.params.get(name, "") for name in names]
            rows.writerow([trial.number, *trial.values, trial.number in best, *settings])


def _plot(done: list[optuna.trial.FrozenTrial], best: list[optuna.trial.FrozenTrial], path: Path, cost: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for trials, color, label in ((done, "0.75", "all"), (best, "tab:blue", "no other is better in everything")):
        axes.scatter(
            [trial.values[1] for trial in trials],
            [100 * trial.values[0] for trial in trials],
            s=[trial.values[2] / 500 for trial in trials],
            c=color,
            label=label,
        )
    for trial in best:
        axes.annotate(str(trial.number), (trial.values[1], 100 * trial.values[0]), fontsize=8)
    axes.set(xlabel=cost, ylabel="validation accuracy, %, C int8", title="size of a point: bytes of the bundle")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path)
