# SPDX-License-Identifier: Apache-2.0
"""One board with a keyword spotter on it: ask what it is, stream audio to it, collect what it hears."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from kws.core import ffi, lib, status_text
from kws.device.link import Link, describe_fault
from kws.device.microphone import MicrophoneResult, collect_sound
from kws.device.monitor import Moment, moments
from kws.device.protocol import pack
from kws.device.statistics import Statistics, read_statistics
from kws.device.stream import Collector, Sender
from kws.errors import AudioError, BoardRefusedError, BoardTimeoutError, DeviceError
from kws.pipeline import Detection, Scores


@dataclass(frozen=True, kw_only=True)
class BoardInfo:
    """What a board says about itself."""

    board: str
    """Its name, as in ``firmware/boards``."""
    protocol_version: int
    clock_hz: int
    """Clock of all its cycle counts."""
    bundle_crc32: int
    """The bundle on it."""
    labels: tuple[str, ...]
    sample_rate_hz: int
    window_samples: int
    hop_samples: int
    num_features: int
    arena_bytes: int
    """Memory it has for a pipeline."""
    arena_needed_bytes: int
    """Memory this bundle needs."""
    static_bytes: int
    """RAM of data and buffers, without stack and arena; 0 = unknown."""
    started_by: str
    """``power``, ``pin``, ``software``, ``watchdog``, ``lockup`` or ``unknown``."""
    last_fault: str
    """The fault that ended the run before, in words; empty when it ended otherwise."""


@dataclass(frozen=True, kw_only=True)
class StreamResult:
    """What a board made of one :meth:`Board.stream`."""

    detections: list[Detection]
    scores: Scores
    """Empty when not asked for."""
    frames: npt.NDArray[np.int8]
    """Feature frames, shape [frames, num_features]; empty when not asked for."""
    samples: int
    """Heard by the board's pipeline: all that were given."""
    dropped_samples: int
    """Samples given but not heard; a stream that ends without an error has none."""
    repeated_samples: int
    """Sent again because the line damaged them."""
    bad_packets: int
    """Damaged messages, both directions."""
    seconds: float
    """Wall-clock time it took."""


