# SPDX-License-Identifier: Apache-2.0
"""The page, the stream of what is heard, and what the page asks for."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import secrets
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.dashboard.figures import SuiteFigures
from kws.dashboard.history import KEPT_S, History
from kws.dashboard.sources import Block
from kws.decision import with_default
from kws.errors import ConfigError, KwsError
from kws.labels import folder_name
from kws.pipeline import Detection
from kws.report.page import SCRIPTS, embedded, render
from kws.report.page_data import header
from kws.spotter import Spotter

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

LOCAL = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")
"""Addresses that stand for every one of this computer, whatever a browser calls it."""
MOST_SAVED_S = 30.0
_TOLD_BLOCKS = 300
"""A page that comes later, or is loaded again, is told so many blocks at once: the half minute that it keeps."""
_WAITING_BLOCKS = 400
"""A page that falls further behind than so many blocks starts anew from the newest."""
_LAST_WORD_S = 1.0
"""A page that takes longer to read that the dashboard was stopped is left alone."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the page writes."""

    moments: Path
    """Folder for saved moments, in folders named by label."""
    bundle: Path
    """The bundle with the new operating point."""


class Dashboard:
    """What all open pages share.

    Parameters
    ----------
    spotter : Spotter
        Hears the blocks; just loaded.
    blocks : iterator of Block
        Runs in a thread of its own.
    source : str
        What is listened to, for the page.
    places : Places
    figures : SuiteFigures, optional
    """

    def __init__(
        self, spotter: Spotter, blocks: Iterator[Block], source: str, places: Places, figures: SuiteFigures | None
    ) -> None:
        self._spotter, self._blocks, self._source = spotter, blocks, source
        self._places, self._figures = places, figures
        self._history = History(spotter.listening)
        self._lock = threading.Lock()
        self._pages: set[asyncio.Queue[str]] = set()
        self._newest: deque[str] = deque(maxlen=_TOLD_BLOCKS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._ending = threading.Event()
        self.token = secrets.token_urlsafe(24)
        """Every request must bring it."""

    # -- hearing ------------------------------------------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to hear, unless it has begun: the first page that opens sees a recording from its beginning."""
        if self._loop is None:
            self._loop = loop
            self._hearing.start()

    def stop(self) -> None:
        """Hear no more."""
        self._ending.set()

    def wait(self) -> None:
        """Wait until nothing is heard any more: then what is listened to can be closed."""
        if self._loop is not None:
            self._hearing.join()

    def _hear(self) -> None:
        try:
            for block in self._blocks:
                if self._ending.is_set():
                    return
                self._tell(self._message(block))
            silence = np.zeros(self._spotter.listening.tail_samples, np.int16)  # a word at the end still counts
            self._tell(self._message(Block(sound=silence)))
            self._tell({"ended": f"{self._source} is over"})
        except KwsError as error:
            log.error(str(error))
            self._tell({"ended": str(error)})

    def _message(self, block: Block) -> dict[str, Any]:
        lead = self._spotter.listening.lead_samples
        with self._lock:
            start = self._history.end
            events = self._spotter.feed(block.sound)
            scores = self._spotter.scores
            self._history.add(block.sound, scores)
        heard = [index - lead for index in scores.sample_index.tolist()]
        return {
            "start": start,
            "pcm": base64.b64encode(block.sound.astype("<i2").tobytes()).decode("ascii"),
            "scores": list(zip(heard, scores.smoothed.tolist(), strict=True)),
            "events": self._times(events),
            "lost": block.lost,
            "board": _board_words(block),
        }

    def _tell(self, message: dict[str, Any]) -> None:
        text = json.dumps(message, separators=(",", ":"))
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hand_out, text)

    def _hand_out(self, text: str) -> None:
        self._newest.append(text)
        for queue in self._pages:
            if queue.qsize() >= _WAITING_BLOCKS:
                while not queue.empty():
                    queue.get_nowait()
            queue.put_nowait(text)

    def _times(self, events: Sequence[Detection]) -> list[list[Any]]:
        return [[event.label, round(event.time_s, 3), event.score] for event in events]

    # -- what pages ask for -------------------------------------------------------------------------------------

    def page(self) -> str:
        """The page, with what it needs to know."""
        listening = self._spotter.listening
        data = header(listening) | {
            "labels": listening.labels,
            "step_s": listening.decision_samples / listening.sample_rate_hz,
            "kept_s": KEPT_S,
            "token": self.token,
            "bundle": str(self._places.bundle),
        }
        return render(
            "dashboard.html.j2",
            {
                "title": f"Listening for {', '.join(listening.keywords)}",
                "subtitle": f"{Path(self._spotter.bundle.name).name}, operating point {self._spotter.operating_point}, "
                f"listening to {self._source}.",
                "tiles": [],
                "sources": "; connect-src 'self'",
                "data": embedded(data),
                "scripts": (*SCRIPTS, "dashboard.js"),
            },
        )

    def what_if(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Events of the last minutes, and the figures of the suite, at other thresholds."""
        row = self._row(asked)
        with self._lock:
            events = self._history.events(row)
            seconds = self._history.seconds
        figures = self._figures.at(row) if self._figures is not None else None
        return {"events": self._times(events), "seconds": round(seconds, 1), "figures": figures}

    def save(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Write a moment into the folder of a label."""
        rate_hz = self._spotter.sample_rate_hz
        label, from_s, to_s = str(asked["label"]), float(asked["from_s"]), float(asked["to_s"])
        if label not in self._spotter.labels:
            raise ConfigError(f"label {label!r}: expected one of {', '.join(self._spotter.labels)}")
        if not 0.0 < to_s - from_s <= MOST_SAVED_S:
            raise ConfigError(f"expected up to {MOST_SAVED_S:g} s and got {to_s - from_s:g} s; zoom in")
        with self._lock:
            sound = self._history.sound(round(max(0.0, from_s) * rate_hz), round(to_s * rate_hz))
        if not sound.size:
            raise ConfigError(f"the moment is older than {KEPT_S} s, which is all that is kept")
        folder = self._places.moments / folder_name(label)
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}_{round(1000 * max(0.0, from_s)):08d}.wav"
        folder.mkdir(parents=True, exist_ok=True)
        write_wav(path, sound, sample_rate_hz=rate_hz)
        return {"wrote": str(path)}

    def write_bundle(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Write a bundle that starts at the thresholds asked for; the points it had, and what was measured, stay."""
        bundle = self._spotter.bundle
        before, decision = bundle.decision.operating_points, with_default(bundle.decision, self._row(asked))
        metadata = dict(bundle.metadata)
        if "calibration" in metadata:
            told = dict(zip(before, metadata["calibration"], strict=False))
            metadata["calibration"] = [told.get(point, {}) for point in decision.operating_points]
        changed: Bundle = bundle.replace(decision=decision, metadata=metadata)
        changed.save(self._places.bundle)
        words = f"(CRC {changed.crc32:08x}), which starts at its operating point {decision.default_operating_point}"
        return {"wrote": f"{self._places.bundle} {words}"}

    def _row(self, asked: dict[str, Any]) -> list[int]:
        wanted = asked["thresholds"]
        listening = self._spotter.listening
        row = [int(wanted.get(label, 0)) if label in listening.keywords else 0 for label in listening.labels]
        if not any(row) or not all(0 <= threshold <= 255 for threshold in row):
            raise ConfigError(f"thresholds: expected 0 to 255, one of them above 0, and got {row}")
        return row

    # -- http ---------------------------------------------------------------------------------------------------

    def application(self, hosts: Sequence[str]) -> web.Application:
        """The web application; it answers to these host names only (none: to any), and only with the token."""
        from aiohttp import web

        async def guard(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
            token = request.query.get("token", "")
            if hosts and _name_of(request.host) not in hosts:
                return web.Response(status=403, text="this address is not the dashboard's\n")
            if not hmac.compare_digest(token.encode(), self.token.encode()):
                return web.Response(status=403, text="open the whole address that kws dashboard printed\n")
            return await handler(request)

        application = web.Application(middlewares=[web.middleware(guard)])
        application.router.add_get("/", self._serve_page)
        application.router.add_get("/stream", self._serve_stream)
        for path, answer in {"/what-if": self.what_if, "/save": self.save, "/bundle": self.write_bundle}.items():
            application.router.add_post(path, _answering(answer))

        async def on_shutdown(_: web.Application) -> None:
            self.stop()
            self._hand_out(json.dumps({"ended": "kws dashboard was stopped"}))

        application.on_shutdown.append(on_shutdown)
        return application

    async def _serve_page(self, _: web.Request) -> web.StreamResponse:
        from aiohttp import web

        return web.Response(text=self.page(), content_type="text/html", headers={"Cache-Control": "no-store"})

    async def _serve_stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: one message for each block."""
        from aiohttp import web

        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._pages.add(queue)
        for told in self._newest:
            queue.put_nowait(told)
        self.start(asyncio.get_running_loop())
        try:
            while True:
                text = await queue.get()
                await response.write(f"data: {text}\n\n".encode())
                if _is_end(text):
                    return response
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self._pages.discard(queue)


def _answering(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[web.Request], Awaitable[Any]]:
    async def handler(request: web.Request) -> Any:
        from aiohttp import web

        try:
            asked = await request.json()
            return web.json_response(await asyncio.to_thread(answer, asked))
        except (KwsError, OSError) as error:
            return web.json_response({"error": str(error)}, status=400)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
            return web.json_response({"error": "the request is not one that the page makes"}, status=400)

    return handler


def _is_end(text: str) -> bool:
    return text.startswith('{"ended"')


def _name_of(host: str) -> str | None:
    """The name in a Host header, in small letters and without the port; None if it is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _board_words(block: Block) -> str | None:
    """What a board says of itself, in one line."""
    told = block.statistics
    if told is None:
        return None
    parts = [f"{stage.stage} {stage.cycles:,} cycles" for stage in told.stages if stage.cycles]
    asleep = f"asleep {told.gated_frames / max(1, told.frames):.0%} of {told.frames} frames"
    stack = f"stack {told.stack_peak_bytes} bytes" if told.stack_peak_bytes else ""
    return ", ".join(filter(None, [asleep, *parts, stack]))


def run(dashboard: Dashboard, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; ``on_ready`` is told the address."""
    from aiohttp import web

    hosts = {LOCAL: [LOCAL, "localhost"]}.get(host, [] if host in EVERYWHERE else [host.lower()])
    name = f"[{host}]" if ":" in host else host

    async def serve() -> None:
        runner = web.AppRunner(dashboard.application(hosts), access_log=None, shutdown_timeout=_LAST_WORD_S)
        await runner.setup()
        try:
            try:
                site = web.TCPSite(runner, host, port)
                await site.start()
            except OSError as error:
                raise ConfigError(f"--host {host} --port {port}: {error.strerror}; choose another") from error
            chosen = runner.addresses[0][1]
            on_ready(f"http://{name}:{chosen}/?token={dashboard.token}")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    try:
        asyncio.run(serve())
    finally:
        dashboard.wait()
