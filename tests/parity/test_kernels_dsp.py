# SPDX-License-Identifier: Apache-2.0
"""The Armv7E-M kernels give the bits of the plain ones, over random shapes, on the emulated Cortex-M4."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kws.device.build import CROSS_COMPILER, find_tool

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "firmware" / "core"
EMULATED = ROOT / "tests" / "c" / "emulated"
CPU = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
LINK = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections"]
QEMU = ["-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "none", "-semihosting"]


def run_emulated(name: str, sources: list[Path], optimisation: str, folder: Path) -> str:
    """Build a program with parts of the core, run it and return what it printed."""
    program = folder / f"{name}.elf"
    files = [EMULATED / f"{name}.c", EMULATED / "semihosting.c", *sources]
    compile_ = [find_tool(CROSS_COMPILER), *CPU, "-std=c11", optimisation, "-ffunction-sections", *WARNINGS]
    places = [f"-I{CORE}", f"-I{EMULATED}", "-T", EMULATED / "program.ld"]
    subprocess.run([*compile_, *places, *LINK, *files, "-o", program], check=True)
    command = [find_tool("qemu-system-arm"), *QEMU, "-kernel", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("optimisation", ["-O2", "-Os"])
def test_kernels_agree_on_the_emulated_cortex_m4(tmp_path: Path, optimisation: str) -> None:
    sources = [EMULATED / "plain_kernels.c", *sorted(CORE.glob("nn/*.c"))]
    printed = run_emulated("kernels_agree", sources, optimisation, tmp_path)
    for kernel in ("paired", "stencil", "separable", "quads", "pool"):
        assert f"{kernel} agrees" in printed


def test_sums_agree_on_the_emulated_cortex_m4(tmp_path: Path) -> None:
    assert "sums agree" in run_emulated("sums_agree", sorted(CORE.glob("dsp/sums*.c")), "-O2", tmp_path)


def test_copies_of_memory_agree_on_the_emulated_cortex_m4(tmp_path: Path) -> None:
    memory = ROOT / "firmware" / "mcu" / "armv7em" / "memory.c"
    assert "memory agrees" in run_emulated("memory_agrees", [memory], "-O2", tmp_path)
