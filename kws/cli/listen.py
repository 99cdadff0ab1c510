# SPDX-License-Identifier: Apache-2.0
"""``kws listen``: a microphone, a board's microphone or a recording through the very code of the boards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console, Group

    from kws.audio import Samples
    from kws.captures import Captures
    from kws.cascade import CascadeDetection
    from kws.cascade_spotter import CascadeSpotter
    from kws.commands import Command
    from kws.pipeline import Detection, Scores
    from kws.spotter import Spotter

_BAR_CHARACTERS = 40
_QUIETEST_DBFS = -80.0


def listen(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Recordings; the microphone when omitted.")
    ] = None,
    operating_point: Annotated[
        int | None, typer.Option(help="Index of the bundle's operating point; its default when omitted.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Microphone, by name or number.")] = None,
    board: Annotated[
        str | None, typer.Option(help="Port of a board whose microphone is heard, such as /dev/ttyACM0.")
    ] = None,
    exec: Annotated[
        str | None,
        typer.Option(
            help="Program to start at each word, such as 'sh -c \"echo $KWS_LABEL\"': it finds the word there."
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for the sound of each word, and of what came near its threshold.")
    ] = None,
    near: Annotated[
        float | None, typer.Option(help="Posterior from which --save keeps near-misses; 2/3 of the threshold.")
    ] = None,
    commands: Annotated[
        Path | None, typer.Option(help="Bundle of commands, listened for after a word of the first bundle.")
    ] = None,
    window: Annotated[float | None, typer.Option(help="Seconds for which --commands are listened for; 5.")] = None,
) -> None:
    """Print every word spotted in recordings, or in what a microphone hears until Ctrl-C."""
    from rich.console import Console

    from kws.cli.arguments import check_order
    from kws.commands import Command
    from kws.errors import ConfigError
    from kws.spotter import load

    check_order("listen", bundle, files or [])
    if sum([bool(files), device is not None, board is not None]) > 1:
        raise ConfigError("recordings, --device (a microphone) and --board: expected one of them")
    if near is not None and save is None:
        raise ConfigError("--near is a limit for --save; add --save FOLDER")
    if commands is not None:
        if board is not None or exec is not None or save is not None:
            raise ConfigError("--commands goes with recordings or --device: leave away --board, --exec and --save")
        _listen_in_turns(_cascade(bundle, commands, window, operating_point), files, device, Console())
        return
    if window is not None:
        raise ConfigError("--window is how long --commands BUNDLE is listened for; give both or neither")
    spotter, console = load(bundle, operating_point=operating_point), Console()
    actions = _Actions(console, spotter, Command(exec) if exec is not None else None, save, near)
    try:
        if files:
            _listen_to_files(spotter, files, actions, console)
        else:
            _listen_live(spotter, device, board, actions, console)
    finally:
        actions.end()


def _cascade(wake: Path, commands: Path, window_s: float | None, operating_point: int | None) -> CascadeSpotter:
    from kws.bundle import Bundle
    from kws.cascade import COMMAND_WINDOW_S
    from kws.cascade_spotter import CascadeSpotter

    seconds = COMMAND_WINDOW_S if window_s is None else window_s
    return CascadeSpotter(Bundle.load(wake), Bundle.load(commands), window_s=seconds, operating_point=operating_point)


def _listen_in_turns(cascade: CascadeSpotter, files: list[Path] | None, device: str | None, console: Console) -> None:
    from kws.audio import read_audio

    def tell(detections: list[CascadeDetection]) -> None:
        for event in detections:
            console.print(f"{_line(event)}  {'command' if event.is_command else 'wake word'}", highlight=False)

    def hear(path: Path) -> None:
        samples = read_audio(path, sample_rate_hz=cascade.sample_rate_hz)
        detections = cascade.listen(samples)
        _tell_file(console, path, samples.size / cascade.sample_rate_hz, cascade.keywords, heard=bool(detections))
        tell(detections)

    if files:
        _hear_files(files, hear)
        return
    blocks = _microphone(cascade.sample_rate_hz, device)
    words, commands = ", ".join(cascade.keywords), ", ".join(cascade.commands)
    console.print(f"listening for [bold]{words}[/], then {commands}, until Ctrl-C", highlight=False)
    for block, lost in blocks:
        _tell_lost(console, lost)
        tell(cascade.feed(block))


def _hear_files(paths: list[Path], hear: Callable[[Path], None]) -> None:
    """Hear each recording; those that cannot be read are told, and make the exit code 2."""
    from kws.audio_files import find_audio
    from kws.errors import AudioError

    unreadable = False
    for path in find_audio(paths):
        try:
            hear(path)
        except AudioError as error:
            unreadable = True
            typer.secho(f"kws: {error}", fg=typer.colors.RED, err=True)
    if unreadable:
        raise typer.Exit(2)


def _line(event: Detection) -> str:
    return f"{event.time_s:8.2f} s  [bold green]{event.label}[/]  {event.posterior:.2f}"


def _tell_file(console: Console, path: Path, seconds: float, keywords: Sequence[str], *, heard: bool) -> None:
    from rich.markup import escape

    nothing = "" if heard else f"; none of {', '.join(keywords)}"
    console.print(escape(f"{path}, {seconds:.1f} s{nothing}"), highlight=False, soft_wrap=True)


def _tell_lost(console: Console, lost: str) -> None:
    if lost:
        console.print(f"[yellow]audio was lost: {lost}[/]")


@dataclass
class _Actions:
    """What is done at each detection besides printing it."""

    console: Console
    spotter: Spotter
    command: Command | None
    folder: Path | None
    near: float | None
    captures: Captures | None = None

    def begin(self, name: str) -> None:
        """A stream begins; what is kept of it has this name."""
        from kws.captures import Captures

        self._finish()
        if self.folder is not None:
            self.captures = Captures(self.folder, self.spotter.listening, name=name, near=self.near)

    def hear(self, samples: Samples, detections: list[Detection], scores: Scores) -> None:
        """Print, run, keep."""
        for event in detections:
            self.console.print(_line(event), highlight=False)
            if self.command is not None:
                self.command.run(event)
        if self.captures is not None:
            self._told(self.captures.hear(samples, detections, scores))

    def end(self) -> None:
        """Write what is left, wait for programs."""
        self._finish()
        if self.command is not None:
            self.command.wait()
            if self.command.skipped:
                self.console.print(f"[yellow]{self.command.skipped} words started no program: too many still ran[/]")

    def _finish(self) -> None:
        if self.captures is not None:
            self._told(self.captures.flush())
            self.captures = None

    def _told(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self.console.print(f"           [dim]{path}[/]", highlight=False, soft_wrap=True)


def _listen_to_files(spotter: Spotter, paths: list[Path], actions: _Actions, console: Console) -> None:
    def hear(path: Path) -> None:
        detections = spotter.listen(path)
        seconds = detections.samples.size / spotter.sample_rate_hz
        _tell_file(console, path, seconds, spotter.keywords, heard=bool(detections))
        actions.begin(path.stem)
        actions.hear(detections.samples, detections, detections.scores)

    _hear_files(paths, hear)


def _listen_live(spotter: Spotter, device: str | None, board: str | None, actions: _Actions, console: Console) -> None:
    from rich.live import Live

    with ExitStack() as stack:
        blocks = _microphone(spotter.sample_rate_hz, device) if board is None else board_blocks(spotter, board, stack)
        console.print(
            f"listening for [bold]{', '.join(spotter.keywords)}[/] until Ctrl-C (time, word, posterior of 1)",
            highlight=False,
        )
        actions.begin(f"{datetime.now(UTC):%Y%m%dT%H%M%S}")
        live = stack.enter_context(Live(console=console, transient=True, auto_refresh=False))
        for block, lost in blocks:
            _tell_lost(console, lost)
            actions.hear(block, spotter.feed(block), spotter.scores)
            live.update(_view(spotter, block), refresh=True)


def _microphone(sample_rate_hz: int, device: str | None) -> Iterator[tuple[Samples, str]]:
    """Blocks of this computer's microphone, each with what is to be said of sound lost before it."""
    from kws.microphone import Microphone

    microphone, lost = Microphone(sample_rate_hz, device), 0
    for block in microphone.blocks():
        yield block, "this computer did not fetch it in time" if microphone.overflows > lost else ""
        lost = microphone.overflows


