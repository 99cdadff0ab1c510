# SPDX-License-Identifier: Apache-2.0
"""The table of compilers and processors that the core is built with, and how each build is run.

Everything runs here: processors with an M are emulated as such by QEMU's MPS2 boards, ARM mode and Armv6 by its
Versatile board, all with newlib's stdio over semihosting.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
PEDANTIC = ["-Wpedantic", "-Wno-overlength-strings"]  # assembly of more than 4095 characters in a string
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Werror", *PEDANTIC]
LINKER_SCRIPT = ROOT / "tests" / "c" / "emulated" / "stdio.ld"
NEWLIB = "/usr/lib/arm-none-eabi/include"


@dataclass(frozen=True, kw_only=True)
class Processor:
    """A processor: how to compile for it, and the board of QEMU that runs it; None runs on this machine."""

    flags: tuple[str, ...] = ()
    machine: tuple[str, ...] | None = None
    ram_start: int = 0


def _cortex_m(name: str, machine: str, ram_start: int = 0) -> Processor:
    return Processor(flags=(f"-mcpu=cortex-{name}", "-mthumb"), machine=("-M", machine), ram_start=ram_start)


def _cortex_a(cpu: str, *flags: str) -> Processor:
    return Processor(flags=flags, machine=("-M", "versatilepb", "-cpu", cpu), ram_start=0x200000)


PROCESSORS = {
    "host": Processor(),
    "m0": _cortex_m("m0", "mps2-an385"),  # a Cortex-M3, which runs all that a Cortex-M0 does
    "m3": _cortex_m("m3", "mps2-an385"),
    "m4": _cortex_m("m4", "mps2-an386"),
    "m7": _cortex_m("m7", "mps2-an500"),
    "m33": _cortex_m("m33", "mps2-an505", 0x10000000),
    "arm mode": _cortex_a("cortex-a8", "-march=armv7-a", "-marm"),
    "thumb of armv7-a": _cortex_a("cortex-a8", "-march=armv7-a", "-mthumb"),
    "armv6": _cortex_a("arm1136", "-march=armv6", "-marm"),
}
BUILDS = [
    ("gcc", "host", "-O0"),
    ("gcc", "host", "-O3 -fno-omit-frame-pointer"),
    ("clang", "host", "-O2"),
    *(("gcc", "m4", options) for options in ("-O0", "-O2 -fno-omit-frame-pointer", "-O1 -DKWS_PLAIN")),
    ("gcc", "m7", "-O1"),
    *(("clang", "m4", level) for level in ("-O0", "-O3")),
    ("gcc", "m0", "-O2"),
    ("gcc", "m33", "-Os"),
    *(("gcc", name, "-O2") for name in ("arm mode", "armv6")),
]
"""Family, processor, options: every compiler, level, mode and instruction set once. What `make test` builds."""
MORE_BUILDS = [
    *(("gcc", "m4", level) for level in ("-O1", "-O2", "-O3", "-Os")),
    ("gcc", "m4", "-O2 -DKWS_PLAIN"),
    *(("clang", "m4", level) for level in ("-O2", "-Os")),
    *(("gcc", name, "-O2") for name in ("m3", "m7", "m33", "thumb of armv7-a")),
    ("clang", "m0", "-Os"),
    ("clang", "m33", "-O3"),
]
"""Other pairings of the same: `make check-compilers` builds these too."""


def tool(name: str) -> str:
    """Return the path of a program; a missing one fails the test, with how to get it."""
    path = shutil.which(name)
    assert path is not None, f"{name} is not installed: run `make tools`"
    return path


def compiler(family: str, processor: str, *, cpp: bool = False) -> list[str]:
    """Return the command that compiles for a processor, without options of the build."""
    target = PROCESSORS[processor]
    program = {"gcc": "g++" if cpp else "gcc", "clang": "clang++" if cpp else "clang"}[family]
    standard = "-std=c++17" if cpp else "-std=c11"
    if cpp:
        standard += " -fno-exceptions -fno-rtti -fno-threadsafe-statics"  # as firmware does: no library of C++
    if target.machine is None:
        return [tool(program), *standard.split()]
    if family == "gcc":
        return [
            tool(f"arm-none-eabi-{program}"),
            *standard.split(),
            *target.flags,
            "-mfloat-abi=soft",
            "-Wa,--fatal-warnings",
        ]
    # The ABI of arm-none-eabi-gcc, whose library the program is linked with.
    abi = ["--target=arm-none-eabi", "-isystem", NEWLIB, "-mfloat-abi=soft", "-fshort-enums"]
    return [tool(program), *standard.split(), *abi, *target.flags]


def compile_files(command: list[str], files: list[Path], folder: Path) -> list[Path]:
    """Compile files into a new folder and return the objects; any word of the compiler is a failure."""
    folder.mkdir()
    done = subprocess.run([*command, *WARNINGS, f"-I{FIRMWARE}", "-c", *map(str, files)], cwd=folder,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    objects = sorted(folder.glob("*.o"))
    assert len(objects) == len(files), "two files of one name"
    return objects


def core_sources() -> list[Path]:
    """Return the files of the core."""
    return [FIRMWARE / "core" / line for line in (FIRMWARE / "core" / "sources.txt").read_text().split()]


def link(processor: str, objects: list[Path], program: Path) -> Path:
    """Link objects into a program that :func:`run` takes."""
    target = PROCESSORS[processor]
    command = compiler("gcc", processor)
    if target.machine is not None:
        command += ["--specs=rdimon.specs", "-T", str(LINKER_SCRIPT), f"-Wl,--defsym=RAM_START={target.ram_start}"]
        command += ["-Wl,--no-warn-rwx-segments"]
    linked = [*command, *map(str, objects), "-o", str(program)]
    done = subprocess.run(linked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def run(processor: str, program: Path, arguments: list[str], stdin: bytes = b"") -> str:
    """Return what a program prints."""
    target = PROCESSORS[processor]
    command = [str(program), *arguments]
    if target.machine is not None:
        line = ",".join(f"arg={argument}" for argument in ("program", *arguments))
        command = [tool("qemu-system-arm"), *target.machine, "-display", "none", "-monitor", "none", "-serial", "none",
                   "-semihosting-config", f"enable=on,target=native,{line}", "-kernel", str(program)]  # fmt: skip
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode()
