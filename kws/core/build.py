"""Build the cffi door to ``firmware/core``: the same C sources the boards run, compiled for this machine.

The declarations are not typed again: the public headers are run through the C preprocessor and handed to cffi.
Run by ``pip install`` (pyproject's ``cffi_modules``) and by ``make core``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import cffi

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "firmware" / "core"
PROTOCOL = ROOT / "firmware" / "protocol"
FLAGS = ["-std=c11", "-O3", "-Wall"]
"""Strict warnings as errors are CMake's job (firmware/CMakeLists.txt); cffi's generated file would not pass them."""
DOOR_HEADERS = [
    "nn/layout.h",
    *(
        f"kws_{name}.h"
        for name in ("status", "arena", "bundle", "decision", "features", "model", "audio", "gate", "preroll",
                     "smoothing", "detection", "pipeline")
    ),
]  # fmt: skip
EXTRA_HEADERS = [Path(__file__).parent / "door.h", Path(__file__).parent / "door_model.h",
                 PROTOCOL / "kws_frame.h", PROTOCOL / "kws_protocol.h"]  # fmt: skip
"""Batch loops over the core's functions, so that Python never loops over frames; and the line to the boards."""


def core_sources() -> list[str]:
    """Return the core's C files from the one list that CMake reads too, relative to the repository root."""
    lines = (CORE / "sources.txt").read_text(encoding="utf-8").split()
    return [os.path.relpath(CORE / line, ROOT) for line in lines]


def declarations() -> str:
    """Return what the public headers declare, preprocessed, without the system headers' own declarations."""
    includes = "".join(f'#include "{name}"\n' for name in DOOR_HEADERS)
    includes += "".join(f'#include "{path}"\n' for path in EXTRA_HEADERS)
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    command = [compiler, "-std=c11", "-E", "-DKWS_CFFI", f"-I{CORE}", f"-I{PROTOCOL}", "-"]
    text = subprocess.run(command, input=includes, capture_output=True, text=True, check=True).stdout
    kept, ours = [], False
    for line in text.splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            ours = str(ROOT) in str(Path(marker[1]).resolve())
        elif ours:
            kept.append(line)
    return re.sub(r"\bvolatile\b", "", "\n".join(kept))


def make_ffi() -> cffi.FFI:
    """Return the configured builder; setuptools calls this through ``cffi_modules``."""
    ffi = cffi.FFI()
    ffi.cdef(declarations())
    includes = "".join(f'#include "{name}"\n' for name in [*DOOR_HEADERS, *(path.name for path in EXTRA_HEADERS)])
    ffi.set_source(
        "kws.core._core",
        includes,
        sources=[*core_sources(), *(os.path.relpath(path.with_suffix(".c"), ROOT) for path in EXTRA_HEADERS)],
        include_dirs=[str(CORE), str(PROTOCOL), str(Path(__file__).parent)],
        depends=[str(path) for folder in (CORE, PROTOCOL, Path(__file__).parent) for path in folder.rglob("*.h")],
        extra_compile_args=FLAGS,
    )
    return ffi


ffi = make_ffi()

if __name__ == "__main__":
    ffi.compile(tmpdir=str(ROOT), verbose=True)
