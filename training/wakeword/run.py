# SPDX-License-Identifier: Apache-2.0
"""A word project from phrase to bundle, in stages that are each made once.

Everything a stage depends on (its settings, the engine, the samples it was given) is hashed into the name of its
folder, see `kws.training.fit.work`. Whatever lies there is whole and belongs to these, so an interrupted run goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kws.audio import SAMPLE_RATE_HZ
from kws.bench.measure import check_board, measure
from kws.bench.result import BenchResult
from kws.bundle import Bundle
from kws.datasets.synthetic import SpeechEngine
from kws.decision import DecisionConfig, OperatingPoint, Pause
from kws.errors import KwsError
from kws.labels import SILENCE
from kws.progress import one_bar, task_progress
from kws.training.fit import settings, work
from kws.training.fit.architectures import count_macs
from kws.training.fit.export import export_bundle
from kws.training.fit.quantize import quantize
from kws.training.fit.speech_trunk import ROW_FRAMES, Trunk, load
from kws.training.wakeword import calibration, card, network, speech
from kws.training.wakeword.config import WordDecisionConfig, WordProject
from kws.training.wakeword.data import DataMaker
from kws.training.wakeword.examples import WindowShape
from kws.training.wakeword.given import Given, read_given
from kws.training.wakeword.learn import Learned, learn
from kws.training.wakeword.show import show_pronunciation

DEFAULT_OUT = Path("build") / "words"


@dataclass(frozen=True, kw_only=True)
class WordResult:
    """What a project leaves behind."""

    bundle_path: Path
    card_path: Path
    report: calibration.CalibrationReport


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
        Whose cycles the card states, see `kws.bench.measure.check_board`; none by default.
    console : rich.console.Console, optional
        Where progress goes.

    Raises
    ------
    KwsError
        See the exception tree.
    """
    console = console or Console()
    if board is not None:
        check_board(board)
    out = out or DEFAULT_OUT / project.name
    work.prepare(out)
    with work.kept(out, console):
        return _make(project, out, board, console)


def _make(project: WordProject, out: Path, board: str | None, console: Console) -> WordResult:
    engine = speech.open_engine(project.speech)
    console.print(f"voices: {engine.name}")
    show_pronunciation(project.words, engine, console)
    script = speech.write_script(project.words, project.speech, engine, seed=project.seed)
    given = read_given(
        project.recordings, project.heard, project.word_labels, project.ambient, project.negatives, console
    )
    trunk = load(project.trunk_file)
    bank = _speak(project, script, engine, out, console)
    shape = network.window_shape(project.examples, trunk.config, bank, len(project.words))
    spoken = [script.sha256, engine.name]
    learned = _learn(project, spoken, bank, given, trunk, shape, out, console)
    held_out = [(take.label, take.samples) for take in given.takes if take.held_out]
    streams = calibration.make_streams(
        project.labels, bank, held_out, given.ambient.validation, given.negatives, seed=project.seed
    )
    console.print(str(learned))
    draft = _export(learned, project, trunk, shape, given, out / "work" / "model.tflite")
    with task_progress(console) as show:
        report = calibration.calibrate_bundle(draft, project.decision, streams, show)
    bundle_path, card_path = out / f"{project.name}.kws", out / f"{project.name}.html"
    report.bundle.save(bundle_path)
    cost = _cost(report.bundle, board, console)
    card.write_card(card_path, report, project, script=script, learned=learned, bank=bank, cost=cost)
    console.print(card.points_table(report))
    for warning in report.warnings:
        console.print(f"[yellow]{warning}[/]", highlight=False)
    console.print(
        f"[bold green]{bundle_path}[/]  {len(report.bundle.data)} bytes, arena {report.bundle.arena_bytes} bytes\n"
        f"model card: {card_path}"
    )
    return WordResult(bundle_path=bundle_path, card_path=card_path, report=report)


def _speak(
    project: WordProject, script: speech.Script, engine: SpeechEngine, out: Path, console: Console
) -> speech.SpeechBank:
    """Say the script, or what is left of it; other recordings or settings of training need nothing spoken again."""
    plain = project.without_places()
    folder = work.place(out, "speech", [plain[key] for key in ("words", "speech", "seed")], script.sha256, engine.name)
    with one_bar(console, "speaking") as show:
        bank = speech.speak(script, engine, folder, show)
    speech.check_words(bank, project.word_labels)
    return bank


def _learn(
    project: WordProject,
    spoken: Sequence[str],
    bank: speech.SpeechBank,
    given: Given,
    trunk: Trunk,
    shape: WindowShape,
    out: Path,
    console: Console,
) -> Learned:
    """Make scenes, then train on them."""
    features = trunk.config.features
    plain = project.without_places()
    heard = [plain[key] for key in ("words", "speech", "seed", "acoustics")]
    depends_on = [heard, *spoken, project.scenes, settings.to_dict(trunk.config), *given.sha256]
    maker = DataMaker(
        bank,
        given,
        features,
        shape,
        examples=project.examples,
        acoustics=project.acoustics,
        labels=project.labels,
        seed=project.seed,
    )
    data = maker.make(work.place(out, "scenes", *depends_on), console)
    taught = [plain[key] for key in ("examples", "anchor", "masks", "optimizer")]
    return learn(
        data,
        network.WordNetwork(
            trunk=trunk,
            window_frames=shape.window_frames,
            num_labels=len(project.labels),
            anchor=project.anchor,
            seed=project.seed,
        ),
        shape,
        examples=project.examples,
        masks=project.masks,
        optimizer=project.optimizer,
        trainings=project.trainings,
        num_representative=project.quantize.representative_clips,
        folder=work.place(out, "train", *depends_on, taught, _sha256(project.trunk_file)),
    )


def pause_decisions(config: WordDecisionConfig, shape: WindowShape) -> int:
    """For how many decisions a pause counts: the longer, the longer the words take to say."""
    gap = config.pause_gap_ms * SAMPLE_RATE_HZ // 1000
    return round((shape.heard_samples + gap) / (ROW_FRAMES * shape.hop_samples))


def _export(
    learned: Learned, project: WordProject, trunk: Trunk, shape: WindowShape, given: Given, tflite_path: Path
) -> Bundle:
    features = trunk.config.features
    tflite_path.write_bytes(quantize(learned.model, learned.representative, features))
    chosen = project.decision
    silent = OperatingPoint(thresholds=(0, *[255] * len(project.words), 0))
    decision = DecisionConfig(
        operating_points=(silent,),
        smoothing_decisions=project.smoothing_decisions,
        refractory_frames=round(chosen.refractory_ms * SAMPLE_RATE_HZ / (1000 * features.hop_samples)),
        pause=Pause(
            label=project.labels.index(SILENCE),
            score=chosen.pause_score,
            decisions=pause_decisions(chosen, shape),
            penalty=chosen.pause_penalty,
        ),
    )
    return export_bundle(
        tflite_path,
        features=features,
        labels=project.labels,
        decision=decision,
        gate=project.gate,
        metadata=_provenance(learned, project, given),
        name=project.name,
    )


def _provenance(learned: Learned, project: WordProject, given: Given) -> dict[str, Any]:
    return {
        "name": project.name,
        "project": project.without_places(),
        "trunk": {"sha256": _sha256(project.trunk_file)},
        **given.to_dict(),
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


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
