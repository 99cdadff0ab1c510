# SPDX-License-Identifier: Apache-2.0
"""The log of a run: a line for each thing that happened, written when it happened, from which a run goes on.

The first line says what run it is. Lines are only ever added; one that was cut off by the end of the program is none.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kws.errors import ConfigError, EvaluationError
from kws.evaluation.recordings import Recording

FORMAT = "kws-suite-log-1"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One recording, heard and judged."""

    entry: Mapping[str, Any]
    """See `kws.harness.entry`."""
    board: str
    """Which board of the pool."""
    identity: Mapping[str, Any]
    """Who listened: the fields of `kws.harness.listener.Identity`."""
    wall_s: float
    stages: tuple[Mapping[str, Any], ...] = ()
    """Compute per stage, where the board itself measures it: the fields of `kws.harness.listener.StageTotal`."""


class Log:
    """The log of one run, open for more lines.

    Parameters
    ----------
    path : path
    header : mapping
        What run it is: a log goes on only if it is of the very same run.
    resume : bool
        Whether to go on where the log ends, if there is one; else it begins anew.

    Raises
    ------
    ConfigError
        If the log is of another run, or is no log.
    EvaluationError
        If it cannot be read or written.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], *, resume: bool) -> None:
        self.path = path
        first = {"format": FORMAT, **header}
        try:
            self._lines = _read(path) if resume and path.exists() else []
            if self._lines:
                _check_header(path, self._lines[0], first)
            self._file = path.open("a" if self._lines else "w", encoding="utf-8")
        except OSError as error:
            raise EvaluationError(f"{path}: cannot be written ({error.strerror}); check the folder") from error
        if not self._lines:
            self._write(first)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def measured(self) -> Iterator[tuple[Measurement, Mapping[str, Any]]]:
        """Return what was heard before, each with the state of the recording that was heard (`state_of`)."""
        for line in self._lines:
            if "entry" in line:
                yield Measurement(**{name: line[name] for name in Measurement.__annotations__}), line["state"]

    def counts(self) -> list[Mapping[str, Any]]:
        """Return what emulators counted before: stages, and samples streamed meanwhile."""
        return [line["counted"] for line in self._lines if "counted" in line]

    def add(self, measurement: Measurement, recording: Recording) -> None:
        """Write that a recording was heard."""
        self._write({**vars(measurement), "state": state_of(recording)})

    def add_unheard(self, recording: str, problem: str) -> None:
        """Write that a recording could not be heard; a run that goes on tries it again."""
        self._write({"unheard": recording, "problem": problem})

    def add_counts(self, counted: Mapping[str, Any]) -> None:
        """Write what an emulator counted until it was closed."""
        self._write({"counted": counted})

    def add_loss(self, board: str, recording: str, problem: str) -> None:
        """Write that a board was lost."""
        self._write({"lost": board, "recording": recording, "problem": problem})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()  # whatever happens to this program, the system has it


def state_of(recording: Recording) -> dict[str, int]:
    """Return what tells a recording from another version of it: its file, and what is expected of it."""
    expected = zlib.crc32(repr((recording.expected, recording.windows, sorted(recording.tags.items()))).encode())
    try:
        file = recording.path.stat()
    except OSError:  # taken away meanwhile
        return {"size": -1, "mtime_ns": 0, "expected": expected}
    return {"size": file.st_size, "mtime_ns": file.st_mtime_ns, "expected": expected}


def _read(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a log, and take away what follows the last."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
        is_log = not lines or lines[0]["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        is_log = False
    if not is_log:
        raise ConfigError(f"{path}: is no log of kws suite run; run without --resume")
    os.truncate(path, len(whole))
    return lines


def _check_header(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for key, value in now.items():
        if before.get(key) != value:
            raise ConfigError(
                f"{path}: is the log of another run ({key} was {before.get(key)} and is {value}); run without --resume"
            )
