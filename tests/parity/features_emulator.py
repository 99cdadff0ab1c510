# SPDX-License-Identifier: Apache-2.0
"""Runs the front end on an emulated Cortex-M4, bit for bit the code of a board, and counts its cycles."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from kws.device.build import CROSS_COMPILER, find_tool
from kws.device.cycles import CycleReport, Watch, plugin_arguments, read_report
from kws.features import Features

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "firmware" / "core"
CPU = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"]
FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{CORE}"]
LINK = [
    "-nostartfiles", "-specs=nano.specs", "-Wl,-Ttext=0x08000100", "-Wl,-Tbss=0x20000000",
    "-Wl,--section-start=.vectors=0x08000000", "-Wl,--defsym=__stack_top=0x20020000", "-Wl,-eReset_Handler",
]  # fmt: skip
MACHINE = ["-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "none"]

INPUT = """
.section .rodata
.global input_section_bytes, input_num_samples, input_section, input_samples
.balign 16
input_section: .incbin "section.bin"
.balign 16
input_samples: .incbin "samples.bin"
.balign 4
input_section_bytes: .word {section_bytes}
input_num_samples: .word {num_samples}
"""


@cache
def _compiled(plain: bool) -> tuple[TemporaryDirectory[str], list[str]]:
    """Return the objects of program and core, compiled once, and the folder they live in until the process ends."""
    sources = [
        ROOT / "tests" / "c" / "features_on_m4.c",
        *(CORE / f"kws_{name}.c" for name in ("arena", "bundle", "features", "features_read", "micro")),
        *sorted(CORE.glob("dsp/*.c")),
    ]
    folder = TemporaryDirectory(prefix="kws-features-")
    choice = ["-DKWS_PLAIN"] if plain else []
    subprocess.run([find_tool(CROSS_COMPILER), *CPU, *FLAGS, *choice, "-c", *map(str, sources)],
                   check=True, cwd=folder.name)  # fmt: skip
    return folder, sorted(map(str, Path(folder.name).glob("*.o")))


def build(features: Features, samples: npt.NDArray[np.int16], folder: Path, *, plain: bool = False) -> Path:
    """Link program, section and samples into an image; ``plain`` leaves the Armv7E-M kernels out."""
    _, objects = _compiled(plain)
    (folder / "section.bin").write_bytes(features.section)
    (folder / "samples.bin").write_bytes(samples.astype("<i2").tobytes())
    text = INPUT.format(section_bytes=len(features.section), num_samples=len(samples))
    (folder / "input.S").write_text(text, encoding="ascii")
    command = [find_tool(CROSS_COMPILER), *CPU, *LINK, *objects, "input.S", "-o", "program.elf"]
    subprocess.run(command, check=True, cwd=folder)
    return folder / "program.elf"


def run(
    features: Features, samples: npt.NDArray[np.int16], folder: Path, *, watch: Sequence[str] = (), plain: bool = False
) -> tuple[npt.NDArray[np.int8], CycleReport]:
    """Return the features [num_frames, num_features] of one recording and the cycles spent."""
    elf = build(features, samples, folder, plain=plain)
    arguments = plugin_arguments(elf, folder, Watch(functions=watch))
    command = [find_tool("qemu-system-arm"), *MACHINE, "-semihosting", "-kernel", "program.elf", *arguments]
    subprocess.run(command, check=True, cwd=folder, timeout=60)
    output = np.fromfile(folder / "features.bin", dtype=np.int8).reshape(-1, features.num_features)
    return output, read_report(elf, folder)
