"""``kws import``: an int8 TFLite model becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_(
    model: Annotated[Path, typer.Argument(help="Int8 .tflite file: one chain of layers, as DS-CNNs are.")],
    labels: Annotated[
        str, typer.Option(help="In the order of the model's outputs: 'yes,no,silence' or a file, one per line.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Bundle to write.")],
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
) -> None:
    """Turn a TFLite model into a bundle, bit for bit."""
    from rich.console import Console

    from kws.files import prepare_output
    from kws.importer.bundle import default_decision, features_from_option, import_bundle
    from kws.inspection import print_bundle
    from kws.labels import read_labels

    prepare_output(out, "--out")
    names = read_labels(labels)
    bundle = import_bundle(
        model,
        features=features_from_option(features),
        labels=names,
        decision=default_decision(names, threshold=threshold, refractory_frames=refractory_frames),
        streaming=False if window else None,
        decision_frames=decision_frames,
        compact=compact,
    )
    bundle.save(out)
    print_bundle(bundle, Console())
    typer.echo(f"wrote {out} ({len(bundle.data)} bytes)")
