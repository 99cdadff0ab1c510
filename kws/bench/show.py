# SPDX-License-Identifier: Apache-2.0
"""The tables of ``kws bench``."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from kws.bench.result import BenchResult, Change

CLOCKS_MHZ = (64, 84, 120, 168)
"""nRF52840, STM32F401, STM32L4R5 and the MLPerf reference board, STM32F405."""

MACS_PER_CYCLE = 2
"""Of SMLAD, loads not counted: nothing on this processor multiplies faster."""


def print_result(result: BenchResult, console: Console) -> None:
    """Print what a bundle costs on a board."""
    console.print(f"[bold]{result.bundle}[/bold] on {result.board}; cycles: {result.source}")
    console.print(_stage_table(result))
    if result.layers:
        console.print(_layer_table(result))
    console.print(_memory_table(result))


def print_changes(bundle: str, changes: list[Change], console: Console) -> None:
    """Print the figures that moved since the committed result."""
    if not changes:
        console.print(f"{bundle}: no figure moved by more than 2 %")
        return
    table = Table(title=f"{bundle}: moved by more than 2 %", title_justify="left")
    for name in ("figure", "before", "now", "change"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for change in changes:
        colour = "red" if change.is_regression else "green"
        ratio = f"[{colour}]{change.ratio:+.1%}[/{colour}]"
        table.add_row(change.figure, f"{change.before:,}", f"{change.now:,}", ratio)
    console.print(table)


def _clocks_mhz(result: BenchResult) -> tuple[int, ...]:
    """Return any clock where cycles were modelled; a real board has the one it has."""
    return CLOCKS_MHZ if result.layers else (round(result.clock_hz / 1e6),)


def _stage_table(result: BenchResult) -> Table:
    table = Table(title="cycles, and ms at MHz", title_justify="left", padding=(0, 0, 0, 1))
    table.add_column("what")
    clocks = _clocks_mhz(result)
    for name in ("cycles", *map(str, clocks)):
        table.add_column(name, justify="right", no_wrap=True)
    rows = [(f"{stage.stage}, per second", stage.cycles_per_second) for stage in result.stages]
    rows.append(("pipeline, per second", result.cycles_per_second))
    if result.gate is not None:
        rows.append(("the same, gate closed", result.gate.closed_cycles_per_second))
        rows.append(("waking, once", result.gate.waking_cycles))
    rows.append(("features, one frame", result.stage("features").cycles_per_call))
    rows.append(("network, one decision", result.inference_cycles))
    for name, cycles in rows:
        table.add_row(name, f"{cycles:,}", *(f"{cycles / (1000 * clock):.2f}" for clock in clocks))
    return table


def _layer_table(result: BenchResult) -> Table:
    table = Table(title="layers, per decision", title_justify="left", padding=(0, 0, 0, 1))
    table.add_column("layer")
    for name in ("MACs", "SMLAD limit", "cycles", "cycles/MAC"):
        table.add_column(name, justify="right")
    for layer in result.layers:
        ratio = "" if layer.cycles_per_mac is None else f"{layer.cycles_per_mac:.2f}"
        limit = f"{layer.macs // MACS_PER_CYCLE:,}" if layer.macs else ""
        table.add_row(layer.layer, f"{layer.macs:,}", limit, f"{layer.cycles:,}", ratio)
    engine = result.inference_cycles - sum(layer.cycles for layer in result.layers)
    table.add_row("engine", "", "", f"{engine:,}", "")
    whole = f"{result.inference_cycles / result.inference_macs:.2f}"
    limit = f"{result.inference_macs // MACS_PER_CYCLE:,}"
    table.add_row("all", f"{result.inference_macs:,}", limit, f"{result.inference_cycles:,}", whole, style="bold")
    return table


def _memory_table(result: BenchResult) -> Table:
    memory = result.memory
    table = Table(title="memory, whole application", title_justify="left", padding=(0, 0, 0, 1))
    table.add_column("")
    table.add_column("bytes", justify="right")
    for name, size in (
        ("RAM: data and buffers", memory.static_bytes),
        ("RAM: pipeline", memory.arena_bytes),
        ("RAM: stack, peak", memory.stack_bytes),
        ("flash: firmware", memory.firmware_bytes),
        ("flash: bundle", memory.bundle_bytes),
    ):
        table.add_row(name, f"{size:,}" if size else "unknown")
    table.add_row("RAM", f"{memory.ram_bytes:,}", style="bold")
    table.add_row("flash", f"{memory.flash_bytes:,}", style="bold")
    return table
