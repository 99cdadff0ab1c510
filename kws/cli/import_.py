"""``kws import``: an int8 TFLite model becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kws.bundle import Bundle


def import_(
    model: Annotated[Path, typer.Argument(help="Int8 .tflite file; its input and output may be float or uint8.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Bundle to write.")],
    labels: Annotated[
        str | None, typer.Option(help="In the order of the model's outputs: 'yes,no,silence' or a file, one per line.")
    ] = None,
    features: Annotated[
        str,
        typer.Option(
            help="Front end: mlperf-kws, mlperf-streaming, microwakeword, micro-speech, or a TOML file of its settings."
        ),
    ] = "mlperf-kws",
    threshold: Annotated[float, typer.Option(help="Posterior at which keywords fire, 0..1.")] = 0.8,
    refractory_frames: Annotated[int, typer.Option(help="Frames without a second event after one.")] = 50,
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
    from kws.errors import ConfigError
    from kws.files import prepare_output

    prepare_output(out, "--out")
    if model_only:
        _write_model(model, out, time_axis=time_axis, compact=compact)
        return
    if labels is None:
        raise ConfigError("--labels is missing: name the outputs of the model in their order, 'yes,no,silence'")
    from kws.importer.bundle import default_decision, features_from_option, import_bundle
    from kws.labels import read_labels

    names = read_labels(labels)
    bundle = import_bundle(
        model,
        features=features_from_option(features),
        labels=names,
        decision=default_decision(names, threshold=threshold, refractory_frames=refractory_frames),
        streaming=False if window else None,
        decision_frames=decision_frames,
        compact=compact,
        time_axis=time_axis,
    )
    bundle.save(out)
    _report(bundle, features, check)
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


def _report(bundle: Bundle, features: str, check: Path | None) -> None:
    """Print what was made of the model, and what nobody but its user knows: whether the front end is the right one."""
    from rich.console import Console

    from kws.inspection import print_bundle

    console = Console()
    print_bundle(bundle, console)
    for note in bundle.metadata.get("notes", ()):
        typer.echo(f"note: {note}")
    if check is None:
        typer.echo(
            f"warning: the model does not say how its features are made; '{features}' is an assumption. With another "
            "front end it hears nothing right: try --check with a folder of labelled clips",
            err=True,
        )
        return
    from kws.evaluation.request import EvaluationRequest, evaluate_request
    from kws.report.terminal import print_evaluation

    print_evaluation(evaluate_request(bundle, EvaluationRequest(paths=(check,))), console)