class Board:
    """A board that runs the ``kws`` application; made by :func:`kws.device.open_board`.

    Parameters
    ----------
    link : Link
        Open line.
    on_close : sequence of callables
        Called by :meth:`close`, to end what belongs to the board (emulator, process).

    Raises
    ------
    BoardTimeoutError
        If nothing answers.
    ProtocolError
        If what answers speaks another version.
    BoardRefusedError
        If the board has no bundle, a corrupt one, or one that it has too little memory for.
    """

    def __init__(self, link: Link, on_close: Callable[[], None] = lambda: None) -> None:
        self._link = link
        self._on_close = on_close
        self._position = 0
        self.info = self._hello()
        self.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, and the emulator or process if there is one.

        A board with a microphone goes back to listening by itself.
        """
        with contextlib.suppress(DeviceError):
            self._link.send(lib.KWS_MESSAGE_GOODBYE)
        self._link.port.close()
        self._on_close()

    # -- what it is ---------------------------------------------------------------------------------------------

    def _hello(self) -> BoardInfo:
        info = self._link.greet()
        self._check_bundle(info)
        return BoardInfo(
            board=ffi.string(info.board).decode(errors="replace"),
            protocol_version=int(info.version),
            labels=tuple(self._label(index) for index in range(info.num_labels)),
            started_by=RESETS[info.reset] if info.reset < len(RESETS) else "unknown",
            last_fault=describe_fault(info.fault) if info.fault.exception else "",
            **{name: int(getattr(info, name)) for name in _INFO_NUMBERS},
        )

    def _check_bundle(self, info: Any) -> None:
        status = int(info.bundle_status)
        if status >= 0:
            return
        if status == lib.KWS_ERROR_ARENA:
            raise BoardRefusedError(
                f"{self._link.name}: the bundle needs an arena of {info.arena_needed_bytes} bytes and this board has "
                f"{info.arena_bytes}; use a smaller model or a board with more memory"
            )
        raise BoardRefusedError(
            f"{self._link.name} has no bundle that it can run: {status_text(status)}; "
            "flash a bundle, or give one on the command line"
        )

    def _label(self, index: int) -> str:
        self._link.state = lambda: f"asking for label {index}"
        packet = self._link.ask(
            lib.KWS_MESSAGE_LABEL,
            pack("label", index=index),
            lib.KWS_MESSAGE_LABEL_TEXT,
            accept=lambda packet: packet.read("label_text").index == index,  # not a late answer about the one before
        )
        return str(ffi.string(packet.read("label_text").text).decode(errors="replace"))

    def stats(self) -> Statistics:
        """Return the cost of each stage since the last :meth:`reset`."""
        self._link.state = lambda: "asking for statistics"
        packet = self._link.ask(lib.KWS_MESSAGE_STATISTICS, b"", lib.KWS_MESSAGE_STATISTICS_REPORT)
        return read_statistics(packet)

    # -- listening ----------------------------------------------------------------------------------------------

    def reset(
        self, *, operating_point: int | None = None, scores: bool = True, features: bool = False, times: bool = True
    ) -> None:
        """Forget all audio heard so far; choose what :meth:`stream` brings back.

        Parameters
        ----------
        operating_point : int, optional
            Index into the bundle's operating points; the bundle's default when omitted.
        scores : bool
            Whether every decision's posteriors come back.
        features : bool
            Whether every feature frame comes back.
        times : bool
            Whether the board times its stages for :meth:`stats`, which costs it a little itself.

        Raises
        ------
        BoardRefusedError
            If the bundle has no such operating point.
        """
        self._reset_again = partial(self._reset, operating_point, scores=scores, features=features, times=times)
        self._reset_again()

    def _reset(self, operating_point: int | None, *, scores: bool, features: bool, times: bool,
               microphone: bool = False) -> None:  # fmt: skip
        point = -1 if operating_point is None else operating_point
        choices = {
            lib.KWS_WANTED_SCORES: scores,
            lib.KWS_WANTED_FEATURES: features,
            lib.KWS_WANTED_TIMES: times,
            lib.KWS_WANTED_MICROPHONE | lib.KWS_WANTED_SOUND | lib.KWS_WANTED_WHILE_HOST_SPEAKS: microphone,
        }
        wanted = sum(bits for bits, chosen in choices.items() if chosen)
        self._link.state = lambda: "resetting it"
        request = pack("reset", operating_point=point, wanted=wanted)
        status = self._link.begin_session(request, lossy=microphone).read("status")
        if status.status == lib.KWS_ERROR_UNSUPPORTED and microphone:
            raise BoardRefusedError(
                f"{self._link.name} cannot listen: it has no microphone, or none at the bundle's sample rate; send it "
                "recordings instead"
            )
        if status.status < 0:
            raise BoardRefusedError(
                f"{self._link.name} refused operating point {point}: {status_text(int(status.status))}; "
                "'kws inspect' lists the operating points of a bundle"
            )
        self._position, self._crc32 = 0, 0
        self._allowed = int(status.allowed_samples)

    def stream(
        self,
        samples: npt.NDArray[np.int16],
        *,
        on_event: Callable[[Detection], None] | None = None,
        on_scores: Callable[[int, npt.NDArray[np.uint8], npt.NDArray[np.uint8]], None] | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> StreamResult:
        """Let the board hear samples, as fast as it can, and wait until it has heard them all.

        Audio of consecutive calls is one stream: sample indices count from the last :meth:`reset`. A board with a
        microphone keeps it for ``KWS_HOST_SILENCE_S`` (a minute) after the last call.

        Parameters
        ----------
        samples : int16 array, shape [n]
            Mono, at ``info.sample_rate_hz``.
        on_event : callable, optional
            Called with each detection as it arrives.
        on_scores : callable, optional
            Called with sample_index, posteriors and smoothed posteriors of each decision as it arrives.
        on_progress : callable, optional
            Called now and then with the number of these samples that the board has accepted, at last with all.

        Raises
        ------
        AudioError
            If the samples are not a one-dimensional int16 array.
        BoardTimeoutError
            If the board falls silent, or makes no progress any more.
        DeviceError
            If the line breaks, or the board crashes or restarts.
        """
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise AudioError(
                f"samples: expected int16 of shape [n], got {samples.dtype} of shape {list(samples.shape)}; "
                "read files with kws.audio.read_audio"
            )
        if self._position == 0 and time.monotonic() - self._link.spoke_at > lib.KWS_HOST_SILENCE_S / 2:
            self._reset_again()  # the board may have taken this computer for gone
        started = time.monotonic()
        bad_before = self._link.bad_packets
        audio = np.ascontiguousarray(samples, "<i2").tobytes()
        sender = Sender(self._link, audio, self._position, self._allowed, self._crc32)
        collector = Collector(self.info.labels, self.info.num_features, self.info.sample_rate_hz, on_event, on_scores)
        self._link.state = sender.describe
        self._run(sender, collector, on_progress)
        self._position, self._allowed, self._crc32 = sender.end, sender.allowed, sender.crc32
        return StreamResult(
            detections=collector.detections,
            scores=collector.scores(),
            frames=collector.frames(),
            samples=samples.size,
            dropped_samples=samples.size - (sender.drained_samples or 0),
            repeated_samples=sender.repeated,
            bad_packets=self._link.bad_packets - bad_before + sender.bad_packets,
            seconds=time.monotonic() - started,
        )

    def listen(
        self,
        num_samples: int,
        *,
        operating_point: int | None = None,
        features: bool = False,
        on_event: Callable[[Detection], None] | None = None,
    ) -> MicrophoneResult:
        """Let the board hear its own microphone, and return what it heard and what it made of it.

        The microphone starts anew; its first half second (``KWS_SETTLING_MS``) is thrown away, sample 0 is the one
        behind it. The offset is taken away (``kws_dc_blocker.h``).

        Parameters
        ----------
        num_samples : int
            At least so many; a few more may come.
        operating_point : int, optional
            As for :meth:`reset`.
        features : bool
            Whether every feature frame comes back.
        on_event : callable, optional
            Called with each detection as it arrives.

        Raises
        ------
        BoardRefusedError
            If the board has no microphone.
        BoardTimeoutError, DeviceError
            If board, microphone or line fail.
        """
        self._start_microphone(operating_point, features=features, times=False)
        self._link.state = lambda: "listening to its microphone"
        collector = Collector(self.info.labels, self.info.num_features, self.info.sample_rate_hz, on_event, None)
        result = collect_sound(self._link, collector, num_samples)
        self.reset(operating_point=operating_point)
        return result

    def monitor(self, *, operating_point: int | None = None) -> Generator[Moment, None, None]:
        """Yield what the board hears through its own microphone, piece by piece, until the caller stops.

        It goes on as fast as the caller takes the pieces: one that stops taking them for long loses sound.

        Parameters
        ----------
        operating_point : int, optional
            As for :meth:`reset`.

        Raises
        ------
        BoardRefusedError
            If the board has no microphone.
        BoardTimeoutError, DeviceError
            If board, microphone or line fail.
        """
        self._start_microphone(operating_point, features=False, times=True)
        self._link.state = lambda: "listening to its microphone"
        try:
            yield from moments(self._link, self.info.labels, self.info.num_features, self.info.sample_rate_hz)
        finally:
            with contextlib.suppress(DeviceError):
                self.reset(operating_point=operating_point)

    def _start_microphone(self, operating_point: int | None, *, features: bool, times: bool) -> None:
        try:
            self._reset(operating_point, scores=True, features=features, times=times, microphone=True)
        except BoardRefusedError:
            self.reset()  # it still takes audio from the line
            raise

    def _run(self, sender: Sender, collector: Collector, on_progress: Callable[[int], None] | None) -> None:
        progressed_at, marks = time.monotonic(), (0, 0)
        while sender.drained_samples is None:
            sender.send_allowed()
            for packet in self._link.receive(wait_s=0.02):
                self._link.check_error(packet, session_runs=True)
                sender.hear(packet)
                collector.hear(packet)
            now = time.monotonic()
            if (sender.accepted, collector.count) != marks:
                progressed_at, marks = now, (sender.accepted, collector.count)
                if on_progress is not None:
                    on_progress(sender.accepted_samples)
            elif now - progressed_at > self._link.timeout_s:
                raise BoardTimeoutError(
                    f"{self._link.name} answers but has made no progress for {self._link.timeout_s:g} s while "
                    f"{sender.describe()}; the line is too noisy, or the board is stuck: reset it"
                )
        if on_progress is not None:
            on_progress(sender.drained_samples)


RESETS = ("unknown", "power", "pin", "software", "watchdog", "lockup")
"""By ``kws_reset_t``."""
_INFO_NUMBERS = (
    "clock_hz",
    "bundle_crc32",
    "sample_rate_hz",
    "window_samples",
    "hop_samples",
    "num_features",
    "arena_bytes",
    "arena_needed_bytes",
    "static_bytes",
)
