# SPDX-License-Identifier: Apache-2.0
"""What the host sends, and when: the sender against a link that only writes down."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from kws.core import lib
from kws.device.protocol import Packet, pack
from kws.device.stream import MODULUS, Collector, Sender, ahead
from kws.errors import ProtocolError

PER_PACKET = lib.KWS_AUDIO_PACKET_SAMPLES


class WrittenDown:
    """Stands in for a Link."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self.name = "the board"
        self.polling = False
        self.token = 0

    def send(self, message_type: int, payload: bytes = b"") -> None:
        self.sent.append((message_type, payload))

    def send_all(self, messages: list[tuple[int, bytes]]) -> None:
        self.sent += messages

    def poll(self) -> None:
        self.polling = True
        self.token += 1

    def answers_poll(self, status) -> bool:
        answers = self.polling and status.poll_token == self.token
        self.polling = self.polling and not answers
        return answers

    def positions(self) -> list[int]:
        audio = [payload for kind, payload in self.sent if kind == lib.KWS_MESSAGE_AUDIO]
        return [struct.unpack_from("<I", payload)[0] for payload in audio]


def status(**fields: int) -> Packet:
    return Packet(type=lib.KWS_MESSAGE_STATUS, session=1, number=0, payload=pack("status", **fields))


def sender(samples: int, *, start: int = 0, allowed: int = 0) -> tuple[Sender, WrittenDown]:
    link = WrittenDown()
    audio = np.arange(samples, dtype="<i2").tobytes()
    return Sender(link, audio, start, allowed), link  # type: ignore[arg-type]


def test_nothing_is_sent_beyond_what_the_board_allows() -> None:
    send, link = sender(1000, allowed=3 * PER_PACKET)
    send.send_allowed()
    assert link.positions() == [0, PER_PACKET, 2 * PER_PACKET]


def test_no_short_frame_is_sent_while_more_audio_waits() -> None:
    send, link = sender(1000, allowed=PER_PACKET + 50)
    send.send_allowed()
    assert link.positions() == [0]


def test_the_last_frame_is_short_and_a_flush_follows_it_once() -> None:
    send, link = sender(PER_PACKET + 7, allowed=1000)
    send.send_allowed()
    send.send_allowed()
    kinds = [kind for kind, _ in link.sent]
    assert kinds == [lib.KWS_MESSAGE_AUDIO, lib.KWS_MESSAGE_AUDIO, lib.KWS_MESSAGE_FLUSH]
    assert (
        link.sent[1][1]
        == pack("audio", position=PER_PACKET) + np.arange(PER_PACKET, PER_PACKET + 7, dtype="<i2").tobytes()
    )


def test_after_a_loss_nothing_goes_out_until_the_poll_is_answered_and_then_from_there_on() -> None:
    send, link = sender(1000, allowed=3 * PER_PACKET)
    send.send_allowed()
    send.hear(status(accepted_samples=PER_PACKET, allowed_samples=4 * PER_PACKET, resend=1))
    send.send_allowed()
    assert len(link.positions()) == 3
    send.hear(status(accepted_samples=PER_PACKET, allowed_samples=4 * PER_PACKET, poll_token=link.token))
    send.send_allowed()
    assert link.positions()[3:] == [PER_PACKET, 2 * PER_PACKET, 3 * PER_PACKET]
    assert send.repeated == 2 * PER_PACKET


def test_a_status_without_loss_repeats_nothing() -> None:
    send, link = sender(1000, allowed=2 * PER_PACKET)
    send.send_allowed()
    send.hear(status(accepted_samples=PER_PACKET, allowed_samples=3 * PER_PACKET))
    send.send_allowed()
    assert link.positions() == [0, PER_PACKET, 2 * PER_PACKET]
    assert send.repeated == 0


def test_positions_wrap_at_two_to_the_32() -> None:
    start = MODULUS - PER_PACKET
    send, link = sender(2 * PER_PACKET, start=start, allowed=PER_PACKET)
    send.send_allowed()
    assert link.positions() == [start, 0]
    assert send.end == PER_PACKET
    send.hear(status(accepted_samples=0, allowed_samples=PER_PACKET))
    assert send.accepted_samples == PER_PACKET


