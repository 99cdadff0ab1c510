# SPDX-License-Identifier: Apache-2.0
"""Runs a bundle on a board and counts what it costs."""

from __future__ import annotations

import struct
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.bench.result import BenchResult, GateCost, LayerCost, MemoryCost, StageCost
from kws.bundle import Bundle
from kws.core import ffi, lib
from kws.device import BoardInfo, Statistics
from kws.device.boards import open_board
from kws.device.build import board_names, build_firmware
from kws.device.chips import emulated_chip
from kws.device.counted import open_counted_board
from kws.device.cycles import CycleReport, Region, Watch
from kws.device.launch import COUNTED_BOARDS, check_system, is_process, qemu_machine
from kws.device.sizes import firmware_sizes, linker_symbols
from kws.errors import ConfigError
from kws.features import Features
from kws.gate import GateConfig
from kws.model import Model
from kws.stages import STAGE_FUNCTIONS

FEED = "kws_pipeline_feed"
"""Everything; what the stages do not account for is cutting audio into frames."""
COUNTED = {stage: function for stage, function in STAGE_FUNCTIONS.items() if stage != "audio"}
"""The stages that are counted."""
DECISION = "kws_smoothing_step"
"""Called once per decision."""
KERNELS = (
    "kws_nn_conv_row",
    "kws_nn_pointwise_row",
    "kws_nn_depthwise_row",
    "kws_nn_dense_row",
    "kws_nn_lookup_row",
    "separable_depthwise",
    "separable_pointwise",
)
"""What works on layers with weights, whose address tells the layer."""
WEIGHTLESS_KERNELS = {
    "average pool": ("kws_nn_pool_row", "kws_nn_pool_general_row", "kws_nn_pool_finish"),
    "mean": ("kws_nn_mean_finish",),
    "max pool": ("kws_nn_max_pool_row",),
    "add": ("kws_nn_add_row",),
    "concatenate": ("kws_nn_concat_row",),
    "slice": ("kws_nn_slice_row",),
    "softmax": ("kws_nn_softmax",),
}
"""Operation -> its functions. Without weights nothing tells one layer from another: all of an operation are counted as
one; the sums of a mean are counted with the average pool, if there is one, else with the engine."""
MEASURED_S = 2.0
DURATIONS_S = (1.0, 1.0 + MEASURED_S)
"""Figures are the difference between a run of both lengths: no start-up effects."""
LOUD = 4000.0
WAKING_S = 0.5
"""Sound after the silence."""
MODEL_HEADER_BYTES = 32
SECTION_ENTRY = struct.Struct("<4sIII")


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One run of the emulator."""

    report: CycleReport
    info: BoardInfo
    statistics: Statistics


def measure(bundle: Bundle, board: str) -> BenchResult:
    """Return what a bundle costs on a board.

    Parameters
    ----------
    bundle : Bundle
    board : str
        An emulated board, whose cycles are counted by the model in ``firmware/emulator``; or a real one (port or
        URL), which counts them itself, stage by stage.

    Raises
    ------
    KwsError
        Whatever :func:`kws.device.boards.open_board` raises.
    """
    if board in COUNTED_BOARDS:
        return _measure_emulated(bundle, board)
    if qemu_machine(board) is not None:
        raise ConfigError(
            f"{board}: the cycle model is that of a Cortex-M4; expected {', '.join(COUNTED_BOARDS)}, or the port "
            "of a real board"
        )
    return _measure_real(bundle, board)


def check_board(board: str) -> None:
    """Refuse a board on which `measure` could not count a bundle just made, before it is made.

    Raises
    ------
    ConfigError
        If it is not a board that is started with a bundle, or its emulator counts no cycles.
    """

    def counts(name: str) -> bool:
        return name in COUNTED_BOARDS or is_process(name) or emulated_chip(name) is not None

    if not counts(board):
        raise ConfigError(
            f"--board {board}: expected {', '.join(filter(counts, board_names()))} or none; a real board counts what "
            "is in its flash: kws bench"
        )


def test_signal(seconds: float, sample_rate_hz: int, level: float) -> npt.NDArray[np.int16]:
    """Return noise whose level goes up and down, like speech; the same every time.

    Parameters
    ----------
    seconds : float
    sample_rate_hz : int
    level : float
        Standard deviation at its loudest, of full scale 32768; 0 is silence.
    """
    count = round(seconds * sample_rate_hz)
    noise = np.random.default_rng(1).standard_normal(count)
    envelope = 0.55 - 0.45 * np.cos(2 * np.pi * 3.0 * np.arange(count) / sample_rate_hz)
    return np.clip(level * envelope * noise, -32768, 32767).astype(np.int16)


def _measure_emulated(bundle: Bundle, board: str) -> BenchResult:
    check_system(board)
    program = build_firmware(board, target="kws") / "kws.elf"
    rate_hz = Features(bundle.front_end).sample_rate_hz
    before, after = (_run(bundle, board, program, test_signal(s, rate_hz, LOUD)) for s in DURATIONS_S)
    if after.statistics.gated_frames:
        raise ConfigError(f"{bundle.name}: its gate closes in the loud test signal; expected a gate that opens")
    gated = None if bundle.gate is None else _gate_runs(bundle, bundle.gate, board, program)
    deepest = after if gated is None else gated[-1]
    return BenchResult(
        board=board,
        bundle=Path(bundle.name).stem,
        bundle_crc32=f"{bundle.crc32:08x}",
        clock_hz=after.info.clock_hz,
        source="model of Cortex-M4 cycles at zero wait states (firmware/emulator), not a measurement",
        decisions_per_second=_difference(before, after, DECISION).calls / MEASURED_S,
        stages=_stages(before, after),
        layers=_layers(Model(bundle), before, after),
        memory=_memory(after.info, deepest.statistics, bundle, firmware_bytes=firmware_sizes(program).flash_bytes),
        gate=None if gated is None else _gate_cost(gated),
    )


def _gate_runs(bundle: Bundle, gate: GateConfig, board: str, program: Path) -> tuple[_Run, ...]:
    """Silence until the gate has closed, then sound; the same with more silence; and with one hop more still.

    How much of the pre-roll is heard depends on whether a decision is due.
    """
    features = Features(bundle.front_end)
    hop_s = features.hop_samples / features.sample_rate_hz
    to_close_s = (gate.hangover_frames + Model(bundle).window_frames) * hop_s
    sound = test_signal(WAKING_S, features.sample_rate_hz, LOUD)
    silences = [test_signal(to_close_s + s, features.sample_rate_hz, 0.0) for s in DURATIONS_S]
    silences.append(test_signal(to_close_s + DURATIONS_S[1] + hop_s, features.sample_rate_hz, 0.0))
    return tuple(_run(bundle, board, program, np.concatenate([silence, sound])) for silence in silences)


def _gate_cost(runs: tuple[_Run, ...]) -> GateCost:
    return GateCost(
        closed_cycles_per_second=round(_difference(runs[0], runs[1], FEED).cycles / MEASURED_S),
        waking_cycles=max(run.report.of(FEED).most_cycles for run in runs),
    )


def _measure_real(bundle: Bundle, board: str) -> BenchResult:
    """Stage by stage, from the board's own counter."""
    with tempfile.TemporaryDirectory(prefix="kws-bench-") as name:
        path = Path(name) / "bundle.kws"
        bundle.save(path)
        with open_board(board, bundle=path) as device:
            device.reset(scores=False)
            device.stream(test_signal(MEASURED_S, device.info.sample_rate_hz, LOUD))
            info, statistics = device.info, device.stats()
    costs = {stage.stage: _Cost(calls=stage.calls, cycles=stage.cycles) for stage in statistics.stages}
    return BenchResult(
        board=info.board,
        bundle=Path(bundle.name).stem,
        bundle_crc32=f"{bundle.crc32:08x}",
        clock_hz=info.clock_hz,
        source="counted by the board",
        decisions_per_second=info.sample_rate_hz / info.hop_samples / Model(bundle).decision_frames,
        stages=tuple(_stage(name, cost) for name, cost in costs.items()),
        layers=(),
        memory=_memory(info, statistics, bundle, firmware_bytes=0),
        gate=None,
    )


