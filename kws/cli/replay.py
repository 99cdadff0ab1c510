# SPDX-License-Identifier: Apache-2.0
"""``kws replay``: stream recordings to a board and judge what it heard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def replay(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    paths: Annotated[list[Path] | None, typer.Argument(help="Recordings, or folders of them.")] = None,
    board: Annotated[
        str, typer.Option(help="host, native, netduinoplus2, nrf52840dk, a serial port, or socket://HOST:PORT.")
    ] = "host",
    operating_point: Annotated[
        int | None, typer.Option(help="Index of the bundle's operating point; its default when omitted.")
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            help="What is said when (CSV, JSON, MLPerf Tiny, Audacity labels), or labels of clips (CSV, the "
            "manifest of kws record); else folder names are labels."
        ),
    ] = None,
    truth_label: Annotated[
        str | None, typer.Option(help="Label of the windows, for truth files that do not say.")
    ] = None,
    other_words: Annotated[
        bool, typer.Option("--other-words", help="The truth may hold words that are no labels: nothing may fire there.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every score and event with the host library, bit for bit.")
    ] = False,
    microphone: Annotated[
        bool,
        typer.Option("--microphone", help="Through the microphone of an emulated board instead of the serial line."),
    ] = False,
    cycles: Annotated[bool, typer.Option(help="Count cycles per stage on emulated boards; slower.")] = True,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page.")] = None,
    audio: Annotated[bool, typer.Option(help="Embed recordings in the HTML page, for listening.")] = True,
    json: Annotated[Path | None, typer.Option(help="Write the result as JSON.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML.")] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="JSON of an earlier replay: exit with 1 if anything got worse.")
    ] = None,
) -> None:
    """Replay recordings to a board and judge what it heard: accuracy, events, latency, compute, lost samples.

    Exits with 0 passed, 1 something failed, 2 not possible, or a recording could not be heard, 3 the board was lost.
    """
    from kws.cli.arguments import check_order
    from kws.cli.outputs import Outputs
    from kws.errors import ConfigError
    from kws.harness.run import ReplayRequest

    if bundle.suffix == ".toml":
        raise ConfigError(f"{bundle}: is a suite; run it with kws suite run {bundle}")
    check_order("replay", bundle, paths or [])
    if not paths:
        raise ConfigError(f"expected recordings, or folders of them, after {bundle}: kws replay {bundle} CLIPS")
    request = ReplayRequest(
        paths=tuple(paths),
        bundle=bundle,
        board=board,
        operating_point=operating_point,
        truth=truth,
        truth_label=truth_label,
        other_words=other_words,
        verify=verify,
        count_cycles=cycles,
        microphone=microphone,
        keep_going=True,
    )
    outputs = Outputs(report=report, json=json, junit=junit, audio=audio)
    verdict = outputs.run(request, baseline)
    if verdict.result.unheard:
        raise typer.Exit(2)
    if not verdict.passed:
        raise typer.Exit(1)
