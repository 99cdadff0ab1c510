# SPDX-License-Identifier: Apache-2.0
"""Runs models on an emulated Cortex-M4, bit for bit the code of a board: many of them in one program."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from kws.device.build import CROSS_COMPILER, find_tool
from kws.device.cycles import Watch, plugin_arguments, read_report

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "firmware" / "core"
EMULATED = ROOT / "tests" / "c" / "emulated"
COMPILE = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", "-std=gnu11", "-O2", "-g", "-ffunction-sections",
           f"-I{CORE}", f"-I{EMULATED}"]  # fmt: skip
LINK = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections",
        "-T", str(EMULATED / "program.ld")]  # fmt: skip
QEMU = ["-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "none", "-semihosting"]
FLASH_BYTES = 900_000
Case = tuple[bytes, npt.NDArray[np.int8]]
"""A MODL section and its windows, shape [windows, frames, features]."""


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def _entry(section: bytes, windows: npt.NDArray[np.int8]) -> bytes:
    body = _padded(section) + _padded(windows.tobytes())
    return struct.pack("<4I", len(_padded(section)), len(windows), 16 + len(body), 0) + body


def run_on_m4(cases: Sequence[Case], folder: Path) -> list[npt.NDArray[np.uint8]]:
    """Return the posteriors of each case, shape [windows, labels]."""
    results, batch, size = [], list[Case](), 0
    for case in cases:
        entry_bytes = len(_entry(*case))
        if batch and size + entry_bytes > FLASH_BYTES:
            results += _run(batch, folder)
            batch, size = [], 0
        batch.append(case)
        size += entry_bytes
    return results + _run(batch, folder)


def count_cycles(section: bytes, windows: npt.NDArray[np.int8], folder: Path) -> tuple[npt.NDArray[np.uint8], int]:
    """Return the posteriors of one model and the cycles of all its steps."""
    _build([(section, windows)], folder)
    arguments = plugin_arguments(folder / "models.elf", folder, Watch(functions=("kws_model_step",)))
    (posteriors,) = _execute([(section, windows)], folder, arguments)
    return posteriors, sum(row.cycles for row in read_report(folder / "models.elf", folder).calls)


def _run(cases: Sequence[Case], folder: Path) -> list[npt.NDArray[np.uint8]]:
    _build(cases, folder)
    return _execute(cases, folder, [])


def _build(cases: Sequence[Case], folder: Path) -> None:
    (folder / "models.bin").write_bytes(b"".join(_entry(*case) for case in cases))
    (folder / "models.S").write_text(
        '.section .rodata\n.global models, num_models\n.balign 16\nmodels: .incbin "models.bin"\n'
        f".balign 4\nnum_models: .word {len(cases)}\n",
        encoding="ascii",
    )
    _, objects = _compiled()
    command = [find_tool(CROSS_COMPILER), *COMPILE, *LINK, *objects, "models.S", "-o", "models.elf"]
    subprocess.run(command, check=True, cwd=folder)


@cache
def _compiled() -> tuple[TemporaryDirectory[str], list[str]]:
    """Return the objects of program and core, compiled once, and the folder they live in until the process ends."""
    sources = [*sorted(CORE.glob("kws_model*.c")), CORE / "kws_arena.c", CORE / "kws_bundle.c"]
    sources += [EMULATED / "models_run.c", EMULATED / "semihosting.c", *sorted(CORE.glob("nn/*.c"))]
    folder = TemporaryDirectory(prefix="kws-models-")
    subprocess.run([find_tool(CROSS_COMPILER), *COMPILE, "-c", *sources], check=True, cwd=folder.name)
    return folder, sorted(map(str, Path(folder.name).glob("*.o")))


def _execute(cases: Sequence[Case], folder: Path, arguments: Sequence[str]) -> list[npt.NDArray[np.uint8]]:
    command = [find_tool("qemu-system-arm"), *QEMU, "-kernel", "models.elf", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=folder)
    lines = iter((done.stdout + done.stderr).split())
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-200:]
    return [
        np.stack([np.frombuffer(bytes.fromhex(next(lines)), np.uint8) for _ in windows]) for _section, windows in cases
    ]