def _run(bundle: Bundle, board: str, program: Path, signal: npt.NDArray[np.int16]) -> _Run:
    weightless = [name for names in WEIGHTLESS_KERNELS.values() for name in names]
    functions = [FEED, *COUNTED.values(), *weightless]
    with tempfile.TemporaryDirectory(prefix="kws-bench-") as name:
        path = Path(name) / "bundle.kws"
        bundle.save(path)
        address = linker_symbols(program)["kws_bundle_start"]
        watch = Watch(functions=functions, kernels=KERNELS, regions=_regions(bundle, address))
        with open_counted_board(board, path, watch) as counted:
            counted.board.reset(scores=False, times=False)
            counted.board.stream(signal)
            info, statistics = counted.board.info, counted.board.stats()
        return _Run(report=counted.report, info=info, statistics=statistics)


def _regions(bundle: Bundle, address: int) -> list[Region]:
    """Return where the weights of each layer lie on the board."""
    section = bundle.section("MODL") or b""
    base = address + _section_offset(bundle.data, b"MODL")
    owner = ffi.from_buffer("uint8_t[]", section)
    records = ffi.cast("const kws_model_layer_t *", owner + MODEL_HEADER_BYTES)
    return [
        Region(
            name=str(index),
            begin=base + records[index].weights_offset,
            end=base + records[index].weights_offset + records[index].weights_bytes,
        )
        for index in range(len(Model(bundle).layers))
        if records[index].weights_bytes
    ]


