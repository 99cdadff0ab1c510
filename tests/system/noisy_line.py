# SPDX-License-Identifier: Apache-2.0
"""A serial line that goes bad on purpose: a proxy between the host and a board."""

from __future__ import annotations

import random
import select
import socket
import threading
from types import TracebackType
from typing import Self

import serial


class NoisyLine:
    """Passes bytes on between a TCP client and a serial port, with damage.

    Parameters
    ----------
    url : str
        Of the board.
    flips, losses : float
        Probability that a byte is altered, or lost.
    silent_after_bytes : int, optional
        Bytes from the host after which nothing passes any more, either way.
    seed : int
    """

    def __init__(
        self,
        url: str,
        *,
        flips: float = 0.0,
        losses: float = 0.0,
        silent_after_bytes: int | None = None,
        seed: int = 1,
    ) -> None:
        self._board = serial.serial_for_url(url, baudrate=921600, timeout=0)
        self._flips, self._losses = flips, losses
        self._silent_after_bytes = silent_after_bytes
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self.damaged_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(5)
        self._board.close()
        self._listener.close()

    def _pass_on(self) -> None:
        host, _ = self._listener.accept()
        host.setblocking(False)
        host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        passed = 0
        with host:
            while not self._over.is_set():
                ready, _, _ = select.select([host, self._board.fileno()], [], [], 0.05)
                silent = self._silent_after_bytes is not None and passed >= self._silent_after_bytes
                if host in ready:
                    data = host.recv(4096)
                    if not data:
                        return
                    passed += len(data)
                    if not silent:
                        self._board.write(self._damage(data))
                if self._board.fileno() in ready:
                    data = self._board.read(4096)
                    if not silent:
                        host.sendall(self._damage(data))

    def _damage(self, data: bytes) -> bytes:
        damaged = bytearray()
        for byte in data:
            fate = self._random.random()
            if fate < self._losses:
                self.damaged_bytes += 1
            elif fate < self._losses + self._flips:
                self.damaged_bytes += 1
                damaged.append(byte ^ (1 << self._random.randrange(8)))
            else:
                damaged.append(byte)
        return bytes(damaged)
