# SPDX-License-Identifier: Apache-2.0
"""Serial ports on which there is no board: each with its own sentence. Real pseudo-terminals, no mocks."""

from __future__ import annotations

import errno
import os
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from kws.device.boards import _why_not, open_board, open_port
from kws.device.link import readable
from kws.errors import BoardNotFoundError, BoardTimeoutError, DeviceError, ProtocolError


class Port:
    """A serial port with this test at its other end."""

    def __init__(self) -> None:
        self.far, self._near = os.openpty()
        tty.setraw(self._near)
        self.name = os.ttyname(self._near)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def say(self, line: bytes) -> None:
        """Print a line again and again, as a log does."""

        def talk() -> None:
            while not self._over.wait(0.02):
                os.write(self.far, line)

        self._thread = threading.Thread(target=talk)
        self._thread.start()

    def unplug(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for end in (self.far, self._near):
            if end >= 0:
                os.close(end)
        self.far = self._near = -1


@pytest.fixture
def port() -> Iterator[Port]:
    opened = Port()
    yield opened
    opened.unplug()


def test_other_firmware_is_shown_with_what_it_says(port: Port) -> None:
    port.say(b"[00:00:01.000,000] <inf> app: heartbeat \xf0\x9f\x91\x8d \x1b[0m\r\n")
    with pytest.raises(ProtocolError, match=r"talks, but not as a kws board.*<inf> app: heartbeat.*wrong port"):
        open_board(port.name, timeout_s=1.0)


def test_a_port_at_the_wrong_speed_is_shown_as_it_is(port: Port) -> None:
    port.say(bytes([0xFE, 0x80, 0x9C, 0x07, 0xE3]))
    with pytest.raises(ProtocolError, match="talks, but not as a kws board") as raised:
        open_board(port.name, timeout_s=1.0)
    assert str(raised.value).isprintable()


def test_a_mute_port_says_that_not_a_byte_came(port: Port) -> None:
    with pytest.raises(BoardTimeoutError, match=r"silent for .*Not a byte came"):
        open_board(port.name, timeout_s=0.5)


def test_a_board_that_is_unplugged_while_it_is_greeted_is_asked_for(port: Port) -> None:
    def unplug_when_greeted() -> None:
        os.read(port.far, 1)
        port.unplug()

    hand = threading.Thread(target=unplug_when_greeted, daemon=True)
    hand.start()
    with pytest.raises(DeviceError, match="still plugged in"):
        open_board(port.name, timeout_s=5.0)
    hand.join()


def test_the_second_to_open_a_port_is_refused_at_once(port: Port) -> None:
    first = open_port(port.name, 115200, 1.0)
    with pytest.raises(BoardNotFoundError, match="another program has it open"):
        open_port(port.name, 115200, 1.0)
    first.close()
    open_port(port.name, 115200, 1.0).close()


def test_what_is_no_serial_port_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BoardNotFoundError, match="it is no serial port"):
        open_port(str(tmp_path / "file"), 115200, 1.0)


@pytest.mark.parametrize("url", ["socket://foo", "socket://foo:x", "socket://:7", "rfc2217://foo/?logging=debug"])
def test_an_address_without_host_or_port_is_told_how_to_be_written(url: str) -> None:
    with pytest.raises(BoardNotFoundError, match=r"expected (socket|rfc2217)://HOST:PORT$"):
        open_port(url, 115200, 1.0)


def test_a_port_without_permission_names_the_group(port: Port) -> None:
    error = serial.SerialException(errno.EACCES, "could not open port: Permission denied")
    group = Path(port.name).group()
    assert _why_not(port.name, error) == (
        f"no permission; it belongs to the group {group}: sudo usermod -aG {group} $USER, then log out and in again"
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EBUSY, "another program"), (errno.EIO, "plug it in again"), (errno.ENXIO, "plug it in again")],
)
def test_other_reasons_have_their_own_sentence(number: int, words: str) -> None:
    assert words in _why_not("/dev/ttyACM9", serial.SerialException(number, "could not open port"))


def test_the_longest_whole_line_is_shown_and_nothing_a_terminal_would_act_on() -> None:
    assert readable(b"torn\r\nshort\r\na longer \x1b[31mline\r\nto") == "a longer .[31mline"
    assert readable(b"no line end") == "no line end"
    assert readable(b"\xff\xfe") == "\ufffd\ufffd"
