# SPDX-License-Identifier: Apache-2.0
"""Progress without a terminal: lines in a log, none in the way of what is quick."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn

from kws import progress


def log() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=False, width=40), stream


def wait_for(stream: io.StringIO, words: str) -> None:
    until = time.monotonic() + 10.0
    while words not in stream.getvalue():
        assert time.monotonic() < until, stream.getvalue()
        time.sleep(0.01)


def test_a_log_hears_where_a_long_task_is_even_while_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.02)
    console, stream = log()
    with progress.one_bar(console, "replaying to a board whose name is longer than the line") as show:
        show(3, 60)
        wait_for(stream, "3/60")
    assert stream.getvalue().splitlines()[-1] == "replaying to a board whose name is longer than the line  3/60"


def test_what_is_done_sooner_leaves_no_line_in_a_log() -> None:
    console, stream = log()
    with progress.task_progress(console) as show:
        for done in range(100):
            show("reading", done, 100)
    assert stream.getvalue() == ""


def test_finished_phases_are_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.02)
    console, stream = log()
    with progress.task_progress(console) as show:
        show("reading", 5, 5)
        show("scoring", 1, 7)
        wait_for(stream, "scoring")
    assert "reading" not in stream.getvalue()


def test_a_line_has_every_column_but_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.02)
    console, stream = log()
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with progress.Progress(*columns, console=console) as bars:
        bars.add_task("part 1", total=2_000_000, completed=500_000)
        wait_for(stream, "\n")
    assert stream.getvalue().splitlines()[0] == "part 1  0.5/2.0 MB"


def test_nothing_is_said_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.02)
    console, stream = log()
    bars = progress.Progress(console=console)
    bars.start()
    bars.add_task("training", total=10)
    wait_for(stream, "training")
    bars.stop()
    bars.stop()
    said = stream.getvalue()
    time.sleep(0.1)
    assert stream.getvalue() == said


def test_a_terminal_gets_bars() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, color_system=None)
    with progress.one_bar(console, "training") as show:
        show(1, 2)
    assert "━" in stream.getvalue()


def test_tracked_items_come_unchanged() -> None:
    assert list(progress.track("abc", "letters", 3)) == ["a", "b", "c"]
