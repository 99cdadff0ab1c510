# SPDX-License-Identifier: Apache-2.0
"""Build the firmware of a board with CMake and Ninja; find the programs that takes."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from kws import extras, places
from kws.errors import BoardNotFoundError, ConfigError, DeviceError, ToolMissingError

FIRMWARE = places.firmware()
CROSS_COMPILER = "arm-none-eabi-gcc"
DEBIAN = {
    CROSS_COMPILER: "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
    "openocd": "openocd",
}
"""Program -> its packages."""
HOMEBREW = {CROSS_COMPILER: "--cask gcc-arm-embedded", "qemu-system-arm": "qemu", "openocd": "open-ocd"}
"""The same on macOS."""

log = logging.getLogger(__name__)


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
        raise ToolMissingError(f"{name} is not installed; {_how_to_get(name)}")
    return path


def find_compiler() -> str:
    """Return the C compiler of this machine: the environment variable CC, cc, gcc or clang.

    Raises
    ------
    ToolMissingError
        If there is none; says how to install it.
    """
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and (path := shutil.which(name)):
            return path
    get = "xcode-select --install" if sys.platform == "darwin" else "sudo apt-get install gcc libc6-dev"
    raise ToolMissingError(f"there is no C compiler (cc, gcc, clang); run: {get}")


def _how_to_get(name: str) -> str:
    """Return the command that installs a program on this system, as far as we know one."""
    if name not in DEBIAN:  # in the extra `firmware`
        return f"run: {extras.pip_install([name])}"
    if sys.platform == "darwin":
        return f"run: brew install {HOMEBREW[name]}"
    if shutil.which("apt-get"):
        return f"run: sudo apt-get install {DEBIAN[name]}"
    return f"install what Debian calls {DEBIAN[name]}"


def board_names() -> list[str]:
    """Return the boards there is firmware for, sorted."""
    return sorted(path.parent.name for path in (FIRMWARE / "boards").glob("*/board.cmake"))


def board_folder(board: str) -> Path:
    """Return the folder of a board: one of ``firmware/boards`` by its name, any other by its path."""
    return FIRMWARE / "boards" / board if Path(board).name == board else Path(board).resolve()


def board_setting(board: str, name: str) -> str | None:
    """Return what a board's ``board.cmake`` sets a variable to, or None: there is no such board, or it does not."""
    path = board_folder(board) / "board.cmake"
    if not path.is_file():
        return None
    found = re.search(rf"set\({name}\s+([^)]+)\)", path.read_text(encoding="utf-8"))
    return found[1].strip() if found else None


def needs_cross_compiler(board: str) -> bool:
    """Whether a board is another machine than this one."""
    return board_setting(board, "KWS_BOARD_TOOLCHAIN") is not None


def build_firmware(
    board: str, *, target: str = "all", folder: Path | None = None, update_key: Path | None = None
) -> Path:
    """Build the firmware of a board if anything changed, and return the folder it lies in.

    Parameters
    ----------
    board : str
        A folder of ``firmware/boards``, or the path of a board's folder elsewhere.
    target : str
        CMake target: an application, or ``all``.
    folder : path, optional
        Where; ``firmware/BOARD`` in :func:`kws.places.build_folder` when omitted.
    update_key : path, optional
        Public key of :mod:`kws.device.signature`: the firmware takes bundles over its line only when signed with it.

    Raises
    ------
    BoardNotFoundError
        If there is no such board.
    ConfigError
        If there is no such key, or the board takes no bundles over its line.
    ToolMissingError
        If the compiler, CMake or Ninja is not installed.
    DeviceError
        If the build fails; carries the compiler's words.
    """
    source = board_folder(board)
    if not (source / "board.cmake").is_file():
        raise BoardNotFoundError(
            f"there is no firmware for board {board!r}; there is for: {', '.join(board_names())}, and for any folder "
            "with a board.cmake, by its path"
        )
    if update_key is not None:
        _check_key(board, update_key)
    if needs_cross_compiler(board):
        find_tool(CROSS_COMPILER)
    else:
        find_compiler()
    cmake, ninja = find_tool("cmake"), find_tool("ninja")
    build = folder or places.build_folder() / "firmware" / _build_name(source, update_key)
    build.mkdir(parents=True, exist_ok=True)
    with FileLock(build / ".lock"):  # two tests at once must not build over each other
        configured = (build / "build.ninja").exists()
        if configured and _is_built(build, target):
            return build
        log.info("building the firmware of %s in %s", board, build)
        if not configured:
            _run([cmake, "-S", str(FIRMWARE), "-B", str(build), "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}",
                  f"-DKWS_BOARD={source.name}", f"-DKWS_BOARD_DIR={source}",
                  f"-DKWS_UPDATE_PUBLIC_KEY={update_key.resolve() if update_key else ''}"])  # fmt: skip
        _run([cmake, "--build", str(build), "--target", target])
    return build


def _check_key(board: str, key: Path) -> None:
    if not key.is_file() or not re.fullmatch(r"[0-9a-f]{64}\n?", key.read_text(encoding="utf-8", errors="replace")):
        raise ConfigError(
            f"{key}: expected a public key, a line of 64 hexadecimal digits; 'kws sign new-key' makes one"
        )
    if board_setting(board, "KWS_BOARD_FLASH_PAGE_BYTES") is None:
        raise ConfigError(f"{board} takes no bundles over its serial line, so it has no use for a key")


def _build_name(source: Path, update_key: Path | None) -> str:
    """Of the build folder of a board; neither two boards of one name outside the tree nor two keys share it."""
    parts = [] if source.parent == FIRMWARE / "boards" else [str(source)]
    if update_key:  # and what it holds: CMake looks at the time of the file, which one that is moved there brings along
        parts.append(f"{update_key.resolve()} {update_key.read_text(encoding='utf-8')}")
    return "-".join([source.name, *(hashlib.sha256(part.encode()).hexdigest()[:8] for part in parts)])


def _is_built(build: Path, target: str) -> bool:
    """Ask the folder's own Ninja: another one would make it forget what is built, and CMake takes long to start."""
    cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    own = re.search(r"^CMAKE_MAKE_PROGRAM:\w+=(.+)$", cache, re.MULTILINE)
    if own is None or not Path(own[1]).exists():
        return False
    return "no work to do" in _run([own[1], "-C", str(build), "-n", target])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip()
        raise DeviceError(f"building the firmware failed: {' '.join(command)}\n{words[-4000:]}")
    return done.stdout