def _section_offset(data: bytes, kind: bytes) -> int:
    (count,) = struct.unpack_from("<I", data, 16)
    first = int(lib.KWS_BUNDLE_HEADER_BYTES)
    entries = (SECTION_ENTRY.unpack_from(data, first + index * SECTION_ENTRY.size) for index in range(count))
    return next(int(offset) for name, offset, _, _ in entries if name == kind)


@dataclass(frozen=True, kw_only=True)
class _Cost:
    """Calls and cycles between the end of the warm-up and the end of the run."""

    calls: int
    cycles: int


def _sum(report: CycleReport, function: str, region: str | None = None) -> _Cost:
    rows = [row for row in report.calls if row.function == function and region in (None, row.region)]
    return _Cost(calls=sum(row.calls for row in rows), cycles=sum(row.cycles for row in rows))


def _difference(before: _Run, after: _Run, function: str, region: str | None = None) -> _Cost:
    early, late = _sum(before.report, function, region), _sum(after.report, function, region)
    return _Cost(calls=late.calls - early.calls, cycles=late.cycles - early.cycles)


def _stages(before: _Run, after: _Run) -> tuple[StageCost, ...]:
    costs = {stage: _difference(before, after, function) for stage, function in COUNTED.items()}
    feed = _difference(before, after, FEED)
    rest = feed.cycles - sum(cost.cycles for cost in costs.values())
    return tuple(_stage(name, cost) for name, cost in {"audio": _Cost(calls=feed.calls, cycles=rest), **costs}.items())


def _stage(name: str, cost: _Cost) -> StageCost:
    return StageCost(
        stage=name,
        calls_per_second=cost.calls / MEASURED_S,
        cycles_per_call=round(cost.cycles / cost.calls) if cost.calls else 0,
        cycles_per_second=round(cost.cycles / MEASURED_S),
    )


def _layers(model: Model, before: _Run, after: _Run) -> tuple[LayerCost, ...]:
    decisions = _difference(before, after, DECISION).calls
    costs = []
    alike = Counter(layer.operation for layer in model.layers if not layer.weights_bytes)
    for index, layer in enumerate(model.layers):
        name, macs = f"{index} {layer.operation}", layer.macs_per_decision
        if layer.weights_bytes:
            parts = [_difference(before, after, kernel, str(index)) for kernel in KERNELS]
        else:
            count = alike.pop(layer.operation, 0)
            if not count:
                continue  # told with the first of its kind
            if count > 1:
                name = f"{layer.operation}, all {count}"
                macs = sum(other.macs_per_decision for other in model.layers if other.operation == layer.operation)
            parts = [_difference(before, after, kernel) for kernel in WEIGHTLESS_KERNELS[layer.operation]]
        cycles = round(sum(part.cycles for part in parts) / decisions)
        costs.append(LayerCost(layer=name, macs=macs, cycles=cycles))
    return tuple(costs)


def _memory(info: BoardInfo, statistics: Statistics, bundle: Bundle, *, firmware_bytes: int) -> MemoryCost:
    return MemoryCost(
        static_bytes=info.static_bytes,
        arena_bytes=info.arena_needed_bytes,
        stack_bytes=statistics.stack_peak_bytes,
        firmware_bytes=firmware_bytes,
        bundle_bytes=len(bundle.data),
    )
