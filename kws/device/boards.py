"""Find a board by name, port or URL, start it where it is a program, and open the line to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import serial
from serial.tools import list_ports

from kws.bundle import Bundle
from kws.core import lib
from kws.device.board import Board
from kws.device.build import board_names
from kws.device.chips import emulated_chip, start_chip
from kws.device.launch import QEMU_MACHINES, Child, start_native, start_qemu
from kws.device.link import Link
from kws.errors import BoardNotFoundError, BoardRefusedError, DeviceError

DEFAULT_BAUD = int(lib.KWS_SERIAL_BAUD)
DEFAULT_TIMEOUT_S = 10.0


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
        ``native``, an emulated board (``netduinoplus2``, ``nrf52840dk``, ...), a serial port (``/dev/ttyACM0``,
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
        WAV that the microphone of an emulated board hears.

    Returns
    -------
    Board
        A context manager; closing it ends what was started.

    Raises
    ------
    BoardNotFoundError
        If there is no such board or port.
    BoardRefusedError
        If the board cannot run the bundle, or has another one in its flash.
    BoardTimeoutError, ProtocolError, DeviceError
        If the board does not answer, or not in our protocol, or does not start.
    ToolMissingError
        If the emulator, or what builds the firmware, is not installed.
    """
    path = Path(bundle) if bundle is not None else None
    if spec == "native":
        return _open_child(start_native(path, arena_bytes=arena_bytes), spec, timeout_s)
    if spec in QEMU_MACHINES:
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


def open_port(url: str, baud: int, timeout_s: float) -> serial.SerialBase:
    """Open a serial port or pyserial URL for :class:`kws.device.link.Link`.

    Raises
    ------
    BoardNotFoundError
        If there is none, or it cannot be opened.
    """
    try:
        return serial.serial_for_url(url, baudrate=baud, timeout=0, write_timeout=timeout_s)
    except (serial.SerialException, OSError, ValueError) as error:
        raise BoardNotFoundError(f"cannot open {url!r} ({error}); boards here: {_known()}") from error


def _known() -> str:
    ports = [port.device for port in list_ports.comports()]
    programs = {"native", *QEMU_MACHINES}
    emulated = [name for name in board_names() if name in programs or emulated_chip(name) is not None]
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
