# SPDX-License-Identifier: Apache-2.0
"""A run's state after an epoch in one file, replaced atomically: a killed run goes on and ends the same."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws.errors import TrainingError
from kws.files import written_whole

_INFO = "info"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    epochs_done: int
    history: tuple[dict[str, float], ...]
    """One row of figures per epoch."""


def save(path: Path, groups: Sequence[Sequence[Any]], progress: Progress, run_digest: str) -> None:
    """Write groups of Keras variables and the progress; the old file stays until the new one is whole.

    Raises
    ------
    TrainingError
        If the file cannot be written.
    """
    info = {"epochs_done": progress.epochs_done, "history": progress.history, "digest": run_digest}
    arrays = {
        f"{group}.{number}": np.asarray(variable)
        for group, variables in enumerate(groups)
        for number, variable in enumerate(variables)
    }
    try:
        with written_whole(path) as part:
            np.savez(part, allow_pickle=False, **{_INFO: np.array(json.dumps(info))}, **arrays)
    except OSError as error:
        raise TrainingError(f"{path}: checkpoint cannot be written ({error}); free some space") from error


def load(path: Path, groups: Sequence[Sequence[Any]], run_digest: str) -> Progress:
    """Put saved values back into the variables.

    Raises
    ------
    TrainingError
        If the file is broken, or belongs to another configuration, other data or another network.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            info = json.loads(str(file[_INFO]))
            if info["digest"] != run_digest:
                raise TrainingError(
                    f"{path}: made by another configuration or from other recordings; delete it to start again"
                )
            for group, variables in enumerate(groups):
                for number, variable in enumerate(variables):
                    variable.assign(file[f"{group}.{number}"])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: broken checkpoint ({error}); delete it to start again") from error
    return Progress(epochs_done=info["epochs_done"], history=tuple(info["history"]))
