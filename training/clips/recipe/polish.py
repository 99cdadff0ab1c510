"""The last epochs: a small step size, and mostly clips as they were recorded.

Augmentation teaches what a word can sound like; what it mostly does sound like is learnt last, from the recordings.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kws.training.clips.config import RunConfig
from kws.training.clips.dataset import TrainingData
from kws.training.clips.recipe.batches import RecipeBatches
from kws.training.fit.train import TrainedModel, train

_FOLDER = "polish"


def before_polish(run: RunConfig) -> RunConfig:
    """Return the run up to its polish, which may change without training again what comes before."""
    return replace(run, recipe=replace(run.recipe, polish=None)) if run.recipe else run


def polish(
    trained: TrainedModel, data: TrainingData, run: RunConfig, batches: RecipeBatches, folder: Path, *, resume: bool
) -> TrainedModel:
    """Go on from a trained network as ``[recipe.polish]`` says; without that table it is returned as it is.

    Parameters
    ----------
    trained : TrainedModel
    data : TrainingData
    run : RunConfig
        With a recipe.
    batches : RecipeBatches
        That it was trained from.
    folder : Path
        The run's; gets a checkpoint in ``polish/``.
    resume : bool
        Go on after that checkpoint, if there is one.
    """
    assert run.recipe is not None
    config = run.recipe.polish
    if config is None:
        return trained
    optimizer = replace(run.optimizer, epochs=config.epochs, learning_rate=config.learning_rate)
    polish_run = replace(run, optimizer=optimizer)
    place = folder / _FOLDER
    place.mkdir(parents=True, exist_ok=True)
    maker = batches.with_plain_share(config.plain_share)
    last = train(data, polish_run, place, resume=resume, maker=maker, start=trained.model)
    return TrainedModel(model=last.model, history=trained.history + last.history)
