# SPDX-License-Identifier: Apache-2.0
"""The ways onto a board, and which is whose.

| way | arguments in ``board.cmake`` | what happens |
|---|---|---|
| ``uf2`` | label of the drive, family, USB ids of application | the image is copied to the bootloader's drive |
| ``samba`` | base of the application, USB ids of bootloader and application | SAM-BA over USB serial |
| ``pyocd`` | target | pyOCD through a debug probe |
| ``openocd`` | configuration | OpenOCD through a debug probe |
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import serial
from serial.tools import list_ports

from kws import extras
from kws.device.build import board_names, board_setting, find_tool
from kws.errors import BoardNotFoundError, ConfigError, DeviceError
from kws.flash.image import Image
from kws.flash.samba import flash_samba
from kws.flash.uf2 import INFO, find_drive, flash_uf2, wait_for_drive

OnProgress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""
_BOOTLOADER_BAUD = 1200
_BOOTLOADER_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a board is flashed."""

    name: str
    arguments: tuple[str, ...]

    def describe(self) -> str:
        """Return it in words."""
        return {
            "uf2": f"copy to the drive {self.arguments[0]}",
            "samba": "SAM-BA over USB serial",
            "pyocd": f"debug probe, by pyOCD ({self.arguments[0]})",
            "openocd": f"debug probe, by OpenOCD ({self.arguments[0]})",
        }[self.name]


def way_of(board: str) -> Way:
    """Return how a board is flashed: the ``KWS_BOARD_FLASH`` of its ``board.cmake``.

    Raises
    ------
    ConfigError
        If it does not say.
    """
    found = board_setting(board, "KWS_BOARD_FLASH")
    if found is None:
        raise ConfigError(
            f"{board}: there is no way to flash it here; boards that have one: {', '.join(flashable_boards())}"
        )
    name, *arguments = found.split()
    return Way(name=name, arguments=tuple(arguments))


def flashable_boards() -> list[str]:
    """Return the boards that say how they are flashed."""
    return [board for board in board_names() if board_setting(board, "KWS_BOARD_FLASH") is not None]


def _usb_ids(text: str) -> tuple[int, int]:
    vendor, _, product = text.partition(":")
    return int(vendor, 16), int(product, 16)


def find_port(ids: str) -> str | None:
    """Return the serial port of a USB device by ``VENDOR:PRODUCT``; None when it is not plugged in.

    Raises
    ------
    ConfigError
        If there are several: the wrong one would be flashed.
    """
    found = sorted(str(port.device) for port in list_ports.comports() if (port.vid, port.pid) == _usb_ids(ids))
    if len(found) > 1:
        raise ConfigError(
            f"there are {len(found)} boards (USB {ids}): {', '.join(found)}; leave one plugged in, or bring the one "
            "into its bootloader (reset twice quickly) and name that (--port or --drive)"
        )
    return found[0] if found else None


def found_probes() -> list[str] | None:
    """Return the debug probes that are plugged in, in words; None when pyOCD, which knows them, is not installed."""
    if find_spec("pyocd") is None:
        return None
    from pyocd.core.helpers import ConnectHelper

    logging.getLogger("pyocd").setLevel(logging.ERROR)
    return [f"{probe.description} ({probe.unique_id})" for probe in ConnectHelper.get_all_connected_probes(False)]


_OPTIONS = {"port": ("samba",), "drive": ("uf2",), "probe": ("pyocd", "openocd")}
"""Which way each option of `flash` says more about."""


def checked_way(board: str, **options: object) -> Way:
    """Return how a board is flashed, when the options given (``port``, ``drive``, ``probe``; None: not given) are its.

    Raises
    ------
    ConfigError
        If the board does not say, or an option is of another way: it would be passed over in silence.
    """
    way = way_of(board)
    for name, value in options.items():
        if value is not None and way.name not in _OPTIONS[name]:
            raise ConfigError(f"--{name} {value}: {board} is not flashed so, but by {way.describe()}")
    return way


def ask_for_bootloader(port: str) -> None:
    """Open a port at 1200 baud and close it: by convention the firmware then restarts into its bootloader."""
    # It vanishes while it is closed.
    with contextlib.suppress(serial.SerialException, OSError), serial.Serial(port, _BOOTLOADER_BAUD) as line:
        line.dtr = False
        time.sleep(0.1)


