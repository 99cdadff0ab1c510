# SPDX-License-Identifier: Apache-2.0
"""``kws calibrate``: choose thresholds for a wanted rate of false accepts, or measure those there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from kws.bundle import Bundle
    from kws.datasets.negatives import Negatives
    from kws.evaluation.calibration import Promise
    from kws.evaluation.run import NegativeAudio, OnProgress
    from kws.evaluation.tracks import ScoreTrack


def calibrate(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    ambient: Annotated[
        list[Path] | None, typer.Argument(help="Recordings without a keyword (files or folders) to choose on.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The calibrated bundle; default: NAME_calibrated.kws.")
    ] = None,
    fa_per_hour: Annotated[
        list[float] | None,
        typer.Option(help="Wanted false accepts per hour, all keywords together; repeat for more points."),
    ] = None,
    report: Annotated[
        list[Path] | None, typer.Option(help="Other recordings without a keyword, to measure on what was chosen.")
    ] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="Folder of `kws dataset download negatives`; default: where that puts them.")
    ] = None,
    no_pause: Annotated[
        bool, typer.Option("--no-pause", help="Ask for no pause before a word: hear it amid speech and music too.")
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Leave the thresholds; only measure them on audio kept aside (--report).")
    ] = False,
) -> None:
    """Choose thresholds on audio without keywords and write them into a new bundle, the first as its default.

    What is measured on audio kept aside for it is a figure; everything else is called an estimate.
    """
    from dataclasses import replace

    from rich.console import Console

    from kws.bundle import Bundle
    from kws.cli.arguments import check_order
    from kws.datasets import negatives as fetched
    from kws.errors import ConfigError
    from kws.evaluation.calibration import calibrate_bundle, check_apart, check_rates
    from kws.evaluation.run import NegativeAudio
    from kws.files import prepare_output
    from kws.progress import task_progress

    check_order("calibrate", bundle, ambient or [])
    if measure and (ambient or fa_per_hour or no_pause):
        raise ConfigError(
            "kws calibrate: --measure leaves thresholds as they are; expected no recordings to choose on, no "
            "--fa-per-hour and no --no-pause beside it"
        )
    wanted = fa_per_hour or [0.5]
    check_rates(wanted)
    spotter = Bundle.load(bundle)
    if "machine" in spotter.metadata:
        raise ConfigError(
            f"{bundle}: listens to a machine, and music and speech say nothing about its alarms; choose them where it "
            "is learnt: kws machine learn --alarms-per-day"
        )
    if no_pause:
        spotter = spotter.replace(decision=replace(spotter.decision, pause=None))
    target = out or bundle.with_stem(f"{bundle.stem}_calibrated")
    prepare_output(target, "--out")
    console = Console()
    there = fetched.find(negatives)
    if measure:
        _only_measure(console, spotter, target, report, there)
        return
    if not ambient and there is None:
        raise ConfigError(
            "kws calibrate: expected recordings without a keyword to choose on, got none; name folders, or run "
            "`kws dataset download negatives` once"
        )
    if there is not None:
        console.print(f"negatives: {there}", highlight=False)
    chosen_on = {"ambient": NegativeAudio.find(ambient)} if ambient else {}
    if there is not None:
        chosen_on |= {kind: NegativeAudio.find(files) for kind, files in there.files["calibration"].items()}
    measured_on = _kept_aside(report, there)
    check_apart(_files(chosen_on), _files(measured_on))
    with task_progress(console) as on_progress:
        calibrated, promises = calibrate_bundle(
            spotter,
            _hear(spotter, chosen_on, on_progress),
            _hear(spotter, measured_on, on_progress),
            wanted,
            source=", ".join(chosen_on),
        )
    calibrated.save(target)
    _show(console, spotter, promises)
    console.print(f"wrote {target}", highlight=False)


def _only_measure(
    console: Console, spotter: Bundle, target: Path, report: list[Path] | None, there: Negatives | None
) -> None:
    from kws.decision import describe_point
    from kws.errors import ConfigError
    from kws.evaluation.calibration import measure_bundle
    from kws.progress import task_progress

    measured_on = _kept_aside(report, there)
    if not measured_on:
        raise ConfigError(
            "kws calibrate --measure: expected --report recordings that neither taught nor chose the thresholds, got "
            "none; name some, or run `kws dataset download negatives` once"
        )
    with task_progress(console) as on_progress:
        heard = _hear(spotter, measured_on, on_progress)
    result, points = measure_bundle(spotter, heard, source=", ".join(measured_on))
    result.save(target)
    for index, measured in enumerate(points):
        console.print(f"{index}: {describe_point(result.decision, result.metadata, index)}", highlight=False)
        for kind, rate in measured.by_kind.items():
            console.print(f"    {kind}: {rate}", highlight=False)
    console.print(f"wrote {target}", highlight=False)


def _kept_aside(report: list[Path] | None, there: Negatives | None) -> dict[str, NegativeAudio]:
    from kws.evaluation.run import NegativeAudio

    measured_on = {"report": NegativeAudio.find(report)} if report else {}
    if there is not None:
        measured_on |= {kind: NegativeAudio.find(files) for kind, files in there.files["report"].items()}
    return measured_on


def _files(kinds: dict[str, NegativeAudio]) -> list[Path]:
    return [path for audio in kinds.values() for path in audio.files]


def _hear(bundle: Bundle, kinds: dict[str, NegativeAudio], on_progress: OnProgress) -> dict[str, Sequence[ScoreTrack]]:
    from kws.evaluation.run import score_negatives

    return {kind: score_negatives(bundle, audio, on_progress=on_progress) for kind, audio in kinds.items()}


def _show(console: Console, bundle: Bundle, promises: Sequence[Promise]) -> None:
    from rich.table import Table

    table = Table("label", *(f"{promise.wanted_fa_per_hour:g} FA/h" for promise in promises))
    for index, label in enumerate(bundle.labels):
        thresholds = [promise.thresholds[index] for promise in promises]
        if any(thresholds):
            table.add_row(label, *(f"{threshold / 255:.3f}" for threshold in thresholds))
    console.print(table)
    for promise in promises:
        console.print(
            f"{promise.wanted_fa_per_hour:g} FA/h wanted; {promise.calibration} on the audio it was chosen on; "
            f"{promise.sentence}",
            highlight=False,
        )
        for kind, rate in promise.by_kind.items():
            console.print(f"    {kind}: {rate}", highlight=False)
