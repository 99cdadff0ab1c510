# SPDX-License-Identifier: Apache-2.0
"""Packets and messages of the serial line: ``firmware/protocol`` seen from Python.

Ids, layouts and the framing itself come from the C headers and C functions through cffi; nothing is typed twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kws.core import ffi, lib
from kws.errors import ProtocolError

MESSAGE_NAMES: dict[int, str] = {
    int(getattr(lib, name)): name.removeprefix("KWS_MESSAGE_") for name in dir(lib) if name.startswith("KWS_MESSAGE_")
}
"""Message type -> name, for error messages and tests."""


@dataclass(frozen=True, kw_only=True)
class Packet:
    """One packet that arrived whole."""

    type: int
    """``KWS_MESSAGE_...``."""
    session: int
    """The session it belongs to; 0 before the first RESET."""
    number: int
    """Host to board: the record waited for. Board to host: the record's own number, or that of the next one."""
    payload: bytes

    @property
    def name(self) -> str:
        """The message's name as in ``kws_protocol.h``."""
        return MESSAGE_NAMES.get(self.type, f"0x{self.type:02x}")

    @property
    def is_record(self) -> bool:
        """Whether it is numbered and must be acknowledged."""
        return bool(self.type & lib.KWS_RECORD_BIT)

    def read(self, struct: str) -> Any:
        """Return the start of the payload as a C struct.

        Parameters
        ----------
        struct : str
            Name without ``kws_message_`` and ``_t``, such as ``"status"``.

        Raises
        ------
        ProtocolError
            If the payload is too short: the CRC was right, so the board speaks another protocol.
        """
        value = ffi.new(f"kws_message_{struct}_t *")
        size = ffi.sizeof(value[0])
        if len(self.payload) < size:
            raise ProtocolError(
                f"{self.name} message of {len(self.payload)} bytes, expected at least {size}; "
                "host and board are of different versions: build and flash the firmware again"
            )
        ffi.memmove(value, self.payload, size)
        return value

    def tail(self, struct: str) -> bytes:
        """Return what follows the C struct of that name in the payload."""
        return self.payload[ffi.sizeof(f"kws_message_{struct}_t") :]


def encode(message_type: int, payload: bytes = b"", *, session: int = 0, number: int = 0) -> bytes:
    """Return the bytes of the line for one message.

    Raises
    ------
    ValueError
        If the payload is longer than a packet can hold.
    """
    if len(payload) > lib.KWS_PACKET_MAX_PAYLOAD_BYTES:
        raise ValueError(f"payload of {len(payload)} bytes, at most {lib.KWS_PACKET_MAX_PAYLOAD_BYTES} fit a packet")
    line = ffi.new("kws_packet_line_t *")
    header = line.packet.header
    header.type, header.session, header.number = message_type, session, number
    ffi.memmove(line.packet.payload, payload, len(payload))
    size = lib.kws_packet_write(line, len(payload))
    start = ffi.offsetof("kws_packet_line_t", "code")
    return bytes(ffi.buffer(line)[start : start + size])


def pack(struct: str, **fields: int | list[int]) -> bytes:
    """Return the bytes of a C struct, named as in :meth:`Packet.read`, with the given fields set."""
    value = ffi.new(f"kws_message_{struct}_t *", fields)
    return bytes(ffi.buffer(value))


class PacketReader:
    """Bytes in any pieces -> packets.

    Attributes
    ----------
    bad_packets : int
        Packets so far that were altered on their way.
    """

    def __init__(self) -> None:
        self._reader = ffi.new("kws_packet_reader_t *")
        self._result = ffi.new("kws_packet_result_t *")
        self.bad_packets = 0
        lib.kws_packet_reader_init(self._reader)

    def feed(self, data: bytes) -> list[Packet]:
        """Take bytes from the line; return the packets they complete, in order."""
        packets = []
        bytes_left, at = ffi.from_buffer("uint8_t[]", data), 0
        while at < len(data):
            at += lib.kws_packet_reader_read(self._reader, bytes_left + at, len(data) - at, self._result)
            if self._result[0] == lib.KWS_PACKET_GOOD:
                packets.append(self._take())
            elif self._result[0] == lib.KWS_PACKET_BAD:
                self.bad_packets += 1
        return packets

    def _take(self) -> Packet:
        packet = self._reader.packet
        return Packet(
            type=int(packet.header.type),
            session=int(packet.header.session),
            number=int(packet.header.number),
            payload=bytes(ffi.buffer(packet.payload, self._reader.payload_bytes)),
        )
