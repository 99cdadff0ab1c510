# SPDX-License-Identifier: Apache-2.0
"""A program of the user's, run at each detection."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess

from kws.errors import ConfigError
from kws.pipeline import Detection

MOST_AT_ONCE = 16
"""Programs that still run; a detection beyond them starts none."""


class Command:
    """Starts a program at each detection and does not wait for it.

    It learns what was heard from its environment: ``KWS_LABEL``, ``KWS_POSTERIOR`` (0 to 1) and ``KWS_TIME_S``.

    Parameters
    ----------
    text : str
        Program and arguments, split as a shell splits them; no shell runs them (``sh -c "..."`` asks for one).

    Raises
    ------
    ConfigError
        If there is no such program.
    """

    def __init__(self, text: str) -> None:
        try:
            self._words = shlex.split(text)
        except ValueError as error:
            raise ConfigError(f"--exec {text}: {error}; close the quotes") from error
        if not self._words or shutil.which(self._words[0]) is None:
            raise ConfigError(f"--exec {text}: no such program; give its whole path, or use 'sh -c \"...\"'")
        self._running: list[subprocess.Popen[bytes]] = []
        self.skipped = 0
        """Detections for which no program was started, because too many still ran."""

    def run(self, detection: Detection) -> None:
        """Start the program."""
        self._running = [process for process in self._running if process.poll() is None]
        if len(self._running) >= MOST_AT_ONCE:
            self.skipped += 1
            return
        told = {
            "KWS_LABEL": detection.label,
            "KWS_POSTERIOR": f"{detection.posterior:.3f}",
            "KWS_TIME_S": f"{detection.time_s:.3f}",
        }
        self._running.append(subprocess.Popen(self._words, env=os.environ | told, stdin=subprocess.DEVNULL))

    def wait(self) -> None:
        """Wait for the programs that still run."""
        for process in self._running:
            process.wait()
