# SPDX-License-Identifier: Apache-2.0
"""The two halves of a stream: what goes to the board, and what comes back."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from kws.core import lib
from kws.device.link import Link
from kws.device.protocol import Packet, pack
from kws.errors import ProtocolError
from kws.pipeline import Detection, Scores

BYTES_PER_SAMPLE = 2
MODULUS = 1 << 32
"""Positions on the line count samples modulo this."""


def ahead(position: int, base: int) -> int:
    """Return how far ``position`` lies past ``base``, both modulo 2^32; negative when it lies before."""
    return (position - base + MODULUS // 2) % MODULUS - MODULUS // 2


class Sender:
    """Sends audio as far as the board allows, and again from where it was lost.

    Attributes
    ----------
    accepted, end, allowed : int
        Positions modulo 2^32: accepted by the board, end of the audio, up to where it may be sent.
    drained_samples : int or None
        Samples heard by the board's pipeline, once it has said that it is through.
    repeated : int
        Samples sent more than once.
    bad_packets : int
        Messages that the board found damaged since this sender began.
    crc32 : int
        Of all audio since the last reset, this one included; ``crc32_before`` is that of the audio before it.
    """

    def __init__(self, link: Link, audio: bytes, start: int, allowed: int, crc32_before: int = 0) -> None:
        self._link = link
        self._audio = audio
        self._start = self.accepted = self._sent = start
        self._samples = len(audio) // BYTES_PER_SAMPLE
        self.end = (start + self._samples) % MODULUS
        self.allowed = allowed
        self.drained_samples: int | None = None
        self.crc32 = zlib.crc32(audio, crc32_before)
        self.repeated = 0
        self.bad_packets = 0
        self._bad_packets_before: int | None = None
        self._consumed = start
        self._flushed = False

    @property
    def accepted_samples(self) -> int:
        """Samples of this audio that the board has accepted."""
        return ahead(self.accepted, self._start)

    def describe(self) -> str:
        """Return what the board is known to have done, for messages of errors."""
        return (
            f"streaming: {ahead(self._sent, self._start)} of {self._samples} samples sent, {self.accepted_samples} "
            f"accepted, {ahead(self._consumed, self._start)} heard"
        )

    def send_allowed(self) -> None:
        """Send what the board has room for; ask for the end once all is sent."""
        if self._link.polling:
            return
        self._link.send_all(list(self._allowed_audio()))
        if self._sent == self.end and not self._flushed:
            self._link.send(lib.KWS_MESSAGE_FLUSH, pack("flush", position=self.end))
            self._flushed = True

    def _allowed_audio(self) -> Iterator[tuple[int, bytes]]:
        while self._sent != self.end:
            count = min(ahead(self.end, self._sent), int(lib.KWS_AUDIO_PACKET_SAMPLES))
            if ahead(self.allowed, self._sent) < count:
                return  # short frames would fill the board's buffer with headers: wait for a whole one
            at = ahead(self._sent, self._start) * BYTES_PER_SAMPLE
            samples = self._audio[at : at + count * BYTES_PER_SAMPLE]
            yield int(lib.KWS_MESSAGE_AUDIO), pack("audio", position=self._sent) + samples
            self._sent = (self._sent + count) % MODULUS

    def hear(self, packet: Packet) -> None:
        """Take notice of a STATUS or DRAINED.

        Raises
        ------
        ProtocolError
            If the board is through with other samples than were sent.
        """
        if packet.type == lib.KWS_MESSAGE_DRAINED:
            self._hear_drained(packet)
        elif packet.type == lib.KWS_MESSAGE_STATUS:
            self._hear_status(packet)

    def _hear_drained(self, packet: Packet) -> None:
        drained = packet.read("drained")
        if int(drained.position) != self.end:
            return
        if int(drained.crc32) != self.crc32:
            raise ProtocolError(
                f"{self._link.name} heard other samples than were sent (their CRC-32 is {int(drained.crc32):08x}, "
                f"expected {self.crc32:08x}): a damaged message passed the line's 16-bit check; run it again, and "
                "check the cable if it happens twice"
            )
        self.drained_samples = self._samples

    def _hear_status(self, packet: Packet) -> None:
        status = packet.read("status")
        self.accepted = int(status.accepted_samples)
        self.allowed = int(status.allowed_samples)
        self._consumed = int(status.consumed_samples)
        if self._bad_packets_before is None:
            self._bad_packets_before = int(status.bad_packets)
        self.bad_packets = int(status.bad_packets) - self._bad_packets_before
        if status.resend:
            self._link.poll()
        if self._link.answers_poll(status):
            # Nothing is on its way any more: what was sent and is not accepted is lost.
            self.repeated += ahead(self._sent, self.accepted)
            self._sent = self.accepted
            self._flushed = False


class Collector:
    """Turns records into detections, scores and feature frames.

    Attributes
    ----------
    detections : list of Detection
    count : int
        Records heard.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        num_features: int,
        sample_rate_hz: int,
        on_event: Callable[[Detection], None] | None,
        on_scores: Callable[[int, npt.NDArray[np.uint8], npt.NDArray[np.uint8]], None] | None,
    ) -> None:
        self._labels = labels
        self._num_features = num_features
        self._sample_rate_hz = sample_rate_hz
        self._on_event = on_event
        self._on_scores = on_scores
        self.detections: list[Detection] = []
        self.count = 0
        self._sample_index: list[int] = []
        self._frame_index: list[int] = []
        self._posteriors: list[npt.NDArray[np.uint8]] = []
        self._smoothed: list[npt.NDArray[np.uint8]] = []
        self._frames: list[npt.NDArray[np.int8]] = []

    def hear(self, packet: Packet) -> None:
        """Take notice of a record; other messages are ignored."""
        self.count += packet.is_record
        if packet.type == lib.KWS_MESSAGE_EVENT:
            self._hear_event(packet)
        elif packet.type == lib.KWS_MESSAGE_SCORES:
            self._hear_scores(packet)
        elif packet.type == lib.KWS_MESSAGE_FEATURES:
            self._hear_features(packet)

    def _hear_event(self, packet: Packet) -> None:
        event = packet.read("event")
        if event.label >= len(self._labels):
            raise _other_bundle(f"an event of label {event.label}", f"{len(self._labels)} labels")
        detection = Detection(
            label=self._labels[event.label],
            label_index=int(event.label),
            sample_index=int(event.sample_index),
            score=int(event.score),
            sample_rate_hz=self._sample_rate_hz,
        )
        self.detections.append(detection)
        if self._on_event is not None:
            self._on_event(detection)

    def _hear_features(self, packet: Packet) -> None:
        features = np.frombuffer(packet.tail("features"), np.int8)
        if features.size != self._num_features:
            raise _other_bundle(f"a frame of {features.size} features", f"{self._num_features}")
        self._frames.append(features)

    def _hear_scores(self, packet: Packet) -> None:
        scores = packet.read("scores")
        both = np.frombuffer(packet.tail("scores"), np.uint8)
        if both.size != 2 * len(self._labels):
            raise _other_bundle(f"{both.size} scores", f"two for each of {len(self._labels)} labels")
        both = both.reshape(2, len(self._labels))
        self._sample_index.append(int(scores.sample_index))
        self._frame_index.append(int(scores.frame_index))
        self._posteriors.append(both[0])
        self._smoothed.append(both[1])
        if self._on_scores is not None:
            self._on_scores(int(scores.sample_index), both[0], both[1])

    def scores(self) -> Scores:
        """Return every decision heard, in order."""
        shape = (-1, len(self._labels))
        return Scores(
            sample_index=np.array(self._sample_index, np.uint64),
            frame_index=np.array(self._frame_index, np.uint32),
            posteriors=np.array(self._posteriors, np.uint8).reshape(shape),
            smoothed=np.array(self._smoothed, np.uint8).reshape(shape),
        )

    def frames(self) -> npt.NDArray[np.int8]:
        """Return every feature frame heard, shape [frames, num_features]."""
        return np.array(self._frames, np.int8).reshape(-1, self._num_features)


def _other_bundle(got: str, expected: str) -> ProtocolError:
    return ProtocolError(
        f"the board sent {got} and its bundle has {expected}; its firmware is faulty or of another version: build and "
        "flash it again"
    )
