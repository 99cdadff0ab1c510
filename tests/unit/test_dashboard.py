# SPDX-License-Identifier: Apache-2.0
"""What the live page is told and what it writes. (`make check-dashboard` uses the page itself in a browser.)"""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import re
import socket
import struct
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from random_bundles import speech_like

import kws
from kws.audio import read_audio, write_wav
from kws.bundle import Bundle
from kws.cli import main
from kws.dashboard import history
from kws.dashboard.figures import SuiteFigures
from kws.dashboard.history import History
from kws.dashboard.server import Dashboard, Places, run
from kws.dashboard.sources import Block
from kws.decision import DecisionConfig, OperatingPoint, with_default
from kws.errors import AudioError, ConfigError
from kws.spotter import Spotter

ROOT = Path(__file__).parents[2]
MODEL, STREAM = ROOT / "models/speech_commands_12.kws", ROOT / "examples/stream.flac"


@pytest.fixture
def bundle_path(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    streaming_bundle.save(tmp_path / "random.kws")
    return tmp_path / "random.kws"


def blocks_of(sound: np.ndarray) -> list[Block]:
    return [Block(sound=sound[start : start + 1600]) for start in range(0, sound.size, 1600)]


def heard(spotter: Spotter, sound: np.ndarray) -> History:
    kept = History(spotter.listening)
    for block in blocks_of(sound):
        spotter.feed(block.sound)
        kept.add(block.sound, spotter.scores)
    return kept


def started(bundle_path: Path, sound: np.ndarray, folder: Path) -> Dashboard:
    places = Places(moments=folder / "moments", bundle=folder / "tuned.kws")
    page = Dashboard(kws.load(bundle_path), iter(()), "a test", places, None)
    for block in blocks_of(sound):
        page._message(block)
    return page


def test_events_at_the_spotters_own_thresholds_are_those_it_gave(bundle_path: Path) -> None:
    sound = speech_like(5.0, seed=5)
    spotter, other = kws.load(bundle_path), kws.load(bundle_path)
    expected = other.feed(sound)
    kept = heard(spotter, sound)
    assert kept.events(spotter.listening.thresholds) == expected
    assert expected
    assert kept.events([255 if limit else 0 for limit in spotter.listening.thresholds]) != expected


def told_by(page: Dashboard, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(page, "_tell", told.append)
    page._hear()
    return told


@contextmanager
def served(page: Dashboard, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve a page in a thread until the block ends, which ends it as Ctrl-C does; yields the address."""
    ready: queue.Queue[tuple[str, Any]] = queue.Queue()

    def on_ready(address: str) -> None:
        ready.put((address, asyncio.current_task()))

    def serve() -> None:
        with suppress(asyncio.CancelledError):
            run(page, host, 0, on_ready)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    address, task = ready.get(timeout=10)
    try:
        yield address
    finally:
        task.get_loop().call_soon_threadsafe(task.cancel)
        thread.join(10)
        assert not thread.is_alive(), "the server did not end"


def has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


def answered(address: str, path: str = "/", body: str | None = None, **headers: str) -> int:
    found = urlsplit(address)
    connection = http.client.HTTPConnection(str(found.hostname), found.port, timeout=10)
    connection.request("GET" if body is None else "POST", f"{path}?{found.query}", body=body, headers=headers)
    return connection.getresponse().status


@pytest.mark.parametrize(
    ("host", "names"),
    [("127.0.0.1", ["127.0.0.1", "LocalHost", "localhost:80"]), ("LOCALHOST", ["localhost"]), ("::1", ["[::1]"])],
)
def test_only_the_hosts_own_names_are_answered(bundle_path: Path, tmp_path: Path, host: str, names: list[str]) -> None:
    if host == "::1" and not has_ipv6():
        with pytest.raises(ConfigError, match=r"--host ::1 --port 0: .*; choose another"):
            run(started(bundle_path, np.zeros(1600, np.int16), tmp_path), host, 0, pytest.fail)
        return
    with served(started(bundle_path, np.zeros(1600, np.int16), tmp_path), host) as address:
        assert answered(address) == 200
        assert [answered(address, Host=name) for name in names] == [200] * len(names)
        for name in ("elsewhere.example", f"{host}.elsewhere.example", "[", ""):
            assert answered(address, Host=name) == 403
        assert answered(address, "/save", "{}", Host="elsewhere.example") == 403
        assert answered(re.sub("token=.*", "", address), "/save", "{}") == 403
        for odd in ('{"thresholds": {"left": 1e999}}', "[" * 100_000):
            assert answered(address, "/what-if", odd) == 400


def test_a_page_that_comes_later_is_told_the_newest_half_minute_and_that_all_is_over(
    bundle_path: Path, tmp_path: Path
) -> None:
    def told(address: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(address.replace("/?", "/stream?"), timeout=10) as stream:
            return [json.loads(line[6:]) for line in stream.read().splitlines() if line]

    places = Places(moments=tmp_path, bundle=tmp_path)
    page = Dashboard(kws.load(bundle_path), iter(blocks_of(np.zeros(400 * 1600, np.int16))), "a test", places, None)
    with served(page) as address:
        assert told(address)[-1] == {"ended": "a test is over"}
        *blocks, over = told(address)
        assert [block["start"] for block in blocks] == [1600 * index for index in range(102, 401)]
        assert over == {"ended": "a test is over"}


def test_a_page_that_does_not_read_keeps_nobody_waiting_and_one_that_goes_is_no_error(
    bundle_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def without_end() -> Iterator[Block]:
        while True:
            yield Block(sound=np.zeros(16_000, np.int16))
            time.sleep(0.001)

    page = Dashboard(kws.load(bundle_path), without_end(), "a test", Places(moments=tmp_path, bundle=tmp_path), None)
    with closing(socket.socket()) as slow, served(page) as address:
        found = urlsplit(address)
        for connection in (slow, socket.socket()):
            connection.connect((found.hostname, found.port))
            connection.send(f"GET /stream?{found.query} HTTP/1.1\r\nHost: {found.netloc}\r\n\r\n".encode())
        time.sleep(0.5)  # both are full
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()  # by a reset
        time.sleep(0.2)
        stopped_s = time.monotonic()
    assert time.monotonic() - stopped_s < 5.0
    assert not caplog.messages


def test_a_word_at_the_end_of_a_recording_is_told_before_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spotter = kws.load(MODEL)
    sound = read_audio(STREAM)[:24000]
    (word,) = spotter.listen(sound)
    assert word.sample_index > sound.size
    places = Places(moments=tmp_path / "moments", bundle=tmp_path / "tuned.kws")
    page = Dashboard(spotter, iter(blocks_of(sound)), "a test", places, None)
    *heard, over = told_by(page, monkeypatch)
    events = [event for message in heard for event in message["events"]]
    assert events == [[word.label, round(word.time_s, 3), word.score]]
    assert over == {"ended": "a test is over"}
    thresholds = dict(zip(spotter.labels, spotter.listening.thresholds, strict=True))
    assert page.what_if({"thresholds": thresholds})["events"] == events


def test_why_nothing_is_heard_any_more_is_told_in_the_terminal_too(
    bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unplugged() -> Iterator[Block]:
        yield Block(sound=np.zeros(1600, np.int16))
        raise AudioError("unplugged")

    page = Dashboard(kws.load(bundle_path), unplugged(), "a test", Places(moments=tmp_path, bundle=tmp_path), None)
    assert told_by(page, monkeypatch)[-1] == {"ended": "unplugged"}
    assert caplog.messages == ["unplugged"]


@pytest.mark.parametrize("source", [["nosuch.wav"], ["empty.wav"], ["--board", "nosuchboard"], []])
def test_what_cannot_be_listened_to_is_refused_before_a_page_is_served(
    bundle_path: Path, source: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bundle_path.parent)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    (bundle_path.parent / "empty.wav").write_bytes(b"")
    monkeypatch.setattr("kws.dashboard.server.run", lambda *_: pytest.fail("a page was served"))
    with pytest.raises(SystemExit) as stopped:
        main(["dashboard", bundle_path.name, *source])
    assert stopped.value.code == 2
    said = capsys.readouterr()
    assert said.err.startswith("kws: ")
    assert "open http" not in said.out


def test_what_has_become_too_old_is_forgotten(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT_S", 2)
    sound = speech_like(5.0, seed=5)
    kept = heard(kws.load(bundle_path), sound)
    assert 2.0 <= kept.seconds <= 2.11
    assert np.array_equal(kept.sound(4 * 16000, 5 * 16000), sound[4 * 16000 :])
    assert kept.sound(0, 16000).size == 0


def test_a_saved_moment_is_a_clip_of_its_label(bundle_path: Path, tmp_path: Path) -> None:
    sound = speech_like(5.0, seed=5)
    page = started(bundle_path, sound, tmp_path)
    wrote = Path(page.save({"label": "left", "from_s": 1.0, "to_s": 2.5})["wrote"])
    assert wrote.parent == tmp_path / "moments" / "left"
    assert np.array_equal(read_audio(wrote), sound[16000:40000])
    with pytest.raises(ConfigError, match=r"label '../etc': expected one of"):
        page.save({"label": "../etc", "from_s": 1.0, "to_s": 2.5})
    with pytest.raises(ConfigError, match="expected up to 30 s"):
        page.save({"label": "left", "from_s": 2.0, "to_s": 1.0})


def test_a_written_bundle_does_what_the_sliders_showed(bundle_path: Path, tmp_path: Path) -> None:
    sound = speech_like(5.0, seed=5)
    page = started(bundle_path, sound, tmp_path)
    first = kws.load(bundle_path).feed(sound)[0]
    asked = {"thresholds": {first.label: first.score - 3}}
    shown = page.what_if(asked)
    assert shown["figures"] is None
    page.write_bundle(asked)
    tuned = kws.load(tmp_path / "tuned.kws")
    assert [[e.label, round(e.time_s, 3), e.score] for e in tuned.feed(sound)] == shown["events"]
    assert shown["events"]
    chosen = tuned.bundle.decision.default_operating_point
    assert tuned.bundle.decision.operating_points[chosen].false_accepts_per_hour is None
    before, after = Bundle.load(bundle_path).decision.operating_points, list(tuned.bundle.decision.operating_points)
    del after[chosen]
    assert tuple(after) == before
    with pytest.raises(ConfigError, match="expected 0 to 255, one of them above 0"):
        page.write_bundle({"thresholds": {"left": 300}})


def decision(*thresholds: int, default: int = 0) -> DecisionConfig:
    points = tuple(OperatingPoint(thresholds=(0, one), false_accepts_per_hour=0.5) for one in thresholds)
    return DecisionConfig(operating_points=points, default_operating_point=default)


@pytest.mark.parametrize(
    ("before", "expected", "default"),
    [
        (decision(115, 140, 179, default=1), [115, 140, 150, 179], 2),
        (decision(243, 216, 130), [243, 216, 150, 130], 2),
        (decision(100), [100, 150], 1),
        (decision(150, 179, default=1), [150, 179], 0),
        (decision(1, 2, 3, 4, 5, 6, 7, 200, default=3), [1, 2, 3, 5, 6, 7, 150, 200], 6),
    ],
)
def test_a_point_that_was_set_stands_among_the_others_in_their_order(
    before: DecisionConfig, expected: list[int], default: int
) -> None:
    after = with_default(before, (0, 150))
    assert [point.thresholds[1] for point in after.operating_points] == expected
    assert after.default_operating_point == default
    assert set(before.operating_points) >= {p for p in after.operating_points if p.thresholds[1] != 150}


def test_what_was_measured_stays_with_its_point(bundle_path: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(bundle_path)
    told = [{"of": index} for index, _ in enumerate(bundle.decision.operating_points)]
    bundle.replace(metadata={**bundle.metadata, "calibration": told}).save(bundle_path)
    started(bundle_path, speech_like(1.0, seed=5), tmp_path).write_bundle({"thresholds": {"left": 7}})
    tuned = Bundle.load(tmp_path / "tuned.kws")
    stored = list(tuned.metadata["calibration"])
    assert stored.pop(tuned.decision.default_operating_point) == {}
    assert stored == told


def test_figures_of_a_suite_are_those_of_its_replay(bundle_path: Path, tmp_path: Path) -> None:
    (tmp_path / "clips" / "left").mkdir(parents=True)
    for index in range(3):
        write_wav(tmp_path / "clips" / "left" / f"{index}.wav", speech_like(1.0, seed=index))
    (tmp_path / "s.toml").write_text('bundle = "random.kws"\n[[recordings]]\npaths = ["clips"]\n')
    spotter = kws.load(bundle_path)
    figures = SuiteFigures(tmp_path / "s.toml", spotter.bundle, spotter.listening)
    replayed = kws.run_replay(kws.ReplayRequest(paths=tmp_path / "clips", bundle=bundle_path))
    assert replayed.false_rejects is not None
    assert figures.at(spotter.listening.thresholds)["missed"] == replayed.false_rejects.to_json()
    assert figures.at([0, 0, 255, 255])["missed"]["count"] == 3
    assert figures.at(spotter.listening.thresholds)["false_accepts_per_hour"] is None
