# SPDX-License-Identifier: Apache-2.0
"""Find a board by name, port or URL, start it where it is a program, and open the line to it."""

from __future__ import annotations

import contextlib
import errno
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import serial
from serial.tools import list_ports

from kws.bundle import Bundle
from kws.core import lib
from kws.device.board import Board
from kws.device.build import board_names
from kws.device.chips import emulated_chip, start_chip
from kws.device.launch import Child, is_process, qemu_machine, start_native, start_qemu
from kws.device.link import Link
from kws.errors import BoardNotFoundError, BoardRefusedError, ConfigError, DeviceError

DEFAULT_BAUD = int(lib.KWS_SERIAL_BAUD)
DEFAULT_TIMEOUT_S = 10.0
_NETWORK_SCHEMES = ("socket", "rfc2217")


def open_board(
    spec: str,
    *,
    bundle: Path | str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    baud: int = DEFAULT_BAUD,
    arena_bytes: int | None = None,
    qemu_arguments: Sequence[str] = (),
    sound: Path | None = None,
) -> Board:
    """Open a board.

    Parameters
    ----------
    spec : str
        ``native``, an emulated board (``netduinoplus2``, ``nrf52840dk``, ...), the path of a folder with such a board
        (one that has a ``board.cmake``), a serial port (``/dev/ttyACM0``,
        ``COM3``), or a pyserial URL (``socket://host:port``).
    bundle : path, optional
        The bundle to run. Native and emulated boards are started with it; a real board must have it in its flash.
    timeout_s : float
        Give up when the board says nothing for so long.
    baud : int
        Of a real serial port.
    arena_bytes : int, optional
        Of the native board.
    qemu_arguments : sequence of str
        More arguments for QEMU.
    sound : path, optional
        Recording that the microphone of an emulated board hears.

    Returns
    -------
    Board
        A context manager; closing it ends what was started.

    Raises
    ------
    AudioError
        If the sound is no recording.
    BoardNotFoundError
        If there is no such board or port.
    BoardRefusedError
        If the board cannot run the bundle, has another one in its flash, or cannot hear the sound.
    BoardTimeoutError, ProtocolError, DeviceError
        If the board does not answer, or not in our protocol, or does not start.
    ToolMissingError
        If the emulator, or what builds the firmware, is not installed.
    """
    path = Path(bundle) if bundle is not None else None
    if sound is not None and emulated_chip(spec) is None:
        names = ", ".join(name for name in board_names() if emulated_chip(name))
        raise BoardRefusedError(f"{spec}: no recording can be played to its microphone; to those of {names} it can")
    if is_process(spec):
        return _open_child(start_native(path, board=spec, arena_bytes=arena_bytes), spec, timeout_s)
    if qemu_machine(spec) is not None:
        return _open_child(start_qemu(spec, path, qemu_arguments=qemu_arguments), spec, timeout_s)
    if emulated_chip(spec) is not None:
        return _open_child(start_chip(spec, path, sound=sound), spec, timeout_s)
    expected = Bundle.load(path) if path is not None else None
    board = Board(Link(open_port(spec, baud, timeout_s), spec, timeout_s))
    if expected is not None and board.info.bundle_crc32 != expected.crc32:
        board.close()
        raise BoardRefusedError(
            f"{spec}: the bundle in its flash (CRC {board.info.bundle_crc32:08x}) is not {path} "
            f"(CRC {expected.crc32:08x}); flash the bundle first"
        )
    return board


@contextlib.contextmanager
def open_link(
    spec: str, *, bundle: Path | None = None, timeout_s: float = DEFAULT_TIMEOUT_S, baud: int = DEFAULT_BAUD
) -> Iterator[Link]:
    """Open the line to a board that may have no bundle, or one that it cannot run; arguments as for `open_board`.

    At the end the board goes back to what it does without a host, and what was started is ended.

    Raises
    ------
    ConfigError
        If a bundle is given for a board that is not emulated.
    """
    child: Child | None = None
    if is_process(spec):
        child = start_native(bundle, board=spec)
    elif qemu_machine(spec) is not None:
        child = start_qemu(spec, bundle)
    elif emulated_chip(spec) is not None:
        child = start_chip(spec, bundle)
    elif bundle is not None:
        raise ConfigError(f"{spec} is no emulated board: it has a bundle of its own, and is not given {bundle}")
    try:
        link = Link(open_port(child.url if child else spec, baud, timeout_s), spec, timeout_s)
        try:
            yield link
        finally:
            with contextlib.suppress(DeviceError):
                link.send(lib.KWS_MESSAGE_GOODBYE)
            link.port.close()
    finally:
        if child is not None:
            child.stop()


def open_port(url: str, baud: int, timeout_s: float) -> serial.SerialBase:
    """Open a serial port or pyserial URL for :class:`kws.device.link.Link`.

    Raises
    ------
    BoardNotFoundError
        If there is none, another program has it open, or it may not be used.
    """
    scheme, _, rest = url.partition("://")
    if scheme in _NETWORK_SCHEMES and not re.match(r"[^/?]+:\d+(?:[/?]|$)", rest):
        raise BoardNotFoundError(f"cannot open {url!r}: expected {scheme}://HOST:PORT")
    alone = {} if "://" in url else {"exclusive": True}
    patience = {} if url.startswith("rfc2217://") else {"write_timeout": timeout_s}  # which that protocol does not have
    try:
        return serial.serial_for_url(url, baudrate=baud, timeout=0, **patience, **alone)
    except (serial.SerialException, OSError, ValueError) as error:
        raise BoardNotFoundError(f"cannot open {url!r}: {_why_not(url, error)}") from error


def _why_not(url: str, error: Exception) -> str:
    """One sentence for each reason that a port does not open, with the way out."""
    number = getattr(error, "errno", None)
    is_windows = sys.platform == "win32"
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error) or (is_windows and "13" in str(error)):
        return "another program has it open (a serial monitor, another kws); close that one"
    if number in (errno.EACCES, errno.EPERM):
        return f"no permission; {_permission(url)}"
    if number in (errno.EIO, errno.ENXIO, errno.ENODEV):
        return "the board behind it is gone; plug it in again"
    if number == errno.ENOTTY or "configure port" in str(error):
        return "it is no serial port"
    what = "there is no such port" if number == errno.ENOENT else str(error)
    return f"{what}; boards here: {_known()}"


def _permission(url: str) -> str:
    try:
        group = Path(url).group()
    except (OSError, KeyError, NotImplementedError):
        return "ask for the rights to use it"
    return f"it belongs to the group {group}: sudo usermod -aG {group} $USER, then log out and in again"


def _known() -> str:
    ports = [port.device for port in list_ports.comports()]
    emulated = [name for name in board_names() if is_process(name) or qemu_machine(name) or emulated_chip(name)]
    return ", ".join([*emulated, *ports]) + ", or a pyserial URL"


def _open_child(child: Child, name: str, timeout_s: float) -> Board:
    try:
        return Board(Link(open_port(child.url, DEFAULT_BAUD, timeout_s), name, timeout_s), child.stop)
    except DeviceError as error:
        words = child.words()
        child.stop()
        if words:
            raise type(error)(f"{error}; it said: {words}") from error
        raise
    except BaseException:
        child.stop()
        raise
