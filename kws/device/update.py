# SPDX-License-Identifier: Apache-2.0
"""A new bundle for a board over its serial line, while it stays in its case.

The board keeps the bundle it has until the new one has run: it is written beside it chunk by chunk, checked, started on
trial, compared with this computer score by score, and then confirmed. Whatever is interrupted before that, the board's
next start finds the old one (``firmware/core/kws_update.h``).
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws.bundle import Bundle
from kws.core import lib, status_text
from kws.device.board import Board
from kws.device.link import Link
from kws.device.protocol import Packet, pack
from kws.device.signature import Signature
from kws.errors import BoardRefusedError
from kws.model import Model
from kws.pipeline import Pipeline

CHUNK_BYTES = int(lib.KWS_UPDATE_MAX_CHUNK_BYTES)
TRIAL_S = 3.0
"""Of sound at least that the new bundle hears on the board and here before it is confirmed ..."""
TRIAL_DECISIONS = 8
"""... and so many decisions at least, however long its window is."""

OnProgress = Callable[[int, int], None]
"""Called with bytes that the board has, and bytes in all."""


@dataclass(frozen=True, kw_only=True)
class UpdateResult:
    """An update that succeeded."""

    board: str
    """Its name, as in ``firmware/boards``."""
    bundle_crc32: int
    """The bundle that runs, confirmed."""
    bytes: int
    """Of it."""
    compared_scores: int
    """Posteriors of the trial, all equal to this computer's."""
    seconds: float
    """Wall-clock time it took."""


