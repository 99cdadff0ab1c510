"""Build the firmware of a board with CMake and Ninja; find the programs that takes."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from kws import places
from kws.errors import BoardNotFoundError, DeviceError, ToolMissingError

FIRMWARE = places.firmware()
CROSS_COMPILER = "arm-none-eabi-gcc"
INSTALL = {
    CROSS_COMPILER: "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi (or `make tools`)",
    "qemu-system-arm": "apt-get install qemu-system-arm (or `make tools`)",
    "cmake": "pip install cmake (or `make setup`)",
    "ninja": "pip install ninja (or `make setup`)",
    "gcc": "apt-get install gcc",
}
"""Program -> how to get it."""


def find_tool(name: str) -> str:
    """Return the path of a program, from PATH or from this virtual environment.

    Raises
    ------
    ToolMissingError
        If it is not installed; says how to install it.
    """
    places = os.environ.get("PATH", os.defpath) + os.pathsep + str(Path(sys.executable).parent)
    path = shutil.which(name, path=places)
    if path is None:
        raise ToolMissingError(f"{name} is not installed: {INSTALL[name]}")
    return path


def board_names() -> list[str]:
    """Return the boards there is firmware for, sorted."""
    return sorted(path.parent.name for path in (FIRMWARE / "boards").glob("*/board.cmake"))


def needs_cross_compiler(board: str) -> bool:
    """Whether a board is another machine than this one."""
    return "KWS_BOARD_TOOLCHAIN" in (FIRMWARE / "boards" / board / "board.cmake").read_text(encoding="utf-8")


def build_firmware(board: str, *, target: str = "all", folder: Path | None = None) -> Path:
    """Build the firmware of a board if anything changed, and return the folder it lies in.

    Parameters
    ----------
    board : str
        A folder of ``firmware/boards``.
    target : str
        CMake target: an application, or ``all``.
    folder : path, optional
        Where; ``firmware/BOARD`` in :func:`kws.places.build_folder` when omitted.

    Raises
    ------
    BoardNotFoundError
        If there is no such board.
    ToolMissingError
        If the compiler, CMake or Ninja is not installed.
    DeviceError
        If the build fails; carries the compiler's words.
    """
    if board not in board_names():
        raise BoardNotFoundError(f"there is no firmware for board {board!r}; there is for: {', '.join(board_names())}")
    if needs_cross_compiler(board):
        find_tool(CROSS_COMPILER)
    cmake, ninja = find_tool("cmake"), find_tool("ninja")
    build = folder or places.build_folder() / "firmware" / board
    build.mkdir(parents=True, exist_ok=True)
    with open(build / ".lock", "w", encoding="ascii") as lock:  # two tests at once must not build over each other
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (build / "build.ninja").exists():
            _run([cmake, "-S", str(FIRMWARE), "-B", str(build), "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}",
                  f"-DKWS_BOARD={board}"])  # fmt: skip
        _run([cmake, "--build", str(build), "--target", target])
    return build


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip()
        raise DeviceError(f"building the firmware failed: {' '.join(command)}\n{words[-4000:]}")
