"""Stage 3 of a word project: rounds of training, each on what the round before got wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from training.config import RunConfig
from training.dataset import ClipSet, TrainingData
from training.quantize import choose_calibration
from training.train import train
from training.wakeword.batches import WordBatches, cut_windows
from training.wakeword.config import WordProject
from training.wakeword.examples import Examples, WindowShape
from training.wakeword.mining import MINED, Mined, mine, posteriors

Say = Callable[[str], None]

_LATER_LEARNING_RATE = 0.25
"""Rounds after the first start from a trained network: gentler, without warm-up."""
_RECOGNISED_AT = 0.5


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Everything the rounds learn from."""

    training: Examples
    """Synthetic words, near-misses, other speech, ambient, noise."""
    validation: Examples
    recordings: Examples | None
    """Windows of the user's own takes; they join after the first round."""
    held_out: Examples | None
    """Windows of takes that only measure."""
    negatives: NDArray[np.int16]
    """Long audio to mine."""
    sha256: str


@dataclass(frozen=True, kw_only=True)
class RoundReport:
    """What one round achieved."""

    validation_accuracy: float
    held_out_recognised: float | None
    """Share of held-out recordings whose word posterior reaches 0.5 in some position."""
    mined: int
    mined_hours: float


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The network after the last round."""

    model: keras.Model
    rounds: tuple[RoundReport, ...]
    calibration: NDArray[np.int8]
    """Windows ``[clips, frames, num_features]`` that set the ranges of the int8 network."""


def learn(
    project: WordProject, lessons: Lessons, run: RunConfig, shape: WindowShape, folder: Path, say: Say
) -> Learned:
    """Train, mine, train on, until mining finds nothing worth a round.

    Every round keeps its checkpoint in its own folder and goes on where it was interrupted; a finished round is
    only read back.
    """
    mined: list[Examples] = []
    reports: list[RoundReport] = []
    model: keras.Model | None = None
    for number in range(project.mining.rounds + 1):
        examples, mix = _lesson(project, lessons, mined, number)
        batches = WordBatches(
            examples,
            lessons.validation,
            run,
            mix=mix,
            window_frames=shape.window_frames,
            epoch_clips=project.examples.per_epoch,
            round_number=number,
            colour_db=project.examples.colour_db,
        )
        round_run = run if number == 0 else _gentler(run, project.mining.epochs)
        round_folder = folder / f"round{number}"
        round_folder.mkdir(exist_ok=True)
        trained = train(_names(project, lessons), round_run, round_folder, resume=True, maker=batches, start=model)
        model = trained.model
        found = mine(model, lessons.negatives, project.features, shape)
        recognised = _recognised(model, lessons.held_out, batches)
        accuracy = trained.history[-1].get("val_accuracy", 0.0)
        reports.append(
            RoundReport(
                validation_accuracy=accuracy,
                held_out_recognised=recognised,
                mined=len(found.examples),
                mined_hours=found.hours,
            )
        )
        say(_sentence(number, reports[-1]))
        mined.append(found.examples)
        if _pays_no_more(project, lessons, found, number):
            break
    assert model is not None
    positions = choose_calibration(len(lessons.training), run.quantize.calibration_clips, project.seed)
    return Learned(model=model, rounds=tuple(reports), calibration=batches.plain_features(positions))


def _lesson(
    project: WordProject, lessons: Lessons, mined: list[Examples], number: int
) -> tuple[Examples, dict[str, float]]:
    """Examples of a round and the share of each kind in its batches."""
    mix = dict(project.examples.mix)
    sets = [lessons.training]
    if number and lessons.recordings is not None:
        sets.append(lessons.recordings)
        mix["recording"] = mix["word"] * project.examples.recording_share
        mix["word"] -= mix["recording"]
    found = [examples for examples in mined if len(examples)]
    if found:
        sets += found
        mix = {kind: share * (1.0 - project.mining.share) for kind, share in mix.items()}
        mix[MINED] = project.mining.share
    return Examples.join(sets), mix


def _gentler(run: RunConfig, epochs: int) -> RunConfig:
    optimizer = dataclasses.replace(
        run.optimizer,
        epochs=epochs,
        learning_rate=run.optimizer.learning_rate * _LATER_LEARNING_RATE,
        warmup_epochs=0.0,
    )
    return dataclasses.replace(run, optimizer=optimizer)


def _pays_no_more(project: WordProject, lessons: Lessons, found: Mined, number: int) -> bool:
    waiting_for_recordings = number == 0 and lessons.recordings is not None
    return found.per_hour < project.mining.enough_per_hour and not waiting_for_recordings


def _recognised(model: keras.Model, held_out: Examples | None, batches: WordBatches) -> float | None:
    if held_out is None or not len(held_out):
        return None
    window_frames = batches.input_shape[0]
    best = np.zeros(len(held_out), dtype=np.float32)
    for start in range(held_out.features.shape[1] - window_frames + 1):
        starts = np.full(len(held_out), start)
        inputs = batches.scale.to_real(cut_windows(held_out.features, starts, window_frames))[..., None]
        scores = posteriors(model, inputs)[np.arange(len(held_out)), held_out.labels]
        best = np.maximum(best, scores)
    return float((best >= _RECOGNISED_AT).mean())


def _names(project: WordProject, lessons: Lessons) -> TrainingData:
    """What `train` wants to know of the data when batches come from elsewhere: labels and a digest."""
    none = ClipSet(audio=np.zeros((0, 0), np.int16), rows=np.zeros(0, np.int64), labels=np.zeros(0, np.int64), words=())
    return TrainingData(labels=project.labels, training=none, validation=none, noise=(), sha256=lessons.sha256)


def _sentence(number: int, report: RoundReport) -> str:
    text = f"round {number}: validation {report.validation_accuracy:.2%}"
    if report.held_out_recognised is not None:
        text += f", held-out recordings recognised {report.held_out_recognised:.0%}"
    return f"{text}; {report.mined} windows of {report.mined_hours:.2f} h negatives still wake"
