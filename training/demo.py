"""The demo: a phrase is typed, and minutes later a Cortex-M4 listens for it; every step is the real one."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kws.device.build import build_firmware
from kws.errors import ToolMissingError
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay
from kws.report.page import replay_page, write_page
from kws.report.terminal import print_replay
from training.config import RunConfig, load_run
from training.demo_data import DemoData, make_demo_data, write_held_out
from training.run import RunResult, train_and_export

CONFIG = Path(__file__).parent / "configs" / "demo.toml"
DEFAULT_FOLDER = Path("build") / "demo"
EMULATED_BOARD = "netduinoplus2"
NATIVE_BOARD = "native"
_STEPS = 5


class Demo:
    """The demo's steps, each announced with its number and timed.

    Parameters
    ----------
    console : rich.console.Console
    folder : Path
        Everything made lands here; made anew.
    """

    def __init__(self, console: Console, folder: Path) -> None:
        self._console, self._folder = console, folder
        self._step = 0

    def run(self, word: str | None = None, *, board: str | None = None) -> bool:
        """Go through all steps.

        Parameters
        ----------
        word : str, optional
            The phrase; that of ``configs/demo.toml`` when not given.
        board : str, optional
            Where to prove it; the emulated Cortex-M4, or the native board when its tools are missing.

        Returns
        -------
        bool
            Whether the spotter proved itself.
        """
        started_s = time.monotonic()
        run = _with_word(load_run(CONFIG), word)
        phrase = run.data.labels[-1]
        self._console.print(
            Panel(
                f'A keyword spotter for [bold]"{phrase}"[/], from nothing but the text:\n'
                "speech -> features -> network -> bundle -> emulated Cortex-M4 -> replay -> report",
                title="kws demo",
                expand=False,
            )
        )
        shutil.rmtree(self._folder, ignore_errors=True)
        data = self._synthesise(run)
        clips = write_held_out(data.held_out, self._folder / "held_out")
        made = self._train(data, run)
        board = board or self._build_firmware()
        result = self._replay(made, clips, board)
        return self._report(result, made, phrase, time.monotonic() - started_s)

    @contextmanager
    def _announced(self, text: str) -> Iterator[None]:
        self._step += 1
        self._console.rule(f"[bold cyan]{self._step}/{_STEPS}[/] {text}", align="left")
        started_s = time.monotonic()
        yield
        self._console.print(f"[dim]{time.monotonic() - started_s:.0f} s[/]")

    def _synthesise(self, run: RunConfig) -> DemoData:
        with self._announced("Speak: a phrase, what sounds like it, and what does not"), _bar(self._console) as bar:
            task = bar.add_task("synthesising", total=None)
            data = make_demo_data(run, on_progress=lambda done, total: bar.update(task, completed=done, total=total))
        learnt, kept = data.training, sum(len(clips) for clips in data.held_out.values())
        self._console.print(
            f"{len(learnt.training)} clips to learn from, {len(learnt.validation)} to validate on, {kept} held out: "
            f"other voices, other noise; {len(data.others)} other phrases"
        )
        return data

    def _train(self, data: DemoData, run: RunConfig) -> RunResult:
        with self._announced("Learn: a streaming DS-CNN on features from the C core, then int8"):
            return train_and_export(data.training, run, self._folder, console=self._console)

    def _build_firmware(self) -> str:
        with self._announced("Build: firmware for an STM32F405 (Cortex-M4)"):
            try:
                folder = build_firmware(EMULATED_BOARD)
            except ToolMissingError as error:
                self._console.print(f"[yellow]{error}; going on with the native board[/]")
                return NATIVE_BOARD
            self._console.print(f"[bold green]{folder}[/]")
            return EMULATED_BOARD

    def _replay(self, made: RunResult, clips: Path, board: str) -> ReplayResult:
        request = ReplayRequest(paths=(clips,), bundle=made.bundle_path, board=board, verify=True)
        with self._announced(f"Prove: held-out clips over the serial line to {board}"):
            try:
                return self._replay_with_bar(request)
            except ToolMissingError as error:
                self._console.print(f"[yellow]{error}; going on with the native board[/]")
                return self._replay_with_bar(dataclasses.replace(request, board=NATIVE_BOARD))

    def _replay_with_bar(self, request: ReplayRequest) -> ReplayResult:
        with _bar(self._console) as bar:
            task = bar.add_task(f"replaying to {request.board}", total=None)
            return run_replay(request, on_outcome=lambda done, total, _: bar.update(task, completed=done, total=total))

    def _report(self, result: ReplayResult, made: RunResult, phrase: str, seconds: float) -> bool:
        page = self._folder / "report.html"
        with self._announced("Report"):
            print_replay(result, self._console)
            write_page(page, replay_page(result))
        proven = _proven(result)
        verdict = "[bold green]It listens.[/]" if proven else "[bold red]It does not listen well enough.[/]"
        self._console.print(
            Panel(
                f"{verdict} {_findings(result, phrase)}\n\n"
                f"bundle  {made.bundle_path}  ({len(made.bundle.data)} bytes)\n"
                f"report  {page.resolve()}\n"
                f"next    kws inspect {made.bundle_path}\n"
                f"        kws replay YOUR.wav --bundle {made.bundle_path} --board {result.listener.board}",
                title=f'"{phrase}" on {result.listener.name}, {seconds / 60:.1f} minutes from text to verdict',
                expand=False,
            )
        )
        return proven


def _with_word(run: RunConfig, word: str | None) -> RunConfig:
    if word is None:
        return run
    labels = (*run.data.labels[:-1], word)
    return dataclasses.replace(run, data=dataclasses.replace(run.data, labels=labels))


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _proven(result: ReplayResult) -> bool:
    """Hold the demo to: nothing lost, host and board alike to the bit, at most one clip in five wrong."""
    accuracy, equality = result.accuracy, result.equality
    assert accuracy is not None
    assert equality is not None
    return result.dropped_samples == 0 and equality.count == equality.total and accuracy.count >= 0.8 * accuracy.total


def _findings(result: ReplayResult, phrase: str) -> str:
    accuracy, equality, misses, alarms = (
        result.accuracy,
        result.equality,
        result.false_rejects,
        result.alarmed_clips,
    )
    parts = []
    if accuracy:
        parts.append(f"{accuracy.count} of {accuracy.total} held-out clips recognised")
    if misses:
        parts.append(f'"{phrase}" heard {misses.total - misses.count} times out of {misses.total}')
    if alarms:
        parts.append(f"{alarms.count} false alarms in {alarms.total} other clips")
    if equality:
        parts.append(f"{equality.count} of {equality.total} equal the host library to the bit")
    parts.append(f"{result.dropped_samples} samples lost")
    return ", ".join(parts) + "."
