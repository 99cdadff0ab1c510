# SPDX-License-Identifier: Apache-2.0
"""How far something has come: bars on a terminal, a line every ten seconds in a log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich import progress
from rich.console import Console
from rich.text import Text

EVERY_S = 10.0
"""Between two lines; programs that run others end those that are silent for minutes."""

Item = TypeVar("Item")


class Progress(progress.Progress):
    """rich's progress display, which speaks where there is no terminal too.

    Parameters
    ----------
    columns : rich.progress.ProgressColumn
        What is shown of a task; name, bar, counts and time left when omitted. A line has them all but the bar.
    console : rich.console.Console, optional
    transient : bool
        Take the bars away at the end.
    """

    def __init__(
        self, *columns: progress.ProgressColumn, console: Console | None = None, transient: bool = False
    ) -> None:
        console = console or Console()
        self._in_a_log = not (console.is_terminal or console.is_jupyter)
        self._ended = threading.Event()
        self._speaker: threading.Thread | None = None
        super().__init__(*(columns or _usual_columns()), console=console, transient=transient, disable=self._in_a_log)

    def start(self) -> None:
        """Show the bars, or begin to speak."""
        super().start()
        if self._in_a_log and self._speaker is None:
            self._ended.clear()
            self._speaker = threading.Thread(target=self._speak, name="kws-progress", daemon=True)
            self._speaker.start()

    def stop(self) -> None:
        """End the display; harmless when it has ended."""
        self._ended.set()
        if self._speaker is not None:
            self._speaker.join()
            self._speaker = None
        super().stop()

    def _speak(self) -> None:
        while not self._ended.wait(EVERY_S):
            for task in self.tasks:
                if not task.finished:
                    self.console.print(self._line(task), highlight=False, markup=False, soft_wrap=True)

    def _line(self, task: progress.Task) -> str:
        words = []
        for column in self.columns:
            shown = column(task) if isinstance(column, progress.ProgressColumn) else column
            if isinstance(shown, Text) and shown.plain.strip("-: "):
                left = " left" if isinstance(column, progress.TimeRemainingColumn) else ""
                words.append(shown.plain.strip() + left)
        return "  ".join(words)


@contextmanager
def task_progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar per phase; gives the function to call with the phase, how much is done, and of how much."""
    tasks: dict[str, progress.TaskID] = {}
    with Progress(console=console, transient=True) as bars:

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show


@contextmanager
def one_bar(console: Console, what: str, *, transient: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show one bar; gives the function to call with how much is done, and of how much."""
    with Progress(console=console, transient=transient) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def track(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """Yield the items of a sequence whose length is known, under a bar."""
    with one_bar(Console(), what) as show:
        for done, item in enumerate(items):
            show(done, total)
            yield item
        show(total, total)


def _usual_columns() -> tuple[progress.ProgressColumn, ...]:
    return (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
