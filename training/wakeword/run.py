"""A word project from phrase to bundle, in stages that are each made once.

Everything a project depends on (its settings, the engine, the samples it was given) is hashed into the name of the
working folder. Whatever lies there is whole and belongs to this project, so an interrupted run simply goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from kws.datasets import recordings
from kws.datasets.ambient import Ambient, in_a_row, read_ambient
from kws.datasets.synthetic import SpeechEngine
from kws.training.clips.batches import FeatureScale
from kws.training.clips.config import RunConfig
from kws.training.fit import checkpoint
from kws.training.fit.architectures import count_macs
from kws.training.fit.quantize import quantize
from kws.training.fit.speech_trunk import load
from kws.training.wakeword import calibration, card, network, speech
from kws.training.wakeword.config import WordProject
from kws.training.wakeword.examples import Examples, Material, Order, WindowShape, make_examples, plan, plan_recordings
from kws.training.wakeword.learn import Learned, Lessons, learn
from kws.training.wakeword.show import show_pronunciation
from kws.training.wakeword.speech import SpeechBank
from rich.console import Console

from kws.bench.measure import measure
from kws.bench.result import BenchResult
from kws.bundle import Bundle
from kws.decision import DecisionConfig, OperatingPoint
from kws.errors import KwsError, TrainingError
from kws.features import Features, FeaturesConfig
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.progress import one_bar

DEFAULT_OUT = Path("build") / "words"
_RECORDINGS_FROM = 10_000_000
"""Example numbers of the user's own takes start here, so that they never share random numbers with others."""

Made = TypeVar("Made", SpeechBank, Examples)


