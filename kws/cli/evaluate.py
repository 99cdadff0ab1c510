# SPDX-License-Identifier: Apache-2.0
"""``kws evaluate``: accuracy on clips; misses, false accepts and latency on streams."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    paths: Annotated[list[Path], typer.Argument(help="Folders of labelled clips, or streams (with --truth).")],
    truth: Annotated[
        Path | None, typer.Option(help="What is said when in the streams (CSV, JSON, MLPerf Tiny, Audacity labels).")
    ] = None,
    truth_label: Annotated[
        str | None, typer.Option(help="Label of the windows, for truth files that do not say.")
    ] = None,
    other_words: Annotated[
        bool, typer.Option("--other-words", help="The truth may hold words that are no labels: nothing may fire there.")
    ] = False,
    split: Annotated[
        str | None, typer.Option(help="Only this split of Speech Commands: training, validation, testing.")
    ] = None,
    mix: Annotated[
        Path | None, typer.Option(help="Mix the clips into this background (file or folder) and judge the stream.")
    ] = None,
    snr_db: Annotated[
        float | None, typer.Option(help="With --mix: level of the words over the background; default 10.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="With --mix: order and gaps of the words; default 1.")] = None,
    negatives: Annotated[
        list[Path] | None, typer.Option(help="More audio without a keyword (file or folder; may be repeated).")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the result as JSON.")] = None,
) -> None:
    """Evaluate a bundle: clips in folders named by word give accuracy; streams give misses and false accepts."""
    from rich.console import Console

    from kws.bundle import Bundle
    from kws.cli.arguments import check_order
    from kws.evaluation.request import EvaluationRequest, evaluate_request
    from kws.files import prepare_output
    from kws.progress import task_progress
    from kws.report.evaluation_page import evaluation_page
    from kws.report.page import write_page
    from kws.report.terminal import print_evaluation

    for path, option in ((json, "--json"), (report, "--report")):
        prepare_output(path, option)
    check_order("evaluate", bundle, paths)
    spotter = Bundle.load(bundle)
    request = EvaluationRequest(
        paths=tuple(paths),
        truth=truth,
        truth_label=truth_label,
        other_words=other_words,
        split=split,
        mix=mix,
        snr_db=snr_db,
        seed=seed,
        negatives=tuple(negatives or ()),
    )
    console = Console()
    with task_progress(console) as on_progress:
        evaluation = evaluate_request(spotter, request, on_progress=on_progress)
    default_point = spotter.decision.default_operating_point
    print_evaluation(evaluation, console)
    if json is not None:
        evaluation.write_json(json)
    if report is not None:
        write_page(report, evaluation_page(evaluation, request.describe(), default_point=default_point))
    for path in (json, report):
        if path is not None:
            console.print(f"wrote {path}", markup=False, highlight=False)
