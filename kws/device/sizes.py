# SPDX-License-Identifier: Apache-2.0
"""How much of a chip a firmware takes: flash, RAM, stack."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kws.device.build import CROSS_COMPILER, find_tool


@dataclass(frozen=True, kw_only=True)
class FirmwareSizes:
    """Sizes of one program, without a bundle."""

    program: str
    flash_bytes: int
    """Code, constants and the initial values of data."""
    static_bytes: int
    """RAM of data and buffers."""
    reserved_stack_bytes: int
    """How far the stack may grow; `kws bench` measures how far it does."""
    arena_bytes: int
    """RAM left for the pipeline."""
    bundle_bytes: int
    """Flash set aside for the bundle."""
    deepest_frames: tuple[tuple[str, int], ...]
    """The functions with the largest stack frames, and their bytes."""


def binutil(name: str, *arguments: str) -> str:
    """Return what a tool of the cross compiler's family (``nm``, ``size``, ``objdump``) prints."""
    command = [find_tool(CROSS_COMPILER).removesuffix("gcc") + name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def linker_symbols(program: Path) -> dict[str, int]:
    """Return the addresses that the linker script gives names to, such as ``kws_bundle_start``."""
    symbols = re.findall(r"^(\w+) \w (kws_\w+_(?:start|end))$", binutil("nm", str(program)), re.MULTILINE)
    return {name: int(address, 16) for address, name in symbols}


def firmware_sizes(program: Path) -> FirmwareSizes:
    """Measure a program of an Armv7E-M board, built by :func:`kws.device.build.build_firmware`.

    Parameters
    ----------
    program : path
        ``build/firmware/BOARD/NAME.elf``.

    Raises
    ------
    ToolMissingError
        If the cross compiler is not installed.
    """
    sections = dict(re.findall(r"^(\.[\w.]+)\s+(\d+)", binutil("size", "-A", str(program)), re.MULTILINE))
    symbols = linker_symbols(program)

    def between(name: str) -> int:
        return symbols[f"kws_{name}_end"] - symbols[f"kws_{name}_start"]

    return FirmwareSizes(
        program=program.stem,
        flash_bytes=sum(int(sections.get(name, 0)) for name in (".text", ".rodata", ".ARM.exidx", ".data")),
        static_bytes=between("data") + between("bss"),
        reserved_stack_bytes=between("stack"),
        arena_bytes=between("arena"),
        bundle_bytes=between("bundle"),
        deepest_frames=_deepest_frames(program),
    )


def _deepest_frames(program: Path, count: int = 3) -> tuple[tuple[str, int], ...]:
    """Read the compiler's notes (``-fstack-usage``) on the functions that are in the program."""
    linked = set(re.findall(r"^\w+ [tT] (\S+)$", binutil("nm", str(program)), re.MULTILINE))
    frames = {}
    for note in program.parent.rglob("*.su"):
        for line in note.read_text(encoding="utf-8").splitlines():
            where, size, _ = line.split("\t")
            frames[where.rsplit(":", 1)[-1]] = int(size)
    here = [(name, size) for name, size in frames.items() if name in linked]
    return tuple(sorted(here, key=lambda frame: -frame[1])[:count])


def describe(sizes: FirmwareSizes) -> str:
    """Return the sizes as one paragraph for a terminal."""
    frames = ", ".join(f"{name} {size}" for name, size in sizes.deepest_frames)
    return (
        f"{sizes.program}: flash {sizes.flash_bytes:,} bytes (and {sizes.bundle_bytes:,} free for a bundle); "
        f"RAM {sizes.static_bytes:,} static + {sizes.reserved_stack_bytes:,} reserved for the stack, "
        f"{sizes.arena_bytes:,} left for the arena; largest stack frames: {frames}"
    )
