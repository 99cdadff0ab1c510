"""From a data set to the batches of a recipe: sources, acoustics, variants, and the teacher's opinions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from kws.training.augment.clips import Acoustics
from kws.training.clips.config import RunConfig
from kws.training.clips.dataset import TrainingData
from kws.training.clips.recipe import teacher
from kws.training.clips.recipe.batches import RecipeBatches
from kws.training.clips.recipe.config import MaskingConfig
from kws.training.clips.recipe.features import Variants, compute, load
from kws.training.clips.recipe.sources import continuous_speech, gather
from kws.training.fit import checkpoint, settings
from kws.training.fit.train import digest_of

_TEACHER_FOLDER = "teacher"


def recipe_batches(
    data: TrainingData, data_folder: Path, run: RunConfig, folder: Path, *, resume: bool = False
) -> RecipeBatches:
    """Make everything a run with a recipe trains from.

    Parameters
    ----------
    data : TrainingData
    data_folder : Path
        Where the data set lies; continuous speech is looked for inside and beside it.
    run : RunConfig
        With a recipe.
    folder : Path
        The run's folder; gets the variants, and the teacher in ``teacher/``.
    resume : bool
        Take what is there from an interrupted run.
    """
    recipe = run.recipe
    assert recipe is not None
    variants = _variants(data, data_folder, run, folder)
    if recipe.teacher is None:
        return RecipeBatches(variants, run, data, masking=recipe.masking)
    teacher_run = teacher.run_of(run)
    path = folder / f"opinions-{digest_of(teacher_run, data)[:12]}.npy"
    if not (resume and path.is_file()):
        np.save(path, teacher.opinions(variants, data, teacher_run, folder / _TEACHER_FOLDER, resume=resume))
    opinions = np.load(path, mmap_mode="r")
    return RecipeBatches(variants, run, data, masking=recipe.masking, opinions=opinions)


def _variants(data: TrainingData, data_folder: Path, run: RunConfig, folder: Path) -> Variants:
    recipe = run.recipe
    assert recipe is not None
    # Neither what happens to the variants later nor how often they are drawn makes them others.
    same_shares = dict.fromkeys(sorted(recipe.shares), 1.0 / len(recipe.shares))
    made_from = replace(
        recipe, teacher=None, polish=None, masking=MaskingConfig(), clips_per_epoch=0, shares=same_shares
    )
    parts = {"features": run.features, "data": run.data, "recipe": made_from}
    digest = checkpoint.digest({name: settings.to_dict(part) for name, part in parts.items()}, run.seed, data.sha256)
    kept = load(folder, recipe.shares, digest)
    if kept is None:
        speech = continuous_speech(data_folder, recipe.continuous_folders, evaluation=False)
        compute(
            gather(data, speech, run),
            Acoustics(recipe.acoustics, data.noise, speech),
            run.features,
            num_variants=recipe.variants,
            seed=run.seed,
            folder=folder,
            digest=digest,
        )
        kept = load(folder, recipe.shares, digest)
        assert kept is not None
    return kept
