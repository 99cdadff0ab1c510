# SPDX-License-Identifier: Apache-2.0
"""Build the cffi door to ``firmware/core``: the same C sources the boards run, compiled for this machine.

The declarations are not typed again: the public headers are run through the C preprocessor and handed to cffi.
Run by ``pip install`` (pyproject's ``cffi_modules``) and by ``make core``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import cffi

ROOT = Path(__file__).resolve().parents[2]
"""setuptools runs this file by itself, before the packages that kws needs are installed: it cannot ask kws.places."""
HERE = ROOT / "kws" / "core"
CORE = ROOT / "firmware" / "core"
PROTOCOL = ROOT / "firmware" / "protocol"
MSVC = sys.platform == "win32" and "GCC" not in sys.version
"""Whether extensions are compiled by Microsoft's compiler, as they are unless this Python itself is MinGW's."""
STANDARD = "/std:c11" if MSVC else "-std=c11"
FLAGS = [STANDARD, "/O2"] if MSVC else [STANDARD, "-O3", "-g0", "-Wall"]
"""Strict warnings as errors are CMake's job (firmware/CMakeLists.txt); cffi's generated file would not pass them.
No debug information: it names folders of the machine that builds a wheel, and is two thirds of its library."""
DOOR_HEADERS = [
    "nn/layout.h",
    *(
        f"kws_{name}.h"
        for name in ("status", "arena", "bundle", "decision", "features", "model", "audio", "gate", "preroll",
                     "dc_blocker", "pdm_table", "pdm", "smoothing", "detection", "pipeline", "cascade", "update")
    ),
]  # fmt: skip
EXTRA_HEADERS = [HERE / "door.h", HERE / "door_cascade.h", HERE / "door_model.h",
                 PROTOCOL / "kws_packet.h", PROTOCOL / "kws_protocol.h"]  # fmt: skip
"""Batch loops over the core's functions, so that Python never loops over frames; and the line to the boards."""


def core_sources() -> list[str]:
    """Return the core's C files from the one list that CMake reads too, relative to the repository root."""
    lines = (CORE / "sources.txt").read_text(encoding="utf-8").split()
    return [os.path.relpath(CORE / line, ROOT) for line in lines]


def declarations() -> str:
    """Return what the public headers declare, preprocessed, without the system headers' own declarations."""
    includes = "".join(f'#include "{name}"\n' for name in DOOR_HEADERS)
    includes += "".join(f'#include "{path}"\n' for path in EXTRA_HEADERS)
    kept, ours = [], False
    for line in _preprocessed(includes).splitlines():
        marker = re.match(r'#(?:line)? \d+ "([^"]*)"', line)
        if marker:
            ours = str(ROOT) in str(Path(marker[1].replace("\\\\", "\\")).resolve())
        elif ours:
            kept.append(line)
    return re.sub(r"\bvolatile\b", "", "\n".join(kept))


def _preprocessed(source: str) -> str:
    """Return C source after preprocessing, with the markers that tell which file a line is from."""
    with tempfile.TemporaryDirectory(prefix="kws-core-") as folder:
        file = Path(folder) / "door.c"
        file.write_text(source, encoding="utf-8")
        default = "cl" if MSVC else sysconfig.get_config_var("CC") or "cc"
        compiler = (os.environ.get("CC") or default).split()[0]
        command = [compiler, STANDARD, "-E", "-DKWS_CFFI", f"-I{CORE}", f"-I{PROTOCOL}", str(file)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise SystemExit(
                f"kws is compiled when it is installed, and there is no C compiler {compiler!r}: install one, "
                "or name yours in the environment variable CC"
            ) from None
    if done.returncode:
        raise SystemExit(f"the headers of firmware/core cannot be read: {' '.join(command)}\n{done.stderr}")
    return done.stdout


def make_ffi() -> cffi.FFI:
    """Return the configured builder; setuptools calls this through ``cffi_modules``."""
    ffi = cffi.FFI()
    ffi.cdef(declarations())
    includes = "".join(f'#include "{name}"\n' for name in [*DOOR_HEADERS, *(path.name for path in EXTRA_HEADERS)])
    ffi.set_source(
        "kws.core._core",
        includes,
        sources=[*core_sources(), *(os.path.relpath(path.with_suffix(".c"), ROOT) for path in EXTRA_HEADERS)],
        include_dirs=[str(CORE), str(PROTOCOL), str(HERE)],
        depends=[os.path.relpath(path, ROOT) for folder in (CORE, PROTOCOL, HERE) for path in folder.rglob("*.h")],
        extra_compile_args=FLAGS,
    )
    return ffi


ffi = make_ffi()

if __name__ == "__main__":
    ffi.compile(tmpdir=str(ROOT), verbose=True)
