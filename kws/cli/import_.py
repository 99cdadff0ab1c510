# SPDX-License-Identifier: Apache-2.0
"""``kws import``: an int8 TFLite model becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kws.bundle import Bundle


def import_(
    model: Annotated[
        Path,
        typer.Argument(
            help="Int8 .tflite file; its input and output may be float or uint8. The .json that comes with a "
            "microWakeWord model is read where it lies beside it."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Bundle to write; default: the model's name, in this folder.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="In the order of the model's outputs: 'yes,no,silence' or a file, one per line.")
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="Front end: mlperf-kws, mlperf-streaming, microwakeword, micro-speech, or a TOML file of its settings."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Posterior at which keywords fire, 0..1.", show_default="0.8")
    ] = None,
    refractory_frames: Annotated[
        int | None, typer.Option(help="Frames without a second event after one.", show_default="50")
    ] = None,
    window: Annotated[
        bool, typer.Option("--window", help="Recompute whole windows even if the model could stream.")
    ] = False,
    decision_frames: Annotated[
        int | None, typer.Option(help="Frames between decisions of a window model; default: a tenth of it.")
    ] = None,
    compact: Annotated[
        bool, typer.Option("--compact", help="Smallest weights instead of the layout the fast kernels want.")
    ] = False,
    time_axis: Annotated[int | None, typer.Option(help="Axis of the model's input that is time: 1 or 2.")] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Folder of labelled clips: print how well model and front end hear them."),
    ] = None,
    model_only: Annotated[
        bool, typer.Option("--model-only", help="No front end, no labels: for the benchmark firmware mlperf_tiny.")
    ] = False,
) -> None:
    """Turn a TFLite model into a bundle, bit for bit."""
    from kws.files import prepare_output

    out = Path(f"{model.stem}.kws") if out is None else out
    prepare_output(out, "--out")
    if model_only:
        _write_model(model, out, time_axis=time_axis, compact=compact)
        return
    from kws.importer.bundle import import_bundle, import_settings

    settings = import_settings(
        model, labels=labels, features=features, threshold=threshold, refractory_frames=refractory_frames
    )
    bundle = import_bundle(
        settings.model,
        features=settings.features,
        labels=settings.labels,
        decision=settings.decision,
        streaming=False if window else None,
        decision_frames=decision_frames,
        compact=compact,
        time_axis=time_axis,
    )
    bundle.save(out)
    _report(bundle, settings.assumed, check)
    typer.echo(f"wrote {out} ({len(bundle.data)} bytes)")


def _write_model(model: Path, out: Path, *, time_axis: int | None, compact: bool) -> None:
    """Write a bundle with nothing but the model: whole windows, each run as its rows come."""
    from kws.bundle import model_alone
    from kws.importer.section import model_section
    from kws.importer.tflite import import_tflite

    network = import_tflite(model, time_axis=time_axis, scores=False)
    section = model_section(network, streaming=False, decision_frames=network.window_frames, compact=compact)
    data = model_alone(section)
    out.write_bytes(data)
    typer.echo(f"wrote {out} ({len(data)} bytes): {network.window_frames} rows of {network.num_features} values")


def _report(bundle: Bundle, assumed: str | None, check: Path | None) -> None:
    """Print what was made of the model, and what nobody but its user knows: whether the front end is the right one."""
    from rich.console import Console

    from kws.inspection import print_bundle

    console = Console()
    print_bundle(bundle, console)
    for note in bundle.metadata.get("notes", ()):
        typer.echo(f"note: {note}")
    if check is None:
        if assumed is None:
            return
        typer.echo(
            f"warning: the model does not say how its features are made; '{assumed}' is an assumption. With another "
            "front end it hears nothing right: try --check with a folder of labelled clips",
            err=True,
        )
        return
    from kws.evaluation.request import EvaluationRequest, evaluate_request
    from kws.report.terminal import print_evaluation

    print_evaluation(evaluate_request(bundle, EvaluationRequest(paths=(check,))), console)
