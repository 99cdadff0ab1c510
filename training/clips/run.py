"""One run from configuration to bundle: data, training, quantisation, export, evaluation; resumable."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from kws.datasets import speech_commands
from kws.training.clips.batches import BatchMaker
from kws.training.clips.compare import Comparison, compare, plot_confusion
from kws.training.clips.config import RunConfig, load_run
from kws.training.clips.dataset import TrainingData, from_corpus
from kws.training.clips.recipe.batches import RecipeBatches
from kws.training.clips.recipe.polish import before_polish, polish
from kws.training.clips.recipe.prepare import recipe_batches
from kws.training.fit import settings
from kws.training.fit.architectures import count_macs
from kws.training.fit.export import export_bundle
from kws.training.fit.quantize import choose_calibration, quantize
from kws.training.fit.train import CHECKPOINT_NAME, Batches, TrainedModel, train
from rich.console import Console

from kws.bundle import Bundle
from kws.errors import TrainingError

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
    resume: bool = False,
    restart: bool = False,
    console: Console | None = None,
) -> RunResult:
    """Carry out the run a TOML file describes on a Speech Commands folder.

    Parameters
    ----------
    config_path : Path
        See ``training/configs``.
    data_folder : Path
        Either layout ``kws.datasets.speech_commands`` knows.
    out : Path, optional
        Folder for everything made; default ``build/runs/NAME``.
    resume, restart : bool
        What to do about an unfinished run in ``out``: go on with it, or throw it away.
    console : rich.console.Console, optional
        Where progress goes; the terminal by default.

    Raises
    ------
    KwsError
        See the exception tree; an unfinished run is refused unless told what to do about it.
    """
    console = console or Console()
    run = load_run(config_path)
    out = out or DEFAULT_RUNS / run.name
    _prepare_folder(out, resume=resume, restart=restart)
    data = from_corpus(speech_commands.open_folder(data_folder), run.data, seed=run.seed)
    console.print(
        f"[bold]{run.name}[/]: {len(data.training)} training and {len(data.validation)} validation clips, "
        f"{len(data.labels)} labels"
    )
    maker = recipe_batches(data, data_folder, run, out, resume=resume) if run.recipe else None
    try:
        return train_and_export(data, run, out, resume=resume, console=console, maker=maker)
    except KeyboardInterrupt:
        console.print(f"{out} keeps all finished epochs; go on with the same command and --resume")
        raise


def train_and_export(
    data: TrainingData,
    run: RunConfig,
    out: Path,
    *,
    resume: bool = False,
    console: Console | None = None,
    maker: Batches | None = None,
) -> RunResult:
    """Train on prepared data and write bundle, TFLite file, calibration list, evaluation and confusion plot.

    Parameters
    ----------
    data, run, resume, maker
        See ``kws.training.fit.train.train``.
    out : Path
        Gets ``NAME.kws``, ``model.tflite``, ``calibration.json``, ``evaluation.json``, ``confusion.png``,
        ``run.json`` beside the checkpoint and the TensorBoard logs.
    console : rich.console.Console, optional
        Where progress goes.
    """
    console = console or Console()
    out.mkdir(parents=True, exist_ok=True)
    maker = maker or BatchMaker(data, run)
    trained = train(data, before_polish(run), out, resume=resume, maker=maker)
    if isinstance(maker, RecipeBatches):
        trained = polish(trained, data, run, maker, out, resume=resume)
    return finish(trained, data, run, out, maker=maker, console=console)


def finish(
    trained: TrainedModel,
    data: TrainingData,
    run: RunConfig,
    out: Path,
    *,
    maker: Batches,
    console: Console,
) -> RunResult:
    """Quantise, export and evaluate a trained network; see ``train_and_export`` for what it writes."""
    console.print("quantising to int8, writing the bundle, comparing float, TFLite and C ...")
    count = run.quantize.calibration_clips
    positions = choose_calibration(len(data.training), count, run.seed)
    quantized = quantize(trained.model, maker.plain_features(positions), maker.scale)
    tflite_path = out / "model.tflite"
    tflite_path.write_bytes(quantized)
    calibration = _calibration_record(data, positions)
    _write_json(out / "calibration.json", calibration)
    provenance = _provenance(trained, data, run, calibration)
    draft = export_bundle(tflite_path, run, provenance)
    comparison = compare(trained.model, quantized, draft, data.validation, run)
    figures = comparison.to_dict()
    # The bundle carries what it achieves; the figures come from the same network with other metadata.
    bundle = draft.replace(metadata=provenance | {"validation": figures})
    bundle_path = out / f"{run.name}.kws"
    bundle.save(bundle_path)
    _write_json(out / "evaluation.json", figures | {"history": list(trained.history)})
    _write_json(out / "run.json", settings.to_dict(run))
    title = f"{run.name}, C int8: {comparison.core_accuracy:.2%}"
    plot_confusion(comparison.core, out / "confusion.png", title=title)
    console.print(comparison.table())
    console.print(f"[bold green]{bundle_path}[/]  {len(bundle.data)} bytes, arena {bundle.arena_bytes} bytes")
    return RunResult(bundle_path=bundle_path, bundle=bundle, comparison=comparison)


def _prepare_folder(out: Path, *, resume: bool, restart: bool) -> None:
    checkpoint = out / CHECKPOINT_NAME
    if checkpoint.exists() and not resume:
        if not restart:
            raise TrainingError(
                f"{out}: holds a run already; go on with --resume, throw it away with --restart, "
                "or choose another folder with --out"
            )
        checkpoint.unlink()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be made ({error}); choose another folder with --out") from error


def _calibration_record(data: TrainingData, positions: np.ndarray) -> dict[str, Any]:
    rows = data.training.rows[positions]
    words = [data.training.words[position] for position in positions]
    digest = hashlib.sha256(data.training.clips(positions).tobytes()).hexdigest()
    return {"rows": rows.tolist(), "words": words, "sha256": digest}


def _provenance(
    trained: TrainedModel, data: TrainingData, run: RunConfig, calibration: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": run.name,
        "training": settings.to_dict(run),
        "data_sha256": data.sha256,
        "training_clips": len(data.training),
        "calibration_sha256": calibration["sha256"],
        "parameters": int(sum(np.prod(weight.shape) for weight in trained.model.trainable_weights)),
        "macs_per_window": count_macs(trained.model),
        "tensorflow": tf.__version__,
    }


def _write_json(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
