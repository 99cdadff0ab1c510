# SPDX-License-Identifier: Apache-2.0
"""Trials through Optuna: settings in, accuracy, cycles and flash out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from kws import extras
from kws.bench.measure import check_board, measure
from kws.bundle import Bundle
from kws.datasets import speech_commands
from kws.errors import KwsError, ToolMissingError
from kws.training.clips.config import RunConfig
from kws.training.clips.dataset import TrainingData, from_corpus
from kws.training.clips.recipe.sources import continuous_speech, negative_recordings
from kws.training.clips.run import as_written, finish, learn_clips
from kws.training.fit import work
from kws.training.sweep.config import SweepConfig, load_sweep
from kws.training.sweep.show import show
from kws.version import VERSION

if TYPE_CHECKING:
    import optuna

DEFAULT_SWEEPS = Path("build") / "sweeps"
_STORAGE = "study.db"


@dataclass(frozen=True, kw_only=True)
class Material:
    """What every trial learns from."""

    data: TrainingData
    speech: Sequence[NDArray[np.int16]] = ()
    negatives: Sequence[NDArray[np.int16]] = ()


def execute(
    config_path: Path,
    data_folder: Path,
    *,
    trials: int,
    out: Path | None = None,
    storage: str | None = None,
    board: str | None = None,
    console: Console | None = None,
) -> optuna.Study:
    """Make trials until a study has as many as asked for, and show what came of them.

    Parameters
    ----------
    config_path : Path
        See ``training/sweep/speech_commands_12.toml``.
    data_folder : Path
        As for ``kws train``.
    trials : int
        Of the whole study, those from before and other workers' included.
    out : Path, optional
        Folder for everything made; default ``build/sweeps/NAME``.
    storage : str, optional
        Optuna's storage, an address SQLAlchemy knows; default: a file in ``out``.
    board : str, optional
        Whose cycles count, see `kws.bench.measure.check_board`; without it, multiplications.
    console : rich.console.Console, optional

    Raises
    ------
    KwsError
        See the exception tree.
    """
    console = console or Console()
    config = load_sweep(config_path)
    if board is not None:
        check_board(board)
    out = out or DEFAULT_SWEEPS / config.name
    work.prepare(out)
    material = _read(config.base, data_folder)
    with work.kept(out, console):
        return sweep(config, material, trials=trials, out=out, storage=storage, board=board, console=console)


def sweep(
    config: SweepConfig,
    material: Material,
    *,
    trials: int,
    out: Path,
    storage: str | None = None,
    board: str | None = None,
    console: Console,
) -> optuna.Study:
    """Make trials from material that was read, see `execute`; those of other settings or recordings do not count."""
    extras.require("a sweep", "sweep")
    import optuna

    optuna.logging.set_verbosity(logging.WARNING)
    study = optuna.create_study(
        study_name=f"{config.name}-{_digest(config, material, board)[:12]}",
        storage=storage or f"sqlite:///{(out / _STORAGE).resolve()}",
        directions=("maximize", "minimize", "minimize"),
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(),
    )
    while len(finished := _finished(study)) < trials:
        # A trial draws by how many there are, so a sweep of one worker that was interrupted goes on as it would have.
        study.sampler = optuna.samplers.TPESampler(seed=config.base.seed + len(finished))
        study.optimize(lambda trial: _trial(trial, config, material, out, board, console), n_trials=1)
        show(study, out, console, cost=_unit(board))
    show(study, out, console, cost=_unit(board))
    return study


def _digest(config: SweepConfig, material: Material, board: str | None) -> str:
    """Name of all that decides what a trial is and what comes of it: others are no part of the study."""
    drawn = [dict(config.choices), {name: asdict(limits) for name, limits in config.ranges.items()}]
    beside = [
        [hashlib.sha256(recording.tobytes()).hexdigest() for recording in kind]
        for kind in (material.speech, material.negatives)
    ]
    settings = [as_written(config.base), dict(config.fixed), *drawn, board]
    return work.digest(VERSION, settings, material.data.digest, beside)


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    import optuna

    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=ended)


def _trial(
    trial: optuna.Trial, config: SweepConfig, material: Material, out: Path, board: str | None, console: Console
) -> tuple[float, float, float]:
    """Train one network: accuracy of the C core, cost a second or of a window, bytes of the bundle."""
    import optuna

    drawn = config.draw(trial)
    console.print(f"[bold]trial {trial.number}[/]  " + "  ".join(f"{name} {value}" for name, value in drawn.items()))
    folder = work.prepare(out, f"{trial.study.study_name}-trial-{trial.number}")
    try:
        run = config.run(drawn)
        learned = learn_clips(material.data, run, out, speech=material.speech, negatives=material.negatives)
        made = finish(learned, material.data, run, folder, console=Console(quiet=True))
        cost = _cost(made.bundle, board)
    except KwsError as error:
        if isinstance(error, ToolMissingError) or isinstance(error.__cause__, OSError):
            raise  # no fault of the settings: every other trial would end the same way
        trial.set_user_attr("reason", str(error))
        console.print(f"[yellow]pruned: {error}[/]")
        raise optuna.TrialPruned(str(error)) from error
    trial.set_user_attr("bundle", str(made.bundle_path))
    return made.comparison.core_accuracy, cost, float(len(made.bundle.data))


def _cost(bundle: Bundle, board: str | None) -> float:
    if board is None:
        return float(bundle.metadata["macs_per_window"])
    return float(measure(bundle, board).cycles_per_second)


def _unit(board: str | None) -> str:
    return "multiplications of a window" if board is None else f"cycles a second, {board}"


def _read(run: RunConfig, data_folder: Path) -> Material:
    recipe = run.recipe
    return Material(
        data=from_corpus(speech_commands.open_folder(data_folder), run.data, seed=run.seed),
        speech=continuous_speech(data_folder, recipe.continuous_folders, evaluation=False) if recipe else (),
        negatives=negative_recordings(data_folder, recipe.negative_folders) if recipe else (),
    )
