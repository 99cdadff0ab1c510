# SPDX-License-Identifier: Apache-2.0
"""The host's end of the line against a port that only plays back."""

from __future__ import annotations

import numpy as np
import pytest

from kws.core import lib
from kws.device.link import Link
from kws.device.microphone import SPEAK_AFTER_SAMPLES, collect_sound
from kws.device.protocol import PacketReader, encode, pack
from kws.device.stream import Collector
from kws.errors import DeviceError, ProtocolError


class Played:
    """A port without a file descriptor, as on systems where a serial port has none."""

    def __init__(self, heard: bytes) -> None:
        self.heard = heard
        self.written = b""

    def read(self, size: int) -> bytes:
        heard, self.heard = self.heard[:size], self.heard[size:]
        return heard

    def write(self, data: bytes) -> None:
        self.written += data


def link_that_hears(*messages: bytes) -> Link:
    return Link(Played(b"".join(messages)), "the board", timeout_s=1.0)


def record(number: int, position: int = 0) -> bytes:
    return encode(lib.KWS_MESSAGE_DRAINED, pack("drained", position=position), number=number)


def test_a_crash_names_the_address() -> None:
    fault = pack("fault", exception=3, status=0x10000, pc=0x08001234, lr=0x08005678)
    with pytest.raises(DeviceError, match=r"exception 3, status 0x00010000, pc 0x08001234.*addr2line"):
        link_that_hears(encode(lib.KWS_MESSAGE_FAULT, fault)).receive(0.0)


def test_a_crash_without_an_address_is_a_stack_overflow() -> None:
    fault = pack("fault", exception=3, status=0x9200, pc=0, lr=0)
    with pytest.raises(DeviceError, match="its stack overflowed"):
        link_that_hears(encode(lib.KWS_MESSAGE_FAULT, fault)).receive(0.0)


def test_records_pass_once_and_in_order_whatever_is_repeated() -> None:
    link = link_that_hears(record(0), record(0), record(1), record(0), record(1), record(2))
    assert [frame.number for frame in link.receive(0.0)] == [0, 1, 2]


def test_records_behind_a_missing_one_wait_and_the_missing_one_is_asked_for() -> None:
    link = link_that_hears(record(0), record(2), record(3))
    assert [frame.number for frame in link.receive(0.0)] == [0]
    assert link.polling


def test_a_reply_that_speaks_of_records_never_heard_makes_the_host_ask() -> None:
    status = encode(lib.KWS_MESSAGE_STATUS, pack("status"), number=3)
    link = link_that_hears(record(0), status)
    assert len(link.receive(0.0)) == 2
    assert link.polling


def test_records_of_another_session_are_ignored() -> None:
    stale = encode(lib.KWS_MESSAGE_DRAINED, pack("drained"), session=7)
    assert link_that_hears(stale).receive(0.0) == []


def test_a_host_that_listens_to_a_board_speaks_now_and_then() -> None:
    sound = np.zeros(100, np.int16).tobytes()
    heard = [
        encode(lib.KWS_MESSAGE_HEARD, pack("heard", position=100 * i) + sound, number=i)
        for i in range(3 * SPEAK_AFTER_SAMPLES // 100 + 1)
    ]
    link = link_that_hears(*heard)
    link.lossy = True
    result = collect_sound(link, Collector(("a", "b"), 10, 16000, None, None), 3 * SPEAK_AFTER_SAMPLES)
    assert result.sound.size == 3 * SPEAK_AFTER_SAMPLES
    said = PacketReader().feed(link.port.written)
    assert 2 <= len(said) <= 3
    assert {packet.type for packet in said} == {lib.KWS_MESSAGE_ACKNOWLEDGE}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (lib.KWS_LINK_ERROR_MESSAGE, "does not know message 0x11"),
        (lib.KWS_LINK_ERROR_LENGTH, "expects another length of message 0x11"),
        (lib.KWS_LINK_ERROR_LABEL, "has no label 17"),
        (99, "reports error 99"),
    ],
)
def test_errors_of_the_board_are_put_into_words(error: int, words: str) -> None:
    link = link_that_hears(encode(lib.KWS_MESSAGE_ERROR, pack("error", error=error, detail=17)))
    (frame,) = link.receive(0.0)
    with pytest.raises(ProtocolError, match=words):
        link.check_error(frame, session_runs=True)
