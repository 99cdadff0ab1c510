"""``kws calibrate``: choose thresholds for a wanted rate of false accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    model: Annotated[Path, typer.Argument(help="The bundle.")],
    ambient: Annotated[list[Path], typer.Argument(help="Recordings without a keyword (files or folders).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The calibrated bundle; default: NAME_calibrated.kws.")
    ] = None,
    fa_per_hour: Annotated[
        list[float] | None,
        typer.Option(help="Wanted false accepts per hour, all keywords together; repeat for more points."),
    ] = None,
) -> None:
    """Choose thresholds on audio without keywords and write them into a new bundle, the first as its default.

    Refuses a rate that the audio is too short to support (rule of three).
    """
    from rich.console import Console
    from rich.table import Table

    from kws.bundle import Bundle
    from kws.evaluation.calibration import calibrate_bundle
    from kws.evaluation.run import NegativeAudio, score_negatives
    from kws.progress import task_progress

    bundle = Bundle.load(model)
    negatives = NegativeAudio.find(ambient)
    console = Console()
    with task_progress(console) as on_progress:
        tracks = score_negatives(bundle, negatives, on_progress=on_progress)
        wanted = fa_per_hour or [0.5]
        calibrated, chosen = calibrate_bundle(bundle, tracks, wanted, source=negatives.name, on_progress=on_progress)
    target = output or model.with_stem(f"{model.stem}_calibrated")
    calibrated.save(target)
    table = Table("label", *(f"{calibration.wanted_fa_per_hour:g} FA/h" for calibration in chosen))
    for index, label in enumerate(bundle.labels):
        thresholds = [calibration.thresholds[index] for calibration in chosen]
        if any(thresholds):
            table.add_row(label, *(f"{threshold / 255:.3f}" for threshold in thresholds))
    console.print(table)
    for calibration in chosen:
        console.print(f"{calibration.wanted_fa_per_hour:g} FA/h wanted: {calibration.false_accepts}", highlight=False)
    console.print(f"wrote {target}", highlight=False)
