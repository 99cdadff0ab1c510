# SPDX-License-Identifier: Apache-2.0
"""How far trainings are, and the display of it: a line for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn

from kws.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a training is."""

    epoch: int
    """Counted from 1."""
    epochs: int
    steps_done: int
    steps: int
    """Of all epochs."""
    figures: str
    """Loss and accuracies, for people."""


Show = Callable[[Standing], None]


class Bars:
    """A line for each of some trainings: epoch, loss, accuracies, time left.

    Parameters
    ----------
    names : sequence of str
        Of the trainings, shown before the number of the epoch; a line appears when its training is first shown.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._tasks: dict[int, TaskID] = {}
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        )

    def __enter__(self) -> Bars:
        """Begin."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.close()

    def start(self) -> None:
        """Begin to show."""
        self._progress.start()

    def close(self) -> None:
        """Leave the last state on the screen; safe to call twice."""
        self._progress.stop()

    def show(self, number: int, standing: Standing) -> None:
        """Bring the line of a training, counted from 0, up to date."""
        text = f"{self._names[number]}epoch {standing.epoch}/{standing.epochs}"
        if number not in self._tasks:
            self._tasks[number] = self._progress.add_task(
                text, total=standing.steps, completed=standing.steps_done, figures=""
            )
        self._progress.update(
            self._tasks[number], description=text, completed=standing.steps_done, figures=standing.figures
        )