def update_board(
    link: Link,
    bundle: Bundle,
    *,
    signature: Signature | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> UpdateResult:
    """Give a board a new bundle.

    Parameters
    ----------
    link : Link
        Open line to a board that runs the ``kws`` application; it may have no bundle yet.
    bundle : Bundle
    signature : Signature, optional
        For a board that takes signed bundles only; others do not look at it.
    on_progress : callable, optional

    Raises
    ------
    BoardRefusedError
        If the board refuses a step, with its reason, or does not hear with it what this computer hears. It keeps the
        bundle it had.
    BoardTimeoutError, ProtocolError, DeviceError
        If the board does not answer, or the line fails. It keeps the bundle it had.
    """
    started = time.monotonic()
    update = UpdateSteps(link)
    link.greet()
    update.transfer(bytes(bundle.data), bundle.crc32, on_progress, signature)
    running = update.step(lib.KWS_MESSAGE_UPDATE_START, b"", "starting the new bundle")
    if int(running.running_crc32) != bundle.crc32:
        raise BoardRefusedError(f"{link.name}: the new bundle did not start; the board went back to the one before")
    board = Board(link)
    scores = _compare(board, bundle)
    update.step(lib.KWS_MESSAGE_UPDATE_CONFIRM, b"", "confirming the new bundle")
    return UpdateResult(
        board=board.info.board,
        bundle_crc32=board.info.bundle_crc32,
        bytes=len(bundle.data),
        compared_scores=scores,
        seconds=time.monotonic() - started,
    )


class UpdateSteps:
    """The requests of an update, one by one; `update_board` is all of them."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def transfer(
        self, data: bytes, bundle_crc32: int, on_progress: OnProgress, signature: Signature | None = None
    ) -> None:
        """Write a bundle, with this checksum in its header, beside the one that runs, and have it checked."""
        begin = pack("update_begin", total_bytes=len(data), bundle_crc32=bundle_crc32)
        self.step(lib.KWS_MESSAGE_UPDATE_BEGIN, begin, "beginning an update")
        for start in range(0, len(data), CHUNK_BYTES):
            chunk = data[start : start + CHUNK_BYTES]
            request = pack("update_chunk", offset=start, crc32=zlib.crc32(chunk)) + chunk
            what = f"sending byte {start} of {len(data)}"
            self.step(lib.KWS_MESSAGE_UPDATE_CHUNK, request, what, received_bytes=start + len(chunk))
            on_progress(start + len(chunk), len(data))
        finish = signature.message() if signature is not None else b""
        self.step(lib.KWS_MESSAGE_UPDATE_FINISH, finish, "having the new bundle checked")

    def step(self, request: int, payload: bytes, what: str, *, received_bytes: int = 0) -> Any:
        """Send a request until its own answer comes; returns that.

        Raises
        ------
        BoardRefusedError
            With the board's reason.
        """

        def is_its_own(packet: Packet) -> bool:  # a request that was said twice is answered twice
            answer = packet.read("update_result")
            late = answer.error == lib.KWS_UPDATE_OK and answer.received_bytes < received_bytes
            return int(answer.request) == request and not late

        self._link.state = lambda: what
        result = self._link.ask(request, payload, lib.KWS_MESSAGE_UPDATE_RESULT, is_its_own).read("update_result")
        if result.error != lib.KWS_UPDATE_OK:
            raise BoardRefusedError(f"{self._link.name} refused while {what}: {reason(result)}")
        return result


def reason(result: Any) -> str:
    """Return in words why a board refused a step of an update."""
    reasons = {
        lib.KWS_UPDATE_NO_FLASH: "its firmware cannot write its flash; flash the bundle ('kws flash', or its emulator)",
        lib.KWS_UPDATE_SIZE: "no bundle has this size",
        lib.KWS_UPDATE_TOO_LARGE: f"the bundle is too large: there is room for {result.room_bytes} bytes",
        lib.KWS_UPDATE_NOT_BEGUN: "no update is going on: was the board reset? Try again",
        lib.KWS_UPDATE_CHUNK_SIZE: "a chunk has an impossible size or place",
        lib.KWS_UPDATE_CHUNK_CRC: "a chunk was damaged on its way; try again",
        lib.KWS_UPDATE_ORDER: f"a chunk does not continue the {result.received_bytes} bytes it has",
        lib.KWS_UPDATE_FLASH_FAILED: "its flash does not hold what is written to it; the chip may be worn out",
        lib.KWS_UPDATE_INCOMPLETE: f"only {result.received_bytes} bytes have come",
        lib.KWS_UPDATE_BUNDLE: f"it cannot run this bundle: {status_text(int(result.bundle_status))}",
        lib.KWS_UPDATE_OTHER: "what came is not the bundle that was announced",
        lib.KWS_UPDATE_TWO: "an update would lose its bundle of commands; flash both again ('kws flash')",
        lib.KWS_UPDATE_UNSIGNED: "it takes signed bundles only; sign it with 'kws sign bundle'",
        lib.KWS_UPDATE_SIGNATURE: "the signature is not one of its key for this bundle and version",
        lib.KWS_UPDATE_OLDER: "the version is lower than that of the bundle it has confirmed; sign a later version",
        lib.KWS_UPDATE_FIRST: "it takes signed updates only, and none before its first bundle is flashed ('kws flash')",
        lib.KWS_UPDATE_NO_TRIAL: "no bundle runs on trial: was the board reset? It is back to the one before",
    }
    return reasons.get(int(result.error), f"error {result.error}, which this host does not know")


def _compare(board: Board, bundle: Bundle) -> int:
    """Let the new bundle hear noise of changing loudness on the board and here; returns how many scores were equal."""
    rng, model = np.random.default_rng(1), Model(bundle)
    last_frame = model.window_frames - 1 + (TRIAL_DECISIONS - 1) * model.decision_frames
    decided = board.info.window_samples + last_frame * board.info.hop_samples
    count = max(round(TRIAL_S * board.info.sample_rate_hz), decided)
    loudness = 10.0 ** rng.uniform(1.0, 4.0, count // 400 + 1).repeat(400)[:count]
    samples = np.clip(rng.normal(size=count) * loudness, -32768, 32767).astype(np.int16)
    heard = board.stream(samples).scores
    here = Pipeline(bundle)
    here.feed(samples)
    if not np.array_equal(heard.posteriors, here.scores.posteriors):
        raise BoardRefusedError(
            f"{board.info.board} does not compute with the new bundle what this computer computes, and it was not "
            "confirmed: reset the board, and it goes back to the one before"
        )
    if not heard.posteriors.size:
        raise BoardRefusedError(
            f"{board.info.board} made no decision with the new bundle in {count} samples of noise, so nothing was "
            "compared and it was not confirmed: reset the board, and it goes back to the one before"
        )
    return int(heard.posteriors.size)
