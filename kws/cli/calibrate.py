# SPDX-License-Identifier: Apache-2.0
"""``kws calibrate``: choose thresholds for a wanted rate of false accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    ambient: Annotated[list[Path], typer.Argument(help="Recordings without a keyword (files or folders).")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The calibrated bundle; default: NAME_calibrated.kws.")
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
    from kws.cli.arguments import check_order
    from kws.evaluation.calibration import calibrate_bundle, check_rates
    from kws.evaluation.run import NegativeAudio, score_negatives
    from kws.files import prepare_output
    from kws.progress import task_progress

    check_order("calibrate", bundle, ambient)
    wanted = fa_per_hour or [0.5]
    check_rates(wanted)
    spotter = Bundle.load(bundle)
    target = out or bundle.with_stem(f"{bundle.stem}_calibrated")
    prepare_output(target, "--out")
    negatives = NegativeAudio.find(ambient)
    console = Console()
    with task_progress(console) as on_progress:
        tracks = score_negatives(spotter, negatives, on_progress=on_progress)
        calibrated, chosen = calibrate_bundle(spotter, tracks, wanted, source=negatives.name, on_progress=on_progress)
    calibrated.save(target)
    table = Table("label", *(f"{calibration.wanted_fa_per_hour:g} FA/h" for calibration in chosen))
    for index, label in enumerate(spotter.labels):
        thresholds = [calibration.thresholds[index] for calibration in chosen]
        if any(thresholds):
            table.add_row(label, *(f"{threshold / 255:.3f}" for threshold in thresholds))
    console.print(table)
    for calibration in chosen:
        console.print(f"{calibration.wanted_fa_per_hour:g} FA/h wanted: {calibration.false_accepts}", highlight=False)
    console.print(f"wrote {target}", highlight=False)