def probe_command(way: Way, images: Sequence[Image], folder: Path, probe: str | None = None) -> list[str]:
    """Return the command that writes, verifies and restarts through a debug probe; images become files in a folder."""
    files = []
    for number, image in enumerate(images):
        path = folder / f"{number}.bin"
        path.write_bytes(image.data)
        files.append((path, image.address))
    if way.name == "pyocd":
        extras.require("flashing through a debug probe", "flash")
        targets = [f"{path}@{address:#x}" for path, address in files]
        return [
            sys.executable,
            "-m",
            "pyocd",
            "flash",
            "--no-wait",
            "--target",
            way.arguments[0],
            "--erase",
            "sector",
            *(["--uid", probe] if probe else []),
            *targets,
        ]
    steps = "; ".join(f"flash write_image erase {{{path}}} {address:#x} bin" for path, address in files)
    checks = "; ".join(f"verify_image {{{path}}} {address:#x} bin" for path, address in files)
    script = f"init; reset halt; {steps}; {checks}; reset run; shutdown"
    chosen = ["-c", f"adapter serial {{{probe}}}"] if probe else []
    return [find_tool("openocd"), "-f", way.arguments[0], *chosen, "-c", script]


def plan(board: str, images: Sequence[Image]) -> list[str]:
    """Return in words what flashing would do."""
    way = way_of(board)
    lines = [f"{image.name}: {len(image.data):,} bytes to {image.address:#010x}" for image in images]
    return [*lines, f"{board}: {way.describe()}"]


def flash(
    board: str,
    images: Sequence[Image],
    *,
    port: str | None = None,
    drive: Path | None = None,
    probe: str | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> None:
    """Flash images onto a board that is connected.

    Parameters
    ----------
    board : str
    images : sequence of Image
    port : str, optional
        Of its bootloader (``samba``); found by its USB ids when omitted.
    drive : path, optional
        Of its bootloader (``uf2``); found when omitted.
    probe : str, optional
        Serial number of the debug probe (``pyocd``, ``openocd``), of several.
    on_progress : callable, optional

    Raises
    ------
    BoardNotFoundError
        If it is not connected.
    ConfigError
        If there is no way onto it, an option is of another way, or it is not clear which of several boards is meant.
    DeviceError
        If flashing fails.
    ToolMissingError
        If what talks to the probe is not installed.
    """
    way = checked_way(board, port=port, drive=drive, probe=probe)
    if way.name == "uf2":
        label, family, application = way.arguments
        if drive is not None and find_drive(label, [drive]) is None:
            raise ConfigError(f"--drive {drive}: expected the drive of {label}'s bootloader, whose {INFO} names it")
        if drive is None and find_drive(label) is None and (running := find_port(application)):
            ask_for_bootloader(running)
        flash_uf2(drive or wait_for_drive(label, timeout_s=_BOOTLOADER_S), images, int(family, 16), on_progress)
    elif way.name == "samba":
        base, bootloader, application = way.arguments
        port = port or _bootloader_port(bootloader, application)
        try:
            with serial.serial_for_url(port, baudrate=921600) as line:
                flash_samba(line, images, int(base, 16), on_progress)
        except (serial.SerialException, OSError, ValueError) as error:
            raise DeviceError(f"{port}: {error}; reset the board twice quickly and try again") from error
    else:
        if way.name == "pyocd" and probe is None and len(probes := found_probes() or []) > 1:
            raise ConfigError(f"there are {len(probes)} debug probes: {', '.join(probes)}; name one with --probe")
        with tempfile.TemporaryDirectory(prefix="kws-flash-") as folder:
            _run_probe(probe_command(way, images, Path(folder), probe))
        on_progress(1, 1)


def _bootloader_port(bootloader: str, application: str) -> str:
    if running := find_port(application):
        ask_for_bootloader(running)
    ends = time.monotonic() + _BOOTLOADER_S
    while (found := find_port(bootloader)) is None:
        if time.monotonic() > ends:
            raise BoardNotFoundError(
                f"no bootloader (USB {bootloader}) appeared: press the board's reset button twice quickly and run the "
                "command again (or name its port with --port)"
            )
        time.sleep(0.2)
    return found


def _run_probe(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip().splitlines()
        raise DeviceError(
            f"flashing failed: {' '.join(command[:4])} ... says: {' / '.join(words[-3:]) or 'nothing'}. Is the probe "
            "plugged in, and the board powered?"
        )
