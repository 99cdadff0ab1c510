# SPDX-License-Identifier: Apache-2.0
"""Boards of a pool: which there are (``boards.toml``), one program at a time on each, the right bundle in its flash."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kws.bundle import Bundle
from kws.errors import BoardNotFoundError, BoardRefusedError, ConfigError, DeviceError
from kws.files import StrPath
from kws.harness.listener import HOST, Listener, open_listener
from kws.places import cache_folder
from kws.suite import labgrid
from kws.suite.keys import Key, read_toml

KEYS = (
    Key(
        name="boards",
        kind="tables",
        required=True,
        what="the boards: [[boards]]",
        inside=(
            Key(name="board", kind="text", what="host, native, an emulated board, a serial port or a pyserial URL"),
            Key(name="name", kind="text", what="what results call it; as board when omitted"),
            Key(
                name="count",
                kind="whole",
                least=1,
                what="so many of them, for boards that are programs; 1 when omitted",
            ),
            Key(
                name="flash",
                kind="text",
                what="which board it is (kws flash --list): flashed when its bundle is another",
            ),
            Key(name="labgrid", kind="text", what="environment of labgrid, instead of board"),
            Key(name="target", kind="text", what="which target of that environment; main when omitted"),
        ),
    ),
)
"""Keys of a pool."""
_RETURN_S = 15.0
"""A board that was flashed is back on its port within this time."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One board of a pool, open or not."""

    name: str
    board: str
    """As for ``--board``."""
    flash: str | None = None
    labgrid: Path | None = None
    target: str = "main"

    @property
    def is_program(self) -> bool:
        """Whether it is started here, so that nobody else can have it."""
        from kws.device.chips import emulated_chip
        from kws.device.launch import is_process, qemu_machine

        if self.labgrid is not None:
            return False
        return (
            self.board == HOST or is_process(self.board) or bool(qemu_machine(self.board) or emulated_chip(self.board))
        )

    @property
    def is_counted(self) -> bool:
        """Whether an emulator counts its cycles, and tells when it is closed."""
        from kws.device.launch import COUNTED_BOARDS

        return self.board in COUNTED_BOARDS


def read_pool(path: StrPath) -> list[Place]:
    """Read the boards of a pool.

    Raises
    ------
    ConfigError
        If the file cannot be read, or has a key or value that it cannot have.
    """
    path = Path(path)
    places: list[Place] = []
    for values in read_toml(path, KEYS, "pool of boards")["boards"]:
        places += _places(path, values)
    names = [place.name for place in places]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"{path}: two boards are named {twice[0]!r}; give them names, or a count")
    return places


def _places(path: Path, values: Mapping[str, Any]) -> list[Place]:

    if ("board" in values) == ("labgrid" in values):
        raise ConfigError(f"{path}: expected board, or labgrid, in each of the boards; give one of them")
    name = values.get("name") or values.get("board") or f"labgrid:{values.get('target', 'main')}"
    place = Place(
        name=name,
        board=values.get("board", ""),
        flash=values.get("flash"),
        labgrid=path.parent / values["labgrid"] if "labgrid" in values else None,
        target=values.get("target", "main"),
    )
    count = values.get("count", 1)
    if count > 1 and not place.is_program:
        raise ConfigError(f"{path}: {name}: expected a count of boards that are programs; a port has one board")
    return [place] if count == 1 else several(place, count)


def several(place: Place, count: int) -> list[Place]:
    """Return so many boards of a kind, numbered from 1."""
    return [
        Place(name=f"{place.name}-{number}", board=place.board, flash=place.flash) for number in range(1, count + 1)
    ]


@contextmanager
def open_place(
    place: Place, bundle: Path, *, operating_point: int | None, features: bool, count_cycles: bool
) -> Iterator[Listener]:
    """Open a board of a pool; what is a port is locked, so that no other program of ours can use it meanwhile.

    Raises
    ------
    BoardNotFoundError
        If there is none, or another program has it.
    BundleError, DeviceError, ToolMissingError
        As `kws.harness.listener.open_listener`.
    """
    with _alone(place), _port(place) as port:
        if place.flash is not None:
            _flash_if_other(place, port, bundle)
        with open_listener(
            port, bundle, operating_point=operating_point, features=features, count_cycles=count_cycles
        ) as listener:
            yield listener


def lock_of(place: Place) -> FileLock:
    """Return the lock of a board's port, which all programs of ours on this computer share."""
    folder = cache_folder() / "ports"
    folder.mkdir(parents=True, exist_ok=True)
    port = f"{place.labgrid}:{place.target}" if place.labgrid is not None else str(Path(place.board).resolve())
    return FileLock(folder / f"{zlib.crc32(port.encode()):08x}.lock", is_singleton=True)


def _alone(place: Place) -> AbstractContextManager[object]:
    if place.is_program:
        return nullcontext()
    try:
        return lock_of(place).acquire(timeout=0)
    except Timeout as error:
        raise BoardNotFoundError(
            f"{place.name}: another kws has this board; wait until it ends, or name another board"
        ) from error


@contextmanager
def _port(place: Place) -> Iterator[str]:
    if place.labgrid is None:
        yield place.board
        return
    with labgrid.serial_url(place.labgrid, place.target) as url:
        yield url


def _flash_if_other(place: Place, port: str, bundle: Path) -> None:
    """Flash the bundle onto a board that has another one, or none, and wait until it is back."""
    if _crc32_on(port) == Bundle.load(bundle).crc32:
        return
    from kws.device.build import build_firmware
    from kws.flash import image, ways

    assert place.flash is not None
    elf = build_firmware(place.flash, target="kws") / "kws.elf"
    ways.flash(place.flash, image.model_images(bundle, place.flash, elf))
    ends = time.monotonic() + _RETURN_S
    while time.monotonic() < ends:
        with contextlib.suppress(DeviceError):
            _crc32_on(port)
            return
        time.sleep(0.2)


def _crc32_on(port: str) -> int | None:
    """CRC of the bundle in a board's flash; None if there is none that it can run."""
    from kws.device import open_board

    try:
        with open_board(port) as board:
            return board.info.bundle_crc32
    except BoardRefusedError:
        return None
