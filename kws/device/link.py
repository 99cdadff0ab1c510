# SPDX-License-Identifier: Apache-2.0
"""The host's end of a serial line to a board: packets, sessions, numbered records, time-outs.

The board keeps every record until it is acknowledged, and repeats them when polled; requests may be repeated
without harm. So this side owns all the timers: it asks again when an answer does not come, and gives up, saying
what it last knew, when nothing comes for ``timeout_s``.
"""

from __future__ import annotations

import contextlib
import io
import re
import select
import time
from collections.abc import Callable, Iterable
from typing import Any

import serial

from kws.core import lib
from kws.device.protocol import Packet, PacketReader, encode, pack
from kws.errors import BoardTimeoutError, DeviceError, ProtocolError
from kws.phrases import counted

RETRY_S = 0.25
"""An answer that takes longer is asked for again; doubled each time up to 1 s."""
MAX_RETRY_S = 1.0
READ_BYTES = 4096
WAKING_BYTES = bytes(32)
"""A board that rests may lose the first bytes that wake it: these mean nothing."""
_SHOWN_CHARACTERS = 80
FOREIGN_BYTES = 200
"""So much of what other firmware says is kept, to show it."""
UNACKNOWLEDGED_RECORDS = 8
"""So many records are acknowledged with a message of their own when no request is due that would do it."""


