# SPDX-License-Identifier: Apache-2.0
"""One run from configuration to bundle: data, training, quantisation, export, evaluation; a rerun goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from rich.console import Console

from kws.bundle import Bundle
from kws.datasets import speech_commands
from kws.features import Features
from kws.training.clips.batches import ClipBatches
from kws.training.clips.compare import Comparison, compare, plot_confusion
from kws.training.clips.config import RunConfig, load_run
from kws.training.clips.dataset import TrainingData, from_corpus
from kws.training.clips.recipe.learn import learn
from kws.training.clips.recipe.sources import continuous_speech, negative_recordings
from kws.training.fit import settings, work
from kws.training.fit.architectures import build_logits_model, count_macs
from kws.training.fit.export import export_bundle
from kws.training.fit.quantize import choose_representative, quantize
from kws.training.fit.together import open_strategy
from kws.training.fit.train import TrainedModel, train

DEFAULT_RUNS = Path("build") / "runs"


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run leaves behind."""

    bundle_path: Path
    bundle: Bundle
    comparison: Comparison


def execute(
    config_path: Path,
    data_folder: Path,
    out: Path | None = None,
    *,
    strategy: str = "one",
    console: Console | None = None,
) -> RunResult:
    """Carry out the run a TOML file describes on a Speech Commands folder, or finish it.

    Parameters
    ----------
    config_path : Path
        See ``training/configs``.
    data_folder : Path
        Either layout ``kws.datasets.speech_commands`` knows.
    out : Path, optional
        Folder for everything made; default ``build/runs/NAME``. What an interrupted run with the same settings and
        the same recordings left there is gone on from.
    strategy : str
        Which processors train together, see ``kws.training.fit.together.open_strategy``.
    console : rich.console.Console, optional
        Where progress goes; the terminal by default.

    Raises
    ------
    KwsError
        See the exception tree.
    """
    console = console or Console()
    together = open_strategy(strategy)
    run = load_run(config_path)
    out = out or DEFAULT_RUNS / run.name
    work.prepare(out)
    data = from_corpus(speech_commands.open_folder(data_folder), run.data, seed=run.seed)
    recipe = run.recipe
    speech = continuous_speech(data_folder, recipe.continuous_folders, evaluation=False) if recipe else []
    negatives = negative_recordings(data_folder, recipe.negative_folders) if recipe else []
    console.print(
        f"[bold]{run.name}[/]: {len(data.training)} training and {len(data.validation)} validation clips, "
        f"{len(data.labels)} labels"
    )
    with work.kept(out, console):
        return train_and_export(data, run, out, speech=speech, negatives=negatives, strategy=together, console=console)


def train_and_export(
    data: TrainingData,
    run: RunConfig,
    out: Path,
    *,
    speech: Sequence[NDArray[np.int16]] = (),
    negatives: Sequence[NDArray[np.int16]] = (),
    strategy: tf.distribute.Strategy | None = None,
    console: Console | None = None,
) -> RunResult:
    """Train on prepared data and write bundle, TFLite file, representative clips, evaluation and confusion plot.

    Parameters
    ----------
    data : TrainingData
    run : RunConfig
    out : Path
        Gets ``NAME.kws``, ``model.tflite``, ``representative.json``, ``evaluation.json``, ``confusion.png``,
        ``run.json``, and checkpoints and TensorBoard logs in ``work/``.
    speech : sequence of int16 arrays
        Continuous speech without keywords, for a recipe.
    negatives : sequence of int16 arrays
        Films, music, clatter, for a recipe.
    strategy : tf.distribute.Strategy, optional
        Of the processors that train together.
    console : rich.console.Console, optional
        Where progress goes.
    """
    console = console or Console()
    trained = learn_clips(data, run, out, speech=speech, negatives=negatives, strategy=strategy)
    return finish(trained, data, run, out, console=console)


