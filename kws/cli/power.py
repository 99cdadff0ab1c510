# SPDX-License-Identifier: Apache-2.0
"""``kws power``: average power and battery life. A model, not a measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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

    if bundle is not None and cycles is not None:
        raise ConfigError("a bundle and --cycles: expected one of them, both say what is computed")
    if battery_j <= 0.0:
        raise ConfigError(f"--battery-j: {battery_j} J; expected more than 0 (2500 is a coin cell)")
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
