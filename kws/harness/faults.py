# SPDX-License-Identifier: Apache-2.0
"""A serial line that goes bad on purpose: try what your board, your cable and your code do when it happens.

    child = start_native(Path("word.kws"))
    with FaultyLine(child.url, Faults(corrupt=2e-4)) as line, open_board(line.url) as board:
        result = board.stream(samples)      # the same result as over a line without faults, or an error

The line stands between the host and a board, and does to the bytes that pass, in both directions, what is asked for. It
opens the board as anyone does, by port or URL, so real, emulated and native boards are alike to it.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import serial

from kws.core import lib
from kws.errors import ConfigError, KwsError

PIECE_BYTES = 4096
BYTE_FAULTS = ("drop", "corrupt", "duplicate", "reorder")
_TURN_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What happens to a line. Without arguments, nothing."""

    drop: float = 0.0
    """Probability, at each byte, that a run of bytes is lost from here on."""
    corrupt: float = 0.0
    """... that one bit of this byte is turned over."""
    duplicate: float = 0.0
    """... that the run of bytes from here on arrives twice."""
    reorder: float = 0.0
    """... that the run of bytes from here on changes places with the run behind it."""
    longest_run_bytes: int = 64
    """Runs are from 1 to so many bytes long."""
    delay: float = 0.0
    """Probability, for each piece of up to 4096 bytes, that it is held back."""
    delay_s: float = 0.02
    """At most so long."""
    stall_after_bytes: int | None = None
    """Bytes from the host after which nothing passes, either way, for ``stall_s``; happens once."""
    stall_s: float = 1.0
    """For ever, if infinite."""
    unplug_after_bytes: int | None = None
    """Bytes from the host after which its end of the line is closed; it may open the line again. Happens once."""
    restart_after_bytes: int | None = None
    """Bytes from the host after which the board is started anew, behind a line that stays open. Happens once."""

    def __post_init__(self) -> None:
        for name in (*BYTE_FAULTS, "delay"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name}: expected a probability from 0 to 1 and got {getattr(self, name)}")


class FaultyLine:
    """Passes bytes on between a TCP client and a board, with faults.

    Parameters
    ----------
    url : str
        Of the board: a serial port, a pseudo-terminal or a pyserial URL.
    faults : Faults
    restart : callable, optional
        Starts the board anew and returns its URL; needed for ``restart_after_bytes``.
    seed : int
        The same seed and the same pieces give the same faults.

    Attributes
    ----------
    url : str
        What the host opens instead of the board.
    injected : collections.Counter
        How many faults of each kind there were: ``drop``, ``corrupt``, ``duplicate``, ``reorder``, ``delay``,
        ``stall``, ``unplug``, ``restart``.
    """

    def __init__(self, url: str, faults: Faults, *, restart: Callable[[], str] | None = None, seed: int = 1) -> None:
        if faults.restart_after_bytes is not None and restart is None:
            raise ConfigError("restart_after_bytes: expected restart=, what starts the board anew, and got none")
        self._faults, self._restart = faults, restart
        self._random = random.Random(seed)
        self._board = _open(url)
        self._door = socket.create_server(("127.0.0.1", 0))
        self._door.settimeout(_TURN_S)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._passed = 0
        self._problem: KwsError | None = None
        self.url = f"socket://127.0.0.1:{self._door.getsockname()[1]}"
        self.injected: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the line: neither side hears the other any more.

        Raises
        ------
        KwsError
            What ``restart`` raised, if it could not start the board anew.
        """
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._board.close()
        self._door.close()
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError, OSError), self._door.accept()[0] as host:
                host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                host.settimeout(1.0)
                self._pass_on(host)

    def _pass_on(self, host: socket.socket) -> None:
        """Until the host closes its end, the line is closed, or it is unplugged.

        A board that takes no more holds up what the host sends, never what the board says, nor the end of the line.
        """
        waiting = b""
        while not self._over.is_set():
            board = self._board.fileno()
            sources, sinks = ([board], [board]) if waiting else ([board, host], [])
            ready, room, _ = select.select(sources, sinks, [], _TURN_S)
            if host in ready:
                data = host.recv(PIECE_BYTES)
                self._passed += len(data)
                if not data or self._befalls("unplug"):
                    return
                if self._befalls("restart"):
                    self._start_anew()
                    continue
                self._wait()
                waiting = self._damaged(data)
            if board in room:
                waiting = waiting[self._board.write(waiting) or 0 :]
            if board in ready:
                self._wait()
                host.sendall(self._damaged(self._board.read(PIECE_BYTES)))

    def _befalls(self, kind: str) -> bool:
        """Whether a fault that happens once happens now."""
        after = getattr(self._faults, f"{kind}_after_bytes")
        if after is None or self._passed < after or self.injected[kind]:
            return False
        self.injected[kind] += 1
        return True

    def _wait(self) -> None:
        if self._befalls("stall"):
            self._over.wait(None if self._faults.stall_s == float("inf") else self._faults.stall_s)
        if self._faults.delay and self._random.random() < self._faults.delay:
            self.injected["delay"] += 1
            self._over.wait(self._random.uniform(0.0, self._faults.delay_s))

    def _start_anew(self) -> None:
        assert self._restart is not None
        self._board.close()
        try:
            self._board = _open(self._restart())
        except KwsError as error:  # close() tells; until then the host finds nobody there
            self._problem = error
            self._over.set()

    def _damaged(self, data: bytes) -> bytes:
        out, at = bytearray(), 0
        while at < len(data):
            kind = self._fate()
            if kind is None:
                out.append(data[at])
                at += 1
                continue
            arrived, used = self._happen(kind, data[at:])
            at += used
            out += arrived
            self.injected[kind] += arrived != data[at - used : at]
        return bytes(out)

    def _fate(self) -> str | None:
        """What happens from a byte on."""
        fate = self._random.random()
        for kind in BYTE_FAULTS:
            fate -= getattr(self._faults, kind)
            if fate < 0.0:
                return kind
        return None

    def _happen(self, kind: str, data: bytes) -> tuple[bytes, int]:
        """What arrives of the first bytes, and how many those were."""
        if kind == "corrupt":
            return bytes([data[0] ^ (1 << self._random.randrange(8))]), 1
        first, second = (self._random.randint(1, self._faults.longest_run_bytes) for _ in range(2))
        run, behind = data[:first], data[first : first + second]
        if kind == "reorder":
            return behind + run, len(run) + len(behind)
        return (run + run if kind == "duplicate" else b""), len(run)


def _open(url: str) -> serial.SerialBase:
    """Open a board; one that has just been started may need a moment."""
    until_s = time.monotonic() + 5.0
    while True:
        try:
            return serial.serial_for_url(url, baudrate=int(lib.KWS_SERIAL_BAUD), timeout=0, write_timeout=0)
        except (serial.SerialException, OSError):
            if time.monotonic() > until_s:
                raise
            time.sleep(_TURN_S)