@dataclass(frozen=True, kw_only=True)
class WordResult:
    """What a project leaves behind."""

    bundle_path: Path
    card_path: Path
    report: calibration.CalibrationReport


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the user gave beside the phrase."""

    takes: tuple[recordings.Take, ...]
    ambient: Ambient


def execute(
    project: WordProject, out: Path | None = None, *, board: str | None = None, console: Console | None = None
) -> WordResult:
    """Make the bundle of a word project, or finish making it.

    Parameters
    ----------
    project : WordProject
    out : Path, optional
        Folder for the bundle, its card and everything in between; default ``build/words/NAME``.
    board : str, optional
        Whose cycles the card states, see `kws.bench.measure`; none by default.
    console : rich.console.Console, optional
        Where progress goes.

    Raises
    ------
    KwsError
        See the exception tree.
    """
    console = console or Console()
    out = out or DEFAULT_OUT / project.name
    engine = speech.open_engine(project.speech)
    console.print(f"voices: {engine.name}")
    show_pronunciation(project, engine, console)
    script = speech.write_script(project, engine)
    given = _read_given(project, console)
    trunk = load(project.trunk)
    work = _work_folder(out, project, engine.name, given)
    bank = _speak(script, engine, _speech_path(out, project, engine.name), console)
    speech.check_length(bank, project.labels, longest_s=network.LONGEST_WORD_S)
    shape = network.window_shape(project, trunk.config, bank)
    run = network.run_config(project, trunk.config, shape)
    lessons = _make_lessons(project, run.features, shape, bank, given, work, console)
    learned = learn(project, lessons, run, shape, trunk, work, console.print)
    draft = _export(learned, project, run, given, work)
    console.print("hearing validation streams, choosing thresholds ...")
    held_out = [(take.label, take.samples) for take in given.takes if take.held_out]
    streams = calibration.make_streams(project, bank, held_out, given.ambient.validation)
    report = calibration.calibrate_bundle(draft, project, streams)
    bundle_path, card_path = out / f"{project.name}.kws", out / f"{project.name}.html"
    report.bundle.save(bundle_path)
    cost = _cost(report.bundle, board, console)
    card.write_card(card_path, report, project, script=script, learned=learned, bank=bank, cost=cost)
    console.print(card.points_table(report))
    console.print(
        f"[bold green]{bundle_path}[/]  {len(report.bundle.data)} bytes, arena {report.bundle.arena_bytes} bytes\n"
        f"model card: {card_path}"
    )
    return WordResult(bundle_path=bundle_path, card_path=card_path, report=report)


def _read_given(project: WordProject, console: Console) -> Given:
    takes: tuple[recordings.Take, ...] = ()
    if project.recordings is not None:
        labels = [word.label for word in project.words]
        takes = tuple(recordings.read_recordings(project.recordings, labels))
        held_out = sum(take.held_out for take in takes)
        console.print(f"recordings: {len(takes)} takes, {held_out} of them held out")
    nothing = np.zeros(0, dtype=np.int16)
    ambient = Ambient(training=nothing, validation=nothing, sha256="", num_files=0)
    if project.ambient:
        ambient = read_ambient(project.ambient)
        console.print(
            f"ambient: {ambient.num_files} files, {ambient.training_hours:.2f} h to learn from, "
            f"{ambient.validation_hours:.2f} h to measure on"
        )
    return Given(takes=takes, ambient=ambient)


def _work_folder(out: Path, project: WordProject, engine: str, given: Given) -> Path:
    plain = project.without_places()
    plain.pop("gate")  # nothing learns of it
    name = checkpoint.digest(
        plain, engine, _trunk_sha256(project), recordings.digest(given.takes), given.ambient.sha256
    )
    work = out / "work" / name[:12]
    try:
        work.mkdir(parents=True, exist_ok=True)
        (work / "project.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error}); choose another folder with --out") from error
    return work


def _trunk_sha256(project: WordProject) -> str:
    return hashlib.sha256(project.trunk.read_bytes()).hexdigest()


def _speech_path(out: Path, project: WordProject, engine: str) -> Path:
    """Where the takes lie: other recordings, negatives or settings of training need none spoken again."""
    plain = project.without_places()
    name = checkpoint.digest([plain[key] for key in ("words", "speech", "seed")], engine)
    return out / "work" / f"speech-{name[:12]}.npz"


def _speak(script: speech.Script, engine: SpeechEngine, path: Path, console: Console) -> SpeechBank:
    def make() -> SpeechBank:
        with one_bar(console, "speaking") as step:
            return speech.speak(script, engine, step)

    return _once(path, SpeechBank, make)


def _make_lessons(
    project: WordProject,
    features: FeaturesConfig,
    shape: WindowShape,
    bank: SpeechBank,
    given: Given,
    work: Path,
    console: Console,
) -> Lessons:
    sides = {
        validates: Material(
            project=project,
            features=features,
            shape=shape,
            bank=bank,
            recordings=tuple(take.samples for take in given.takes),
            ambient=given.ambient.validation if validates else given.ambient.training,
            validates=validates,
        )
        for validates in (False, True)
    }

    def scenes(name: str, material: Material, orders: list[Order], first: int = 0) -> Examples:
        def make() -> Examples:
            with one_bar(console, f"{name} scenes") as step:
                return make_examples(material, orders, first_number=first, on_progress=step)

        return _once(work / f"{name}.npz", Examples, make)

    own, kept = _recording_orders(project, given)
    sentences = [bank.take(int(take)) for take in bank.find("other", validates=False)]
    return Lessons(
        training=scenes("training", sides[False], plan(sides[False])),
        validation=scenes("validation", sides[True], plan(sides[True])),
        recordings=scenes("recording", sides[False], own, _RECORDINGS_FROM) if own else None,
        held_out=scenes("held-out", sides[True], kept, _RECORDINGS_FROM) if kept else None,
        negatives=Features(features).compute(in_a_row([given.ambient.training, *sentences])),
        sha256=work.name,
    )


def _recording_orders(project: WordProject, given: Given) -> tuple[list[Order], list[Order]]:
    labels = [project.labels.index(take.label) for take in given.takes]
    orders = plan_recordings(labels, project.examples.recording_variants)
    own = [order for order in orders if not given.takes[order.take].held_out]
    kept = [order for order in plan_recordings(labels, 1) if given.takes[order.take].held_out]
    return own, kept


def _export(learned: Learned, project: WordProject, run: RunConfig, given: Given, work: Path) -> Bundle:
    scale = FeatureScale(scale=run.features.scale, zero_point=run.features.zero_point)
    tflite_path = work / "model.tflite"
    tflite_path.write_bytes(quantize(learned.model, learned.calibration, scale))
    silent = OperatingPoint(thresholds=(0, *[255] * len(project.words)))
    decision = DecisionConfig(
        operating_points=(silent,),
        smoothing_decisions=project.decision.smoothing_decisions,
        refractory_frames=project.decision.refractory_frames,
    )
    return Bundle.build(
        features=run.features,
        model_section=model_section(import_tflite(tflite_path)),
        labels=project.labels,
        decision=decision,
        metadata=_provenance(learned, project, given),
        gate=project.gate,
        name=project.name,
    )


def _provenance(learned: Learned, project: WordProject, given: Given) -> dict[str, Any]:
    return {
        "name": project.name,
        "project": project.without_places(),
        "trunk": {"sha256": _trunk_sha256(project)},
        "recordings": {"takes": len(given.takes), "sha256": recordings.digest(given.takes)},
        "ambient": {
            "files": given.ambient.num_files,
            "training_hours": round(given.ambient.training_hours, 4),
            "validation_hours": round(given.ambient.validation_hours, 4),
            "sha256": given.ambient.sha256,
        },
        "learned": {
            "validation_accuracy": learned.validation_accuracy,
            "held_out_recognised": learned.held_out_recognised,
        },
        "macs_per_window": count_macs(learned.model),
    }


def _cost(bundle: Bundle, board: str | None, console: Console) -> BenchResult | None:
    """Cycles and memory on a board; a machine without the emulator makes bundles all the same."""
    if board is None:
        return None
    console.print(f"counting cycles on {board} ...")
    try:
        return measure(bundle, board)
    except KwsError as error:
        console.print(f"[yellow]no cycles on the card: {error}[/]")
        return None


def _once(path: Path, kind: type[Made], make: Callable[[], Made]) -> Made:
    """Read what was made before, or make it and let it appear whole."""
    if not path.exists():
        part = path.with_suffix(".part.npz")
        make().save(part)
        part.replace(path)
    return kind.load(path)
