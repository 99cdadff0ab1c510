# SPDX-License-Identifier: Apache-2.0
"""The table and the plot of ``kws power``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kws.errors import ConfigError
from kws.power.duty import ProductDuty, ProductPower, product_power
from kws.power.model import SECONDS_PER_DAY, ListeningPattern, PowerEstimate, Workload
from kws.power.profile import BoardProfile

DISCLAIMER = "model, not measurement"
SECONDS_PER_YEAR = 365 * SECONDS_PER_DAY
PARTS = ("microphone", "front end", "network", "sleep")
COLOURS = ("#2563eb", "#059669", "#ea580c", "#9aa7b6")
"""Of the reports' palette."""


def parts_uw(row: PowerEstimate) -> tuple[float, float, float, float]:
    """Return the power of each of ``PARTS``."""
    return row.microphone_uw, row.front_end_uw, row.network_uw, row.sleep_uw


def print_table(
    rows: Sequence[PowerEstimate],
    workload: Workload,
    pattern: ListeningPattern,
    battery_j: float,
    console: Console,
) -> None:
    """Print one line per board and microphone."""
    closed = workload.closed_cycles_per_second
    gate = "without a gate: always on" if closed is None else f"{closed:,} with the gate closed"
    console.print(
        f"[bold]{DISCLAIMER}[/bold]: {workload.name}, cycles a second: {workload.front_end_cycles_per_second:,} front "
        f"end, {workload.network_cycles_per_second:,} network, {gate}; sound {pattern.sound:.0%} of the time, speech "
        f"{pattern.speech:.0%}"
    )
    table = Table(title=f"days on {battery_j:g} J, and average power in µW", title_justify="left", padding=(0, 0, 0, 1))
    table.add_column("board")
    table.add_column("sleeps")
    for name in ("days", "power", "mic", "front end", "network", "sleep", "busy"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        colour = "red" if row.busy > 1.0 else "default"
        table.add_row(
            row.profile.name,
            "till sound" if row.wake_on_sound else "never",
            f"{row.days(battery_j):,.1f}",
            *(f"{power:,.0f}" for power in (row.total_uw, *parts_uw(row))),
            f"[{colour}]{row.busy:.0%}[/{colour}]",
        )
    console.print(table)
    console.print("sources of all currents: kws/power/profiles; `busy`: of the core while the network runs")


def print_products(
    rows: Sequence[tuple[ProductDuty, BoardProfile]], pattern: ListeningPattern, battery_j: float, console: Console
) -> None:
    """Print what products do with their time, and what that draws."""
    budget_uw = battery_j / SECONDS_PER_YEAR * 1e6
    console.print(
        f"shares of the time: measured, the image of the board on its emulated chip; power: {DISCLAIMER}; sound "
        f"{pattern.sound:.0%} of the time, speech {pattern.speech:.0%}; a year on {battery_j:g} J is {budget_uw:.0f} µW"
    )
    table = Table(padding=(0, 0, 0, 1))
    for name in ("board", "hears"):
        table.add_column(name)
    for name in ("awake", "mic", "crystal", "receiver", "µW"):
        table.add_column(name, justify="right", no_wrap=True)
    for product, profile in rows:
        power = product_power(product, profile, pattern, budget_uw)
        parts = ((product.quiet, power.quiet_uw), (product.noise, power.noise_uw), (product.speech, power.speech_uw))
        for name, (duty, uw) in zip(("a quiet room", "noise", "speech"), parts, strict=True):
            shares = (f"{share:.2%}" for share in (duty.awake, duty.microphone, duty.crystal, duty.receiver))
            table.add_row(product.board, name, *shares, f"{uw:,.0f}")
        days = battery_j / (power.mixed_uw * 1e-6) / SECONDS_PER_DAY
        table.add_row("", f"all of it: {days:,.1f} days", "", "", "", "", f"{power.mixed_uw:,.0f}", end_section=True)
    console.print(table)
    for product, profile in rows:
        power = product_power(product, profile, pattern, budget_uw)
        console.print(f"{product.board}: {_year(power)}", highlight=False)


def _year(power: ProductPower) -> str:
    if power.longest_sound is None:
        return f"no year: a quiet room alone takes {power.quiet_uw:,.0f} µW"
    minutes = power.longest_sound * 24 * 60
    return f"a year if there is sound {power.longest_sound:.2%} of the time at most, {minutes:.1f} minutes a day"


def save_plot(
    rows: Sequence[PowerEstimate], pattern: ListeningPattern, battery_j: float, workload: Workload, path: Path
) -> None:
    """Draw days per board, and what shares of the energy go where.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 0.5 * len(rows) + 2.4), layout="constrained")
    FigureCanvasAgg(figure)
    days_axes, shares_axes = figure.subplots(1, 2, sharey=True)
    names = [f"{row.profile.name}{', wakes on sound' if row.wake_on_sound else ''}" for row in rows]
    days = [row.days(battery_j) for row in rows]
    days_axes.set_xscale("log")  # so points, not bars: a logarithmic axis has no zero for a bar to start from
    days_axes.plot(days, names, "o", color=COLOURS[0], markersize=8)
    for row_number, value in enumerate(days):
        days_axes.annotate(f"{value:,.1f}", (value, row_number), (8, 0), textcoords="offset points", va="center")
    days_axes.grid(axis="x", color="#e3e6ea")
    days_axes.xaxis.set_major_formatter("{x:g}")
    days_axes.margins(y=0.5 / len(rows))
    days_axes.set_xlim(min(days) / 3, max(days) * 10)
    days_axes.set_xlabel(f"days on {battery_j:g} J")
    days_axes.invert_yaxis()
    left = [0.0] * len(rows)
    for index, part in enumerate(PARTS):
        shares = [100.0 * parts_uw(row)[index] / row.total_uw for row in rows]
        shares_axes.barh(names, shares, left=left, label=part, color=COLOURS[index])
        left = [start + share for start, share in zip(left, shares, strict=True)]
    shares_axes.set_xlabel("share of the energy, %")
    figure.legend(loc="outside lower center", ncols=len(PARTS), frameon=False)
    title = f"{DISCLAIMER.capitalize()}: {workload.name}"
    figure.suptitle(f"{title}\nsound {pattern.sound:.0%} of the time, speech {pattern.speech:.0%}", fontsize=11)
    for axes in (days_axes, shares_axes):
        axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        message = f"--plot {path}: cannot be written ({error}); expected a .png or .svg in a folder that exists"
        raise ConfigError(message) from error