def learn_clips(
    data: TrainingData,
    run: RunConfig,
    out: Path,
    *,
    speech: Sequence[NDArray[np.int16]] = (),
    negatives: Sequence[NDArray[np.int16]] = (),
    strategy: tf.distribute.Strategy | None = None,
) -> TrainedModel:
    """Train the network of a run, from plain clips or as its recipe says."""
    named = work.digest(settings.to_dict(run.data), data.digest)
    if run.recipe is not None:
        return learn(
            data,
            speech,
            run.recipe,
            negatives=negatives,
            features=run.features,
            model=run.model,
            optimizer=run.optimizer,
            seed=run.seed,
            named=named,
            out=out,
            strategy=strategy,
        )
    batches = ClipBatches(
        data,
        run.features,
        run.augment,
        fractions=run.data.fractions,
        batch_clips=run.optimizer.batch_clips,
        seed=run.seed,
    )
    network = partial(
        build_logits_model, run.model, input_shape=batches.input_shape, num_labels=len(data.labels), seed=run.seed
    )
    parts = (run.features, run.augment, run.model, run.optimizer)
    folder = work.place(out, "train", *map(settings.to_dict, parts), run.seed, named)
    return train(batches, network, run.optimizer, seed=run.seed, digest=folder.name, folder=folder, strategy=strategy)


def finish(trained: TrainedModel, data: TrainingData, run: RunConfig, out: Path, *, console: Console) -> RunResult:
    """Quantise, export and evaluate a trained network; see ``train_and_export`` for what it writes."""
    console.print("quantising to int8, writing the bundle, comparing float, TFLite and C ...")
    count = run.quantize.representative_clips
    positions = choose_representative(len(data.training), count, run.seed)
    heard = Features(run.features).compute_batch(data.training.clips(positions))
    quantized = quantize(trained.model, heard, run.features)
    tflite_path = out / "model.tflite"
    tflite_path.write_bytes(quantized)
    representative = _representative_record(data, positions)
    _write_json(out / "representative.json", representative)
    provenance = _provenance(trained, data, run, representative)
    draft = export_bundle(
        tflite_path,
        features=run.features,
        labels=data.labels,
        decision=run.decision.for_labels(data.labels),
        gate=run.gate,
        metadata=provenance,
        name=run.name,
    )
    comparison = compare(trained.model, quantized, draft, data.validation, run.features)
    figures = comparison.to_dict()
    # The bundle carries what it achieves; the figures come from the same network with other metadata.
    bundle = draft.replace(metadata=provenance | {"validation": figures})
    bundle_path = out / f"{run.name}.kws"
    bundle.save(bundle_path)
    _write_json(out / "evaluation.json", figures | {"history": list(trained.history)})
    _write_json(out / "run.json", as_written(run))
    title = f"{run.name}, C int8: {comparison.core_accuracy:.2%}"
    plot_confusion(comparison.core, out / "confusion.png", title=title)
    console.print(comparison.table())
    console.print(f"[bold green]{bundle_path}[/]  {len(bundle.data)} bytes, arena {bundle.arena_bytes} bytes")
    return RunResult(bundle_path=bundle_path, bundle=bundle, comparison=comparison)


def as_written(run: RunConfig) -> dict[str, Any]:
    """Return the settings of a run; of the network to start from the name and digest, not where it lies here."""
    values = settings.to_dict(run)
    if run.recipe is not None and run.recipe.start is not None:
        digest = hashlib.sha256(run.recipe.start.read_bytes()).hexdigest()
        values["recipe"]["start"] = f"{run.recipe.start.name} (SHA-256 {digest})"
    return values


def _representative_record(data: TrainingData, positions: np.ndarray) -> dict[str, Any]:
    rows = data.training.rows[positions]
    words = [data.training.words[position] for position in positions]
    digest = hashlib.sha256(data.training.clips(positions).tobytes()).hexdigest()
    return {"rows": rows.tolist(), "words": words, "sha256": digest}


def _provenance(
    trained: TrainedModel, data: TrainingData, run: RunConfig, representative: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": run.name,
        "training": as_written(run),
        "data_sha256": data.sha256,
        "training_clips": len(data.training),
        "representative_sha256": representative["sha256"],
        "parameters": int(sum(np.prod(weight.shape) for weight in trained.model.trainable_weights)),
        "macs_per_window": count_macs(trained.model),
        "tensorflow": tf.__version__,
    }


def _write_json(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