def board_blocks(spotter: Spotter, port: str, stack: ExitStack) -> Iterator[tuple[Samples, str]]:
    """Blocks of a board's microphone, which must run this bundle: its sound is heard by the same code here."""
    import numpy as np

    from kws.device import open_board
    from kws.microphone import BLOCK_S

    board = stack.enter_context(open_board(port, bundle=Path(spotter.bundle.name)))
    pieces, size, lost = [], 0, 0
    for moment in board.monitor():
        pieces.append(moment.sound)
        size, lost = size + moment.sound.size, lost + moment.lost
        if size >= BLOCK_S * spotter.sample_rate_hz:
            yield np.concatenate(pieces), f"{lost} samples that the board's line was too slow for" if lost else ""
            pieces, size, lost = [], 0, 0


def _view(spotter: Spotter, block: Samples) -> Group:
    """Level of the microphone, and a bar for each label."""
    from rich.console import Group

    from kws.levels import peak_dbfs
    from kws.report.terminal import posterior_bars

    level = peak_dbfs(block)
    share = min(1.0, max(0.0, 1.0 - level / _QUIETEST_DBFS))
    bar = "█" * round(share * _BAR_CHARACTERS)
    smoothed = [0] * len(spotter.labels) if spotter.smoothed is None else spotter.smoothed.tolist()
    return Group(f"level {bar:<{_BAR_CHARACTERS}} {level:6.1f} dBFS", posterior_bars(smoothed, spotter.listening))