class Link:
    """One serial line.

    Parameters
    ----------
    port : serial.SerialBase
        Open, with ``timeout=0``.
    name : str
        Of the board, for messages.
    timeout_s : float
        Give up after so long without a word from the board.

    Attributes
    ----------
    session : int
        The running session.
    polling : bool
        A poll is not answered yet.
    lossy : bool
        Records are sent once: one that was damaged on its way is gone, and `receive` raises.
    spoke_at : float
        When something was sent last, by ``time.monotonic``.
    state : callable
        Returns a phrase that says what is going on, for messages of errors.
    """

    def __init__(self, port: serial.SerialBase, name: str, timeout_s: float) -> None:
        self.port = port
        self._fileno: int | None = None
        with contextlib.suppress(io.UnsupportedOperation, AttributeError):
            self._fileno = port.fileno()
        self.name = name
        self.timeout_s = timeout_s
        self.session = 0
        self.state: Callable[[], str] = lambda: "opening the connection"
        self.last_heard = "nothing heard yet"
        self._is_ours = False
        self._foreign_bytes = 0
        self._foreign_words = b""
        self._reader = PacketReader()
        self._next_record = 0
        self._unacknowledged = 0
        self.polling = False
        self.lossy = False
        self._early: list[Packet] = []  # came right behind an answer
        self._first_token = self._next_token = 1
        self._retry_s = RETRY_S
        self._polled_at = 0.0
        self._heard_at = self.spoke_at = time.monotonic()

    # -- sending ------------------------------------------------------------------------------------------------

    def send(self, message_type: int, payload: bytes = b"") -> None:
        """Send one message; its header acknowledges every record received so far."""
        self.send_all([(message_type, payload)])

    def send_all(self, messages: Iterable[tuple[int, bytes]], *, preamble: bytes = b"") -> None:
        """Send messages, each a type and a payload, in one go."""
        number = self._next_record
        line = preamble + b"".join(
            encode(kind, payload, session=self.session, number=number) for kind, payload in messages
        )
        if not line:
            return
        try:
            self.port.write(line)
        except (serial.SerialException, OSError) as error:
            raise self._broken(error) from error
        self._unacknowledged = 0
        self.spoke_at = time.monotonic()

    def poll(self) -> None:
        """Ask for a STATUS and for every record not acknowledged, again if the answer is late.

        Until the answer comes nothing else should be sent: then it accounts for everything on the line.
        """
        now = time.monotonic()
        if self.polling and now - self._polled_at < self._retry_s:
            return
        if self.polling:
            self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)
        else:
            self._retry_s = RETRY_S
            self._first_token = self._next_token
        self.polling = True
        self._polled_at = now
        self.send(lib.KWS_MESSAGE_POLL, pack("poll", token=self._next_token))
        self._next_token = (self._next_token + 1) & 0xFFFFFFFF

    def answers_poll(self, status: Any) -> bool:
        """Whether a STATUS answers the open poll, first time asked or repeated; closes the poll."""
        asked = (self._next_token - self._first_token) & 0xFFFFFFFF
        answers = self.polling and (int(status.poll_token) - self._first_token) & 0xFFFFFFFF < asked
        if answers:
            self.polling = False
        return answers

    # -- receiving ----------------------------------------------------------------------------------------------

    def receive(self, wait_s: float) -> list[Packet]:
        """Return replies, and records in order and without gaps; waits at most ``wait_s`` for the first byte.

        Raises
        ------
        BoardTimeoutError
            If the board has said nothing for ``timeout_s``.
        DeviceError
            If the line broke, the board's processor has crashed, or a record of a lossy session is gone.
        """
        if self._early:
            early, self._early = self._early, []
            return early
        data = self._read(wait_s)
        bad_before = self._reader.bad_packets
        heard = self._reader.feed(data)
        packets = [packet for packet in heard if self._accept(packet)]
        if self._reader.bad_packets > bad_before and self.session and not self.lossy:
            self.poll()
        if heard:
            self._heard_at = time.monotonic()
            self.last_heard = heard[-1].name
            self._is_ours, self._foreign_bytes = True, 0
        else:
            self._while_quiet()
        if self._unacknowledged >= UNACKNOWLEDGED_RECORDS or (self._unacknowledged and not data):
            self.send(lib.KWS_MESSAGE_ACKNOWLEDGE)
        return packets

    def _read(self, wait_s: float) -> bytes:
        try:
            if self._fileno is None:  # a port that cannot be waited for
                time.sleep(min(wait_s, 0.001))
            else:
                select.select([self._fileno], [], [], wait_s)
            data = bytes(self.port.read(READ_BYTES))
        except (serial.SerialException, OSError) as error:
            raise self._broken(error) from error
        if data and not self._is_ours:
            self._foreign_bytes += len(data)
            self._foreign_words = (self._foreign_words + data)[-FOREIGN_BYTES:]
        return data

    def _accept(self, packet: Packet) -> bool:
        """Sort out what is stale, repeated or out of order; ask again for what is missing."""
        if packet.type == lib.KWS_MESSAGE_FAULT:
            raise self._crashed(packet)
        if packet.session != self.session:
            return packet.type in (lib.KWS_MESSAGE_INFO, lib.KWS_MESSAGE_ERROR)
        ahead = (packet.number - self._next_record) & 0xFFFF
        if self.lossy:
            if packet.is_record:
                if 0 < ahead < 0x8000:
                    raise DeviceError(
                        f"the line lost {counted(ahead, 'record')} of {self.name} while {self.state()}: events, scores "
                        "or sound; look at cable and port, and do it again"
                    )
                self._next_record = (packet.number + 1) & 0xFFFF
            return True
        if packet.is_record:
            if ahead == 0:
                self._next_record = (self._next_record + 1) & 0xFFFF
                self._unacknowledged += 1
                return True
            if ahead < 0x8000:
                self.poll()
            return False
        if 0 < ahead < 0x8000:
            self.poll()
        return True

    def _while_quiet(self) -> None:
        quiet_s = time.monotonic() - self._heard_at
        if quiet_s > self.timeout_s:
            raise self._foreign(quiet_s) if self._foreign_bytes else self._silent(quiet_s)
        if self.session and quiet_s > RETRY_S:
            self.poll()

    # -- questions ----------------------------------------------------------------------------------------------

    def greet(self) -> Any:
        """Ask the board what it is: its INFO, whatever the state of its bundle.

        Raises
        ------
        ProtocolError
            If it speaks another version.
        """
        self.state = lambda: "greeting it"
        packet = self.ask(
            lib.KWS_MESSAGE_HELLO,
            pack("hello", version=lib.KWS_PROTOCOL_VERSION),
            lib.KWS_MESSAGE_INFO,
            preamble=WAKING_BYTES,
        )
        self.session = packet.session  # so that the next one differs
        version = int.from_bytes(packet.payload[:2], "little")
        if version != lib.KWS_PROTOCOL_VERSION:
            raise ProtocolError(
                f"{self.name} speaks version {version} of the protocol, this host version "
                f"{lib.KWS_PROTOCOL_VERSION}; build and flash the firmware again"
            )
        return packet.read("info")

    def ask(
        self,
        request: int,
        payload: bytes,
        reply: int,
        accept: Callable[[Packet], bool] = lambda packet: True,
        *,
        preamble: bytes = b"",
    ) -> Packet:
        """Send a request, again and again, until its reply comes; records that come before it are dropped.

        ``accept`` tells it from the late reply to an earlier request.

        Raises
        ------
        BoardTimeoutError
            If no answer comes within ``timeout_s``.
        ProtocolError
            If the board says that it does not understand.
        """
        self._heard_at = started = time.monotonic()
        wait_s, asked_at = RETRY_S, 0.0
        while True:
            now = time.monotonic()
            if now - started > self.timeout_s + MAX_RETRY_S:  # silence itself is noticed by receive()
                raise ProtocolError(
                    f"{self.name} talks but did not answer {self.state()} within {self.timeout_s:g} s; last message "
                    f"heard: {self.last_heard}{self._noise()}. Is the line noisy, or another program on it?"
                )
            if now - asked_at > wait_s:
                wait_s = min(2 * wait_s, MAX_RETRY_S) if asked_at else wait_s
                asked_at = now
                self.send_all([(request, payload)], preamble=preamble)
            packets = self.receive(0.02)
            for index, packet in enumerate(packets):
                if packet.type == reply and accept(packet):
                    self._early = [later for later in packets[index + 1 :] if later.is_record]
                    return packet
                self.check_error(packet, session_runs=False)

    def begin_session(self, payload: bytes, *, lossy: bool = False) -> Packet:
        """Send RESET with a new session number; returns the STATUS that answers it."""
        self.session = self.session % 255 + 1
        self.lossy = lossy
        self._early = []
        self._next_record = self._unacknowledged = 0
        self.polling = False
        return self.ask(lib.KWS_MESSAGE_RESET, payload, lib.KWS_MESSAGE_STATUS)

    def check_error(self, packet: Packet, *, session_runs: bool) -> None:
        """Raise what an ERROR message means; do nothing for any other message."""
        if packet.type != lib.KWS_MESSAGE_ERROR:
            return
        error = packet.read("error")
        code, detail = int(error.error), int(error.detail)
        if code == lib.KWS_LINK_ERROR_SESSION:
            if session_runs and detail != self.session:
                raise DeviceError(
                    f"{self.name} restarted while {self.state()}, or heard nothing from this computer for "
                    f"{lib.KWS_HOST_SILENCE_S} s; start again from a reset"
                )
            return  # stale audio of a session before ours
        reasons = {
            int(lib.KWS_LINK_ERROR_MESSAGE): f"does not know message 0x{detail:02x}",
            int(lib.KWS_LINK_ERROR_LENGTH): f"expects another length of message 0x{detail:02x}",
            int(lib.KWS_LINK_ERROR_LABEL): f"has no label {detail}",
        }
        raise ProtocolError(
            f"{self.name} {reasons.get(code, f'reports error {code}')}; host and board are of different versions: "
            "build and flash the firmware again"
        )

    # -- messages of errors -------------------------------------------------------------------------------------

    @property
    def bad_packets(self) -> int:
        """Packets from the board that were altered on their way."""
        return self._reader.bad_packets

    def _silent(self, quiet_s: float) -> BoardTimeoutError:
        what_to_do = (
            "Check power and cable, or reset the board"
            if self._is_ours
            else "Not a byte came: is it the right port, is the board powered, is the firmware of kws on it?"
        )
        return BoardTimeoutError(
            f"{self.name} has been silent for {quiet_s:.1f} s while {self.state()}; last message heard: "
            f"{self.last_heard}{self._noise()}. {what_to_do}"
        )

    def _foreign(self, quiet_s: float) -> ProtocolError:
        return ProtocolError(
            f"{self.name} talks, but not as a kws board, while {self.state()}: {self._foreign_bytes} bytes"
            f"{self._noise()} in {quiet_s:.1f} s, such as {readable(self._foreign_words)!r}. Is it the wrong port, "
            "other firmware, or a noisy line?"
        )

    def _noise(self) -> str:
        return f" ({self.bad_packets} damaged packets)" if self.bad_packets else ""

    def _broken(self, error: Exception) -> DeviceError:
        return DeviceError(f"the line to {self.name} broke while {self.state()}: {error}; is it still plugged in?")

    def _crashed(self, packet: Packet) -> DeviceError:
        return DeviceError(f"{self.name} crashed while {self.state()}: {describe_fault(packet.read('fault'))}")


def describe_fault(fault: Any) -> str:
    """Return in words what a ``kws_message_fault_t`` says."""
    where = (
        f"pc 0x{fault.pc:08x}, lr 0x{fault.lr:08x}; look the address up with arm-none-eabi-addr2line -e kws.elf"
        if fault.pc
        else "its stack overflowed; link the firmware with a larger KWS_STACK_BYTES"
    )
    return f"exception {fault.exception}, status 0x{fault.status:08x}, {where}"


def readable(data: bytes) -> str:
    """The longest line among bytes of a foreign program, without what a terminal would act on."""
    text = data.decode("utf-8", errors="replace")
    lines = re.split(r"[\r\n]+", text)
    whole = lines[1:-1] or lines  # the first and the last may be torn
    line = max(whole, key=len).strip()[:_SHOWN_CHARACTERS]
    return "".join(character if character.isprintable() else "." for character in line)
