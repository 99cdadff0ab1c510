# SPDX-License-Identifier: Apache-2.0
"""Cycle counts of an emulated Cortex-M4: builds the emulator's plug-in, tells it what to watch, reads its report.

The model and its table of costs: ``firmware/emulator/README.md``.
"""

from __future__ import annotations

import bisect
import json
import logging
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from kws import places
from kws.device.build import CROSS_COMPILER, find_compiler, find_tool
from kws.errors import DeviceError

log = logging.getLogger(__name__)
_SOURCES = places.firmware() / "emulator"
_LIBRARY = places.build_folder() / "emulator" / "libkws_cycles.so"
_CC_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden", "-fPIC", "-shared")


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """One function of a firmware image."""

    name: str
    address: int


@dataclass(frozen=True, kw_only=True)
class Region:
    """An address range of the board; the first one that a watched kernel reads names the call."""

    name: str
    begin: int
    end: int
    """One past the last address."""


@dataclass(frozen=True, kw_only=True)
class CallCycles:
    """Calls of one watched function, everything it called included, interrupts excluded."""

    function: str
    region: str
    """Name of the :class:`Region`, or empty."""
    calls: int
    cycles: int
    """Sum over all calls."""
    least_cycles: int
    most_cycles: int


@dataclass(frozen=True, kw_only=True)
class CycleReport:
    """What the emulator counted between power-on and its end."""

    cycles: int
    interrupt_cycles: int
    calls: tuple[CallCycles, ...]
    functions: Mapping[str, int]
    """Cycles by function, without what it called; the most expensive first."""

    def of(self, function: str) -> CallCycles:
        """Return the calls of a watched function, summed over regions.

        Raises
        ------
        DeviceError
            If the function was not watched, or never called.
        """
        rows = [row for row in self.calls if row.function == function]
        if not rows:
            message = f"no call of {function} was counted: watch it, and make the program call it"
            raise DeviceError(message)
        return CallCycles(
            function=function,
            region="",
            calls=sum(row.calls for row in rows),
            cycles=sum(row.cycles for row in rows),
            least_cycles=min(row.least_cycles for row in rows),
            most_cycles=max(row.most_cycles for row in rows),
        )


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What to count apart. Functions that the image does not have are left out."""

    functions: Sequence[str] = ()
    kernels: Sequence[str] = ()
    """Functions whose calls are told apart by the region they read first."""
    regions: Sequence[Region] = ()


def build_plugin() -> Path:
    """Compile the emulator's plug-in unless it is newer than its sources.

    Returns
    -------
    Path
        The shared library.

    Raises
    ------
    ToolMissingError
        If there is no C compiler.
    DeviceError
        If it does not compile.
    """
    sources = sorted(_SOURCES.glob("*.c"))
    newest = max(path.stat().st_mtime for path in _SOURCES.glob("*.[ch]"))
    _LIBRARY.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(_LIBRARY.with_suffix(".lock")):  # two tests at once must not write the same file
        if not _LIBRARY.exists() or _LIBRARY.stat().st_mtime < newest:
            _compile_plugin(sources)
    return _LIBRARY


def _compile_plugin(sources: Sequence[Path]) -> None:
    compiler = find_compiler()
    log.info("compiling the cycle model of the emulator into %s", _LIBRARY)
    fresh = _LIBRARY.with_suffix(".new")
    _run([compiler, *_CC_FLAGS, "-o", str(fresh), *map(str, sources)], "compile the cycle model")
    fresh.replace(_LIBRARY)


def read_symbols(elf: Path) -> list[Symbol]:
    """Return the functions of an image, by address.

    Raises
    ------
    ToolMissingError
        If the cross compiler is not installed.
    DeviceError
        If the file is not an ELF image.
    """
    list_symbols = find_tool(CROSS_COMPILER).removesuffix("gcc") + "nm"
    listing = _run([list_symbols, "--defined-only", "--numeric-sort", str(elf)], f"read {elf}")
    rows = (line.split() for line in listing.splitlines())
    # Mapping symbols ($t, $d) are no functions; the Thumb bit is no part of the address.
    return [
        Symbol(name=row[2], address=int(row[0], 16) & ~1)
        for row in rows
        if len(row) == 3 and row[1] in "tTwW" and not row[2].startswith("$")
    ]


def plugin_arguments(elf: Path, folder: Path, watch: Watch) -> list[str]:
    """Return the emulator's arguments that turn counting on.

    Parameters
    ----------
    elf : Path
        The image to be run.
    folder : Path
        Existing folder that gets the plug-in's input and its report.
    watch : Watch
        What to count apart.

    Returns
    -------
    list of str
        To append to the emulator's command line; :func:`read_report` reads the result once it has ended.
    """
    symbols = {symbol.name: symbol.address for symbol in read_symbols(elf)}
    lines = [f"function {name} {symbols[name]:x}" for name in watch.functions if name in symbols]
    lines += [f"kernel {name} {symbols[name]:x}" for name in watch.kernels if name in symbols]
    lines += [f"interrupt {name} {address:x}" for name, address in symbols.items() if _is_handler(name)]
    lines += [f"region {region.name} {region.begin:x} {region.end:x}" for region in watch.regions]
    (folder / "watch.txt").write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    options = f"file={build_plugin()},watch={folder / 'watch.txt'},out={folder / 'cycles.json'}"
    return ["-plugin", options]


def read_report(elf: Path, folder: Path) -> CycleReport:
    """Return what the plug-in wrote for :func:`plugin_arguments` with the same image and folder.

    Raises
    ------
    DeviceError
        If there is no report: the emulator was killed, or never started.
    """
    path = folder / "cycles.json"
    try:
        report = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        message = f"no cycle report at {path}: the emulator did not end in good order"
        raise DeviceError(message) from error
    return CycleReport(
        cycles=report["cycles"],
        interrupt_cycles=report["interrupt_cycles"],
        calls=tuple(CallCycles(**row) for row in report["calls"]),
        functions=_cycles_by_function(read_symbols(elf), report["histogram"]),
    )


def _is_handler(name: str) -> bool:
    return name.endswith(("_IRQHandler", "_Handler")) and name != "Reset_Handler"


def _cycles_by_function(symbols: Sequence[Symbol], histogram: Sequence[Sequence[int]]) -> dict[str, int]:
    starts = [symbol.address for symbol in symbols]
    cycles: dict[str, int] = {}
    for address, _, spent in histogram:
        index = bisect.bisect_right(starts, address) - 1
        name = symbols[index].name if index >= 0 else "?"
        cycles[name] = cycles.get(name, 0) + spent
    return dict(sorted(cycles.items(), key=lambda item: -item[1]))


def _run(command: Sequence[str], purpose: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"cannot {purpose}: {done.stderr.strip() or f'exit code {done.returncode}'}"
        raise DeviceError(message)
    return done.stdout
