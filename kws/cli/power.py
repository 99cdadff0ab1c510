# SPDX-License-Identifier: Apache-2.0
"""``kws power``: average power and battery life. A model, not a measurement."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from kws.power.model import ListeningPattern


def power(
    bundle: Annotated[
        Path | None, typer.Argument(help="Bundle NAME.kws, whose cycles are counted on the emulated board.")
    ] = None,
    cycles: Annotated[
        Path | None, typer.Option(help="Or a result of `kws bench --out`; default: that of the shipped model.")
    ] = None,
    chips: Annotated[
        list[str] | None, typer.Option("--chip", help="Profile name or .toml file; may be repeated. Default: all.")
    ] = None,
    sound: Annotated[float, typer.Option(help="Fraction of the time with sound that wakes the microphone.")] = 0.2,
    speech: Annotated[float, typer.Option(help="Fraction of the time with speech, which opens the gate.")] = 0.05,
    battery_j: Annotated[float, typer.Option(help="Energy of the battery in joules; 2500 is a coin cell.")] = 2500.0,
    boards: Annotated[
        list[str] | None,
        typer.Option("--board", help="Board whose product is measured on its emulated chip; may be repeated."),
    ] = None,
    recording: Annotated[Path | None, typer.Option(help="Speech that --board is measured with.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw days and shares into this .png or .svg.")] = None,
) -> None:
    """Estimate average power and battery life from cycles and data-sheet currents: a model, not a measurement."""
    from rich.console import Console

    from kws import extras
    from kws.bench.measure import measure
    from kws.bench.run import DEFAULT_RESULT
    from kws.bundle import Bundle
    from kws.errors import ConfigError
    from kws.files import prepare_output
    from kws.power.model import ListeningPattern, Workload, estimate
    from kws.power.profile import load_profile, profile_names
    from kws.power.show import print_table, save_plot

    if not 0.0 < battery_j < math.inf:
        raise ConfigError(f"--battery-j: {battery_j} J; expected more than 0 (2500 is a coin cell)")
    if boards or recording is not None:
        pattern = ListeningPattern(sound=sound, speech=speech)
        _measure(bundle, boards or [], recording, pattern, battery_j, Console())
        return
    if bundle is not None and cycles is not None:
        raise ConfigError("a bundle and --cycles: expected one of them, both say what is computed")
    if plot is not None:
        extras.require("--plot", "plots")
        prepare_output(plot, "--plot")
    pattern = ListeningPattern(sound=sound, speech=speech)
    profiles = [load_profile(name) for name in chips or profile_names()]
    if bundle is not None:
        workload = Workload.from_result(measure(Bundle.load(bundle), "netduinoplus2"))
    else:
        workload = Workload.from_json(cycles or DEFAULT_RESULT)
    rows = [estimate(workload, profile, pattern, wake_on_sound=wake) for profile in profiles for wake in (False, True)]
    print_table(rows, workload, pattern, battery_j, Console())
    if plot is not None:
        save_plot(rows, pattern, battery_j, workload, plot)
        typer.echo(f"wrote {plot}")


def _measure(
    bundle: Path | None, boards: list[str], recording: Path | None, pattern: ListeningPattern, battery_j: float,
    console: Console,
) -> None:  # fmt: skip
    from kws.audio import read_audio
    from kws.errors import ConfigError
    from kws.power.duty import measure_product
    from kws.power.profile import load_profile
    from kws.power.show import print_products
    from kws.progress import Progress

    if bundle is None or recording is None or not boards:
        raise ConfigError(
            "--board: expected a bundle and a recording of speech, such as: kws power models/speech_commands_12.kws "
            "--board nrf52840dk --recording examples/stream.flac"
        )
    speech = read_audio(recording)
    with Progress(console=console, transient=True) as progress:
        products = [measure_product(board, bundle, speech) for board in progress.track(boards, description="emulating")]
    rows = [(product, load_profile(product.chip)) for product in products]
    print_products(rows, pattern, battery_j, console)
