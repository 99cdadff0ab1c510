# SPDX-License-Identifier: Apache-2.0
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

from kws.device.build import board_names, build_firmware, find_tool
from kws.errors import ConfigError, ToolMissingError
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay
from kws.progress import one_bar
from kws.report.page import replay_page, write_page
from kws.report.terminal import print_replay
from kws.training.clips.config import RunConfig, load_run
from kws.training.clips.run import RunResult, train_and_export
from kws.training.demo.data import DemoData, DemoSize, make_demo_data, write_held_out

CONFIG = Path(__file__).parents[1] / "configs" / "demo.toml"
DEFAULT_FOLDER = Path("build") / "demo"
EMULATED_BOARD = "netduinoplus2"
NATIVE_BOARD = "native"
_STEPS = 5
_MARK = ".kws-demo"
"""File that says a folder is a demo's and may be emptied."""


class Demo:
    """The demo's steps, each announced with its number and timed.

    Parameters
    ----------
    console : rich.console.Console
    folder : Path
        Everything made lands here; made anew.
    size : DemoSize, optional
        How much is synthesised.
    """

    def __init__(self, console: Console, folder: Path, size: DemoSize | None = None) -> None:
        self._console, self._folder, self._size = console, folder, size or DemoSize()
        self._step = 0

    def run(self, config: RunConfig, *, board: str | None = None) -> bool:
        """Go through all steps.

        Parameters
        ----------
        config : RunConfig
            Its last label is the phrase; see ``demo_config``.
        board : str, optional
            Where to prove it; the emulated Cortex-M4, or the native board when its tools are missing.

        Returns
        -------
        bool
            Whether the spotter proved itself.
        """
        started_s = time.monotonic()
        phrase = config.data.labels[-1]
        self._console.print(
            Panel(
                f'A keyword spotter for [bold]"{phrase}"[/], from nothing but the text:\n'
                "speech -> features -> network -> bundle -> board -> replay -> report",
                title="kws demo",
                expand=False,
            )
        )
        _empty(self._folder)
        data = self._synthesise(config)
        clips = write_held_out(data.held_out, self._folder / "held_out")
        made = self._train(data, config)
        result = self._replay(made, clips, self._build_firmware(board))
        return self._report(result, made, phrase, time.monotonic() - started_s)

    @contextmanager
    def _announced(self, text: str) -> Iterator[None]:
        self._step += 1
        self._console.rule(f"[bold cyan]{self._step}/{_STEPS}[/] {text}", align="left")
        started_s = time.monotonic()
        yield
        self._console.print(f"[dim]{time.monotonic() - started_s:.0f} s[/]")

    def _synthesise(self, run: RunConfig) -> DemoData:
        what = "Speak: a phrase, what sounds like it, and what does not"
        with self._announced(what), one_bar(self._console, "synthesising") as show:
            data = make_demo_data(run, self._size, on_progress=show)
        learnt, kept = data.training, sum(len(clips) for clips in data.held_out.values())
        self._console.print(
            f"{len(learnt.training)} clips to learn from, {len(learnt.validation)} to validate on, {kept} held out: "
            f"other voices, other noise; {len(data.others)} other phrases"
        )
        return data

    def _train(self, data: DemoData, run: RunConfig) -> RunResult:
        with self._announced("Learn: a streaming DS-CNN on features from the C core, then int8"):
            return train_and_export(data.training, run, self._folder, console=self._console)

    def _build_firmware(self, asked_for: str | None) -> str:
        """Build for the board, or for the native one if nobody asked and tools are missing."""
        board = asked_for or EMULATED_BOARD
        with self._announced(f"Build: the firmware of {board}"):
            if board not in board_names():
                self._console.print(f"{board} is not ours to build; it must run the bundle already")
                return board
            try:
                if board == EMULATED_BOARD:
                    find_tool("qemu-system-arm")
                folder = build_firmware(board)
            except ToolMissingError as error:
                if asked_for:
                    raise
                self._console.print(f"[yellow]{error}; going on with the native board[/]")
                board, folder = NATIVE_BOARD, build_firmware(NATIVE_BOARD)
            self._console.print(f"[bold green]{folder}[/]")
        return board

    def _replay(self, made: RunResult, clips: Path, board: str) -> ReplayResult:
        request = ReplayRequest(paths=(clips,), bundle=made.bundle_path, board=board, verify=True)
        what = f"Prove: held-out clips over the serial line to {board}"
        with self._announced(what), one_bar(self._console, f"replaying to {board}") as show:
            return run_replay(request, on_outcome=lambda done, total, _: show(done, total))

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
                f"        kws replay {made.bundle_path} YOUR.wav --board {result.identity.board}",
                title=f'"{phrase}" on {result.identity.name}, {seconds / 60:.1f} minutes from text to verdict',
                expand=False,
            )
        )
        return proven


def demo_config(word: str | None = None) -> RunConfig:
    """Return the demo's run, for another phrase if one is given.

    Raises
    ------
    ConfigError
        If the phrase is empty or already a label.
    """
    run = load_run(CONFIG)
    if word is None:
        return run
    if not word.strip() or word in run.data.labels[:-1]:
        raise ConfigError(f'--word: expected a phrase to spot, got {word!r}; for example "hey nova"')
    labels = (*run.data.labels[:-1], word.strip())
    return dataclasses.replace(run, data=dataclasses.replace(run.data, labels=labels))


def _empty(folder: Path) -> None:
    """Empty the folder of an earlier demo; never one that anything else lies in."""
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise ConfigError(f"{folder}: is not empty and no earlier demo's; choose another folder with --out")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


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
        what = "false alarm" if alarms.count == 1 else "false alarms"
        parts.append(f"{alarms.count} {what} in {alarms.total} other clips")
    if equality:
        parts.append(f"{equality.count} of {equality.total} equal the host library to the bit")
    parts.append(f"{result.dropped_samples} samples lost")
    return ", ".join(parts) + "."
