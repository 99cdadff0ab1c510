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
from kws.errors import BoardTimeoutError, DeviceError, ProtocolError


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


def microphone_link(*, damaged: bool) -> Link:
    """Five records of sound and an event behind the third of them, one bit of which may have turned."""
    kinds = [lib.KWS_MESSAGE_HEARD] * 3 + [lib.KWS_MESSAGE_EVENT] + [lib.KWS_MESSAGE_HEARD] * 2
    line, position = b"", 0
    for number, kind in enumerate(kinds):
        payload = pack("event", label=1, score=200, sample_index=250)
        if kind == lib.KWS_MESSAGE_HEARD:
            payload = pack("heard", position=position, lost=0) + np.ones(100, "<i2").tobytes()
            position += 100
        record = bytearray(encode(kind, payload, session=7, number=number))
        if kind == lib.KWS_MESSAGE_EVENT and damaged:
            record[8] ^= 0x10
        line += record
    link = link_that_hears(line)
    link.session, link.lossy, link.state = 7, True, lambda: "listening to its microphone"
    return link


def test_an_event_that_the_line_lost_of_a_microphone_is_not_passed_over_in_silence() -> None:
    labels = ("silence", "yes")
    result = collect_sound(microphone_link(damaged=False), Collector(labels, 10, 16000, None, None), 400)
    assert [(event.label, event.sample_index) for event in result.detections] == [("yes", 250)]
    assert result.lost_samples == 0
    with pytest.raises(DeviceError, match="lost 1 record of the board while listening to its microphone"):
        collect_sound(microphone_link(damaged=True), Collector(labels, 10, 16000, None, None), 400)


class Dripped(Played):
    """A port that gives a byte at a time."""

    def read(self, size: int) -> bytes:
        return super().read(1)


def test_a_microphone_whose_sound_comes_in_many_small_reads_is_not_called_silent() -> None:
    link = microphone_link(damaged=False)
    link.port, link.timeout_s = Dripped(link.port.heard), 2.0  # 200 reads of a millisecond between two records
    result = collect_sound(link, Collector(("silence", "yes"), 10, 16000, None, None), 200)
    assert result.sound.size == 200


def test_a_microphone_that_gives_no_sound_is_named_after_the_time_limit() -> None:
    link = link_that_hears()
    link.timeout_s = 0.05
    with pytest.raises(BoardTimeoutError):
        collect_sound(link, Collector(("silence", "yes"), 10, 16000, None, None), 200)
