# SPDX-License-Identifier: Apache-2.0
"""Runs the decimator on an emulated Cortex-M4, the code of a board, and counts its cycles."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from kws.device.build import CROSS_COMPILER, find_tool
from kws.device.cycles import Watch, plugin_arguments, read_report

ROOT = Path(__file__).resolve().parents[2]
CORE, EMULATED = ROOT / "firmware" / "core", ROOT / "tests" / "c" / "emulated"
FLAGS = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]
LINK = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections", "-ffunction-sections"]
MACHINE = ["-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "none", "-semihosting"]
GAIN_SHIFT = 3

INPUT = """
.section .rodata
.global input_num_words, input_words
.balign 4
input_num_words: .word {num_words}
input_words: .incbin "words.bin"
"""


def run(words: np.ndarray, folder: Path, *, plain: bool) -> tuple[int, int]:
    """Return a hash of the samples at GAIN_SHIFT and their cycles; ``plain`` leaves the Armv7E-M kernels out."""
    (folder / "words.bin").write_bytes(words.astype("<u2").tobytes())
    (folder / "input.S").write_text(INPUT.format(num_words=len(words)), encoding="ascii")
    sources = [EMULATED / "pdm_decimated.c", EMULATED / "semihosting.c", CORE / "kws_pdm.c",
               *sorted(CORE.glob("dsp/decimate*.c"))]  # fmt: skip
    command = [find_tool(CROSS_COMPILER), *FLAGS, *LINK, *(["-DKWS_PLAIN"] if plain else []), f"-I{CORE}",
               "-T", EMULATED / "program.ld", *sources, "input.S", "-o", "program.elf"]  # fmt: skip
    subprocess.run(command, check=True, cwd=folder)
    elf = folder / "program.elf"
    arguments = plugin_arguments(elf, folder, Watch(functions=["kws_pdm_step"]))
    done = subprocess.run([find_tool("qemu-system-arm"), *MACHINE, "-kernel", "program.elf", *arguments],
                          check=True, cwd=folder, timeout=60, capture_output=True, text=True)  # fmt: skip
    return int(done.stdout + done.stderr), read_report(elf, folder).of("kws_pdm_step").cycles


def hash_of(samples: np.ndarray) -> int:
    """Return the hash that the program makes (FNV-1a over 16-bit values)."""
    result = 2166136261
    for value in samples.astype(np.uint16).tolist():
        result = (result ^ value) * 16777619 & 0xFFFFFFFF
    return result
