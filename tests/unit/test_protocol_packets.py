# SPDX-License-Identifier: Apache-2.0
"""Packets on the line: what is written is read, whatever the pieces, and damage is noticed."""

from __future__ import annotations

import binascii

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.core import ffi, lib
from kws.device.protocol import MESSAGE_NAMES, Packet, PacketReader, encode, pack
from kws.errors import ProtocolError

payloads = st.binary(max_size=lib.KWS_PACKET_MAX_PAYLOAD_BYTES)
bytes_with_zeros = st.lists(st.sampled_from([0, 0, 1, 255]), max_size=lib.KWS_PACKET_MAX_PAYLOAD_BYTES).map(bytes)
headers = st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535))


def cobs_by_the_book(data: bytes) -> bytes:
    """Cheshire and Baker 1999: blocks of non-zero bytes, each led by its length + 1."""
    out = bytearray()
    for block in data.split(b"\0"):
        assert len(block) <= 254, "longer runs need the 0xFF code, which packets never reach twice"
        out += bytes([len(block) + 1]) + block
    return bytes(out)


def line_by_the_book(header: tuple[int, int, int], payload: bytes) -> bytes:
    body = bytes([header[0], header[1]]) + header[2].to_bytes(2, "little") + payload
    return cobs_by_the_book(body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")) + b"\0"


def encoded(header: tuple[int, int, int], payload: bytes) -> bytes:
    return encode(header[0], payload, session=header[1], number=header[2])


@given(headers, payloads | bytes_with_zeros)
def test_line_bytes_equal_an_independent_cobs_and_crc(header: tuple[int, int, int], payload: bytes) -> None:
    assert encoded(header, payload) == line_by_the_book(header, payload)


@given(st.lists(st.tuples(headers, payloads | bytes_with_zeros), max_size=5), st.randoms(use_true_random=False))
def test_packets_come_out_as_they_went_in_for_any_pieces(messages, random) -> None:
    line = b"".join(encoded(*message) for message in messages)
    cuts = sorted(random.randrange(len(line) + 1) for _ in range(8))
    reader, got = PacketReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True):
        got += reader.feed(line[start:end])
    assert [((f.type, f.session, f.number), f.payload) for f in got] == messages
    assert reader.bad_packets == 0


@given(headers, payloads, st.data())
@settings(derandomize=True)  # a CRC-16 misses one damage in 65,536: the same examples every time
def test_a_changed_byte_never_passes_as_another_packet(header, payload, data) -> None:
    line = bytearray(encoded(header, payload))
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    for packet in PacketReader().feed(bytes(line) + b"\0"):
        assert ((packet.type, packet.session, packet.number), packet.payload) == (header, payload)


@given(st.lists(payloads, min_size=3, max_size=3), st.data())
@settings(derandomize=True)
def test_cut_out_stretches_are_detected_or_lose_whole_packets_only(three, data) -> None:
    line = b"".join(encode(4, payload, number=i) for i, payload in enumerate(three))
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    reader = PacketReader()
    for packet in reader.feed(line[:start] + line[end:] + b"\0"):
        assert packet.payload == three[packet.number]


@given(st.binary(max_size=600))
def test_a_reader_finds_its_place_after_any_noise(noise: bytes) -> None:
    reader = PacketReader()
    reader.feed(noise)
    packets = reader.feed(b"\0" + encode(7, b"after the noise"))
    assert packets[-1].payload == b"after the noise"


def test_every_error_of_one_or_two_bits_changes_the_crc() -> None:
    packet = bytes(range(1, 13))
    flips = [1 << bit for bit in range(8 * len(packet))]
    value, crc = int.from_bytes(packet, "big"), lib.kws_crc16(0xFFFF, packet, len(packet))
    for i, first in enumerate(flips):
        for second in [0, *flips[i + 1 :]]:
            damaged = (value ^ first ^ second).to_bytes(len(packet), "big")
            assert lib.kws_crc16(0xFFFF, damaged, len(damaged)) != crc


def test_crc_has_its_published_check_value() -> None:
    assert lib.kws_crc16(0xFFFF, b"123456789", 9) == 0x29B1


def test_zeros_between_packets_are_not_damage() -> None:
    reader = PacketReader()
    assert len(reader.feed(b"\0\0\0" + encode(7) + b"\0\0" + encode(7))) == 2
    assert reader.bad_packets == 0


def test_a_packet_that_never_ends_is_one_bad_packet() -> None:
    reader = PacketReader()
    assert reader.feed(b"\x42" * 5000 + b"\0") == []
    assert reader.bad_packets == 1


def test_longest_payload_fits_and_one_byte_more_does_not() -> None:
    longest = b"\x01" * lib.KWS_PACKET_MAX_PAYLOAD_BYTES
    line = encode(4, longest)
    assert len(line) == lib.KWS_PACKET_MAX_LINE_BYTES
    assert PacketReader().feed(line)[0].payload == longest
    with pytest.raises(ValueError, match="at most 248"):
        encode(4, longest + b"\x01")


def test_message_ids_are_distinct_and_records_are_marked() -> None:
    assert len(MESSAGE_NAMES) == 26
    records = {name for number, name in MESSAGE_NAMES.items() if number & lib.KWS_RECORD_BIT}
    assert records == {"EVENT", "SCORES", "FEATURES", "DRAINED", "HEARD"}


def test_payload_structs_are_little_endian() -> None:
    assert pack("audio", position=0x01020304) == b"\x04\x03\x02\x01"
    packet = Packet(type=lib.KWS_MESSAGE_AUDIO, session=0, number=0, payload=b"\x04\x03\x02\x01tail")
    assert packet.read("audio").position == 0x01020304
    assert packet.tail("audio") == b"tail"


def test_a_payload_too_short_for_its_message_is_a_protocol_error() -> None:
    packet = Packet(type=lib.KWS_MESSAGE_STATUS, session=1, number=0, payload=bytes(4))
    with pytest.raises(ProtocolError, match=r"STATUS message of 4 bytes, expected at least 32"):
        packet.read("status")


def test_no_message_is_longer_than_a_packet() -> None:
    limit = lib.KWS_PACKET_MAX_PAYLOAD_BYTES
    assert ffi.sizeof("kws_message_audio_t") + 2 * lib.KWS_AUDIO_PACKET_SAMPLES <= limit
    assert ffi.sizeof("kws_message_scores_t") + 2 * lib.KWS_PROTOCOL_MAX_LABELS <= limit
