# SPDX-License-Identifier: Apache-2.0
"""Start boards that are programs on this machine: the native process, and QEMU for an emulated board."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from kws.device.build import board_folder, board_setting, build_firmware, find_tool, needs_cross_compiler
from kws.device.slots import bundle_flash
from kws.errors import BoardRefusedError, BundleError, DeviceError

START_S = 10.0
STOP_S = 10.0
COUNTED_BOARDS = frozenset({"netduinoplus2"})
"""Those whose cycles ``firmware/emulator`` counts: it models a Cortex-M4."""

KEEPER = 'exec 3<&0; "$@" </dev/null & child=$!; (cat <&3 >/dev/null; kill $child 2>/dev/null) & wait $child'
"""Runs a program until it ends, or until our end of its standard input is closed: however this process ends, the
emulator does not outlive it."""

FIRST_FREE_FD = 10
"""The keeper uses file descriptors below."""


def qemu_machine(board: str) -> str | None:
    """Return the machine of QEMU that emulates a board, as its ``board.cmake`` says (``KWS_BOARD_QEMU``), or None."""
    return board_setting(board, "KWS_BOARD_QEMU")


def is_process(board: str) -> bool:
    """Whether a board is a program on this machine: its ``board.cmake`` names no toolchain."""
    return (board_folder(board) / "board.cmake").is_file() and not needs_cross_compiler(board)


class Child:
    """A program that is a board, and the URL of its serial line.

    Attributes
    ----------
    url : str
        What pyserial opens.
    """

    def __init__(self, command: Sequence[str], *, pass_fds: Sequence[int] = ()) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=list(pass_fds),
            start_new_session=True,  # Ctrl-C is for us; we end the child ourselves
        )
        self.url = ""

    def stop(self) -> None:
        """End the program; harmless when it has ended."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()

    def words(self) -> str:
        """Return what the program said on standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()


def check_system(board: str) -> None:
    """Raise DeviceError on Windows, which has neither pseudo-terminals nor sockets that QEMU could inherit."""
    if sys.platform == "win32":
        raise DeviceError(
            f"{board}: boards that are programs run on Linux and macOS only; on Windows replay to a real board "
            "(--board COM3), use --board host, or run kws in WSL"
        )


def check_bundle_file(bundle: Path | None) -> None:
    """Raise BundleError when the file is not there: the board could only say that it has none."""
    if bundle is not None and not bundle.is_file():
        raise BundleError(f"{bundle}: no such bundle; 'kws train' and 'kws import' make one")


def place_of_bundle(bundle: Path, board: str, firmware: Path) -> int:
    """Return the address of a bundle in a board's flash; raise BoardRefusedError when it has no room for it."""
    flash, size = bundle_flash(board, firmware), bundle.stat().st_size
    if size > flash.room_bytes:
        raise BoardRefusedError(
            f"{bundle}: {size} bytes, but {board} has {flash.room_bytes} bytes of flash for a bundle"
        )
    return flash.address


def start_native(
    bundle: Path | None,
    *,
    board: str = "native",
    arena_bytes: int | None = None,
    app: str = "kws",
    program: Path | None = None,
) -> Child:
    """Start a board that is a process.

    Parameters
    ----------
    bundle : path, optional
        None starts a board without a bundle.
    board : str
        One for which :func:`is_process` is true; it takes the arguments of ``native``.
    arena_bytes : int, optional
        Memory for the pipeline; plenty when omitted.
    app : str
        A folder of ``firmware/apps``.
    program : path, optional
        The firmware; the application is built when omitted.

    Raises
    ------
    DeviceError
        If it does not come up.
    """
    check_system(board)
    check_bundle_file(bundle)
    command = [str(program or build_firmware(board, target=app) / f"{app}.elf")]
    command += ["--bundle", str(bundle)] if bundle else []
    command += ["--arena-bytes", str(arena_bytes)] if arena_bytes is not None else []
    child = Child(command)
    assert child.process.stdout is not None
    ready, _, _ = select.select([child.process.stdout], [], [], START_S)
    child.url = child.process.stdout.readline().decode().strip() if ready else ""
    if not child.url:
        words = child.words()
        child.stop()
        raise DeviceError(f"the board {board} did not start: {words or 'it printed no port'}")
    return child


def start_qemu(
    board: str,
    bundle: Path | None,
    *,
    app: str = "kws",
    program: Path | None = None,
    qemu_arguments: Sequence[str] = (),
) -> Child:
    """Start an emulated board.

    Parameters
    ----------
    board : str
        One with a :func:`qemu_machine`.
    bundle : path, optional
        Loaded where the firmware looks for it; None leaves that flash empty.
    app : str
        A folder of ``firmware/apps``.
    program : path, optional
        The firmware; the application is built when omitted.
    qemu_arguments : sequence of str
        More arguments for QEMU, such as a plug-in that counts cycles.

    Raises
    ------
    ToolMissingError
        If QEMU, or what builds the firmware, is not installed.
    BoardRefusedError
        If the bundle is larger than the flash set aside for it.
    """
    check_system(board)
    check_bundle_file(bundle)
    qemu = find_tool("qemu-system-arm")
    firmware = program or build_firmware(board, target=app) / f"{app}.elf"
    command = [qemu, "-machine", str(qemu_machine(board)), "-kernel", str(firmware), "-display", "none"]
    command += ["-monitor", "none", *qemu_arguments]
    if bundle is not None:
        address = place_of_bundle(bundle, board, firmware)
        command += ["-device", f"loader,file={bundle},addr=0x{address:08x},force-raw=on"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited: the board writes byte by byte
        import fcntl  # not there on Windows

        inherited = fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, FIRST_FREE_FD)
        try:
            child = Child(
                ["sh", "-c", KEEPER, "kws-keeper", *command, *serial_arguments(inherited)], pass_fds=[inherited]
            )
        finally:
            os.close(inherited)
        child.url = f"socket://127.0.0.1:{listener.getsockname()[1]}"
        _wait_until_up(child)
    return child


def serial_arguments(listener: int) -> list[str]:
    """Return the arguments that put the first serial port of a QEMU machine on a listening socket.

    QEMU hands a serial port one byte per turn of its main loop, about 15 kB/s. Through its multiplexer bytes are
    buffered on the way, ten times as fast. An escape character outside 0..255 never comes: all bytes pass.
    """
    line = f"socket,id=line,fd={listener},server=on,wait=off,mux=on"
    return ["-chardev", line, "-serial", "chardev:line", "-echr", "0x100"]


def _wait_until_up(child: Child) -> None:
    """Notice at once when QEMU refuses its arguments; a machine that runs says nothing."""
    time.sleep(0.1)
    if child.process.poll() is not None:
        words = child.words()
        child.stop()
        raise DeviceError(f"QEMU did not start: {words}")