def test_only_the_drained_record_of_this_audio_ends_the_stream() -> None:
    send, _ = sender(10, start=100, allowed=1000)
    send.send_allowed()
    send.hear(Packet(type=lib.KWS_MESSAGE_DRAINED, session=1, number=0, payload=pack("drained", position=100)))
    assert send.drained_samples is None
    send.hear(
        Packet(
            type=lib.KWS_MESSAGE_DRAINED, session=1, number=1, payload=pack("drained", position=110, crc32=send.crc32)
        )
    )
    assert send.drained_samples == 10


def test_a_board_that_heard_other_samples_is_found_out() -> None:
    send, _ = sender(10, allowed=1000)
    drained = pack("drained", position=10, crc32=send.crc32 ^ 1)
    with pytest.raises(ProtocolError, match="heard other samples than were sent"):
        send.hear(Packet(type=lib.KWS_MESSAGE_DRAINED, session=1, number=0, payload=drained))


def test_the_crc_goes_on_over_consecutive_audio() -> None:
    link = sender(1)[1]
    first = Sender(link, b"abcd", 0, 100)
    assert Sender(link, b"efgh", 2, 100, first.crc32).crc32 == zlib.crc32(b"abcdefgh")


@pytest.mark.parametrize(
    ("position", "base", "expected"), [(5, 3, 2), (3, 5, -2), (1, MODULUS - 1, 2), (MODULUS - 1, 1, -2)]
)
def test_ahead_is_signed_and_modular(position: int, base: int, expected: int) -> None:
    assert ahead(position, base) == expected


def test_records_become_scores_events_and_frames() -> None:
    heard: list[int] = []
    collector = Collector(("no", "yes"), 3, 16000, None, lambda at, posteriors, smoothed: heard.append(at))
    scores = pack("scores", sample_index=640, frame_index=1, num_labels=2) + bytes([1, 2, 3, 4])
    collector.hear(Packet(type=lib.KWS_MESSAGE_SCORES, session=1, number=0, payload=scores))
    event = pack("event", sample_index=2**40, label=1, score=200)
    collector.hear(Packet(type=lib.KWS_MESSAGE_EVENT, session=1, number=1, payload=event))
    features = pack("features", frame_index=1) + bytes([255, 0, 1])
    collector.hear(Packet(type=lib.KWS_MESSAGE_FEATURES, session=1, number=2, payload=features))
    assert collector.scores().posteriors.tolist() == [[1, 2]]
    assert collector.scores().smoothed.tolist() == [[3, 4]]
    assert heard == [640]
    assert collector.detections[0].label == "yes"
    assert collector.detections[0].sample_index == 2**40
    assert collector.frames().tolist() == [[-1, 0, 1]]
    assert collector.count == 3


@pytest.mark.parametrize(
    ("kind", "payload", "words"),
    [
        (lib.KWS_MESSAGE_EVENT, pack("event", sample_index=1, label=2, score=9), "an event of label 2"),
        (lib.KWS_MESSAGE_EVENT, pack("event", sample_index=1, label=255, score=9), "an event of label 255"),
        (lib.KWS_MESSAGE_SCORES, pack("scores", num_labels=3) + bytes(6), "6 scores"),
        (lib.KWS_MESSAGE_SCORES, pack("scores", num_labels=2) + bytes(3), "3 scores"),
        (lib.KWS_MESSAGE_SCORES, pack("scores", num_labels=0), "0 scores"),
        (lib.KWS_MESSAGE_FEATURES, pack("features", frame_index=1) + bytes(4), "a frame of 4 features"),
        (lib.KWS_MESSAGE_EVENT, b"", "message of 0 bytes"),
    ],
)
def test_records_beyond_the_bundle_are_faulty_firmware(kind: int, payload: bytes, words: str) -> None:
    collector = Collector(("no", "yes"), 3, 16000, None, None)
    with pytest.raises(ProtocolError, match=f"{words}.*flash"):
        collector.hear(Packet(type=kind, session=1, number=0, payload=payload))
