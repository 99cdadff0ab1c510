# SPDX-License-Identifier: Apache-2.0
"""The page of a replay: what its script is given is what the board said. (`make check-pages` uses it in a browser.)"""

import base64
import io
import itertools
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from random_bundles import speech_like

from kws import report
from kws.audio import write_wav
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay
from kws.report.page import replay_page
from kws.report.replay_det import replay_det


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for word in ("left", "right", "cat"):
        (tmp_path / "clips" / word).mkdir(parents=True)
        write_wav(tmp_path / "clips" / word / "one.wav", speech_like(1.0, seed=len(word)))
    return tmp_path / "clips"


@pytest.fixture
def result(clips: Path, bundle_path: Path) -> ReplayResult:
    return run_replay(ReplayRequest(paths=(clips,), bundle=bundle_path))


def page_data_of(page: str) -> dict[str, Any]:
    """The JSON that a page's script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_the_page_is_self_contained_and_shows_every_recording(result: ReplayResult) -> None:
    page = replay_page(result)
    outside = page.replace("http://www.w3.org/2000/svg", "")
    assert not any(word in outside for word in ("http://", "https://", "<script src", "@import", "url("))
    assert "default-src 'none'" in page
    entries = page_data_of(page)["recordings"]
    assert [entry["name"] for entry in entries] == [outcome.recording.name for outcome in result.outcomes]
    assert all(len(entry["sounds"]) == 1 for entry in entries)
    assert not any(entry.get("sounds") for entry in page_data_of(replay_page(result, audio=False))["recordings"])


def test_the_page_draws_what_the_board_said(result: ReplayResult) -> None:
    data = page_data_of(replay_page(result))
    for entry, outcome in zip(data["recordings"], result.outcomes, strict=True):
        plot, scores = entry["plot"], outcome.heard.scores
        raw = zlib.decompress(base64.b64decode(plot["packed"]))
        columns, decisions = plot["columns"], plot["decisions"]
        wave = np.frombuffer(raw[: 2 * columns], np.int8)
        steps = np.frombuffer(raw[len(raw) - 4 * decisions :], "<u4")
        curves = np.frombuffer(raw[2 * columns : len(raw) - 4 * decisions], np.uint8).reshape(-1, decisions)
        assert np.array_equal(np.cumsum(steps), scores.sample_index)
        indices = [result.listening.labels.index(label) for label in plot["labels"]]
        assert np.array_equal(curves, scores.smoothed[:, indices].T)
        assert np.abs(wave).max() == 127
        assert plot["end_s"] - plot["start_s"] == pytest.approx(outcome.streamed_samples / 16000, abs=1e-3)
        assert [event[0] for event in entry["events"]] == [event.label for event in outcome.heard.events]
        sound, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(entry["sounds"][0][1])), dtype="int16")
        assert rate_hz == 16000
        assert np.array_equal(sound, outcome.recording.load(16000))


def luminance(colour: str) -> float:
    parts = np.array([int(colour[index : index + 2], 16) for index in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_and_lines_stand_out_from_what_is_behind_them(scheme: int) -> None:
    """WCAG 2.2: texts 4.5 to 1, what else one must see 3 to 1; events and words are written in their hue."""
    css = (Path(report.__file__).parent / "assets/style.css").read_text()
    colours = dict(
        re.findall(r"--([\w-]+): (#\w{6})", css.split("@media screen and (prefers-color-scheme: dark)")[scheme])
    )
    behind = luminance(colours["card"]) + 0.05
    contrasts = {}
    for name, colour in colours.items():
        ratio = (luminance(colour) + 0.05) / behind
        contrasts[name] = max(ratio, 1 / ratio)
    texts = {"ink", "soft", "accent", "good", "bad", *(f"hue-{number}" for number in (0, *range(2, 12)))}
    assert {name: round(contrasts[name], 2) for name in texts if contrasts[name] < 4.5} == {}
    assert {name: round(contrasts[name], 2) for name in ("wave", "window", "hue-1") if contrasts[name] < 3.0} == {}


def test_the_page_sets_each_recording_beside_its_baseline(result: ReplayResult) -> None:
    baseline = json.loads(json.dumps(result.to_json()))
    baseline["recordings"][0]["predicted"] = "elsewhere"
    del baseline["recordings"][1]
    entries = page_data_of(replay_page(result, baseline=baseline))["recordings"]
    assert entries[0]["before"]["changed"]
    assert entries[0]["before"]["result"] == "elsewhere"
    assert "before" not in entries[1]
    assert not any(entry["before"]["changed"] for entry in entries[2:])


def test_the_page_counts_what_could_not_be_heard_among_the_mistakes(result: ReplayResult) -> None:
    baseline = json.loads(json.dumps(result.to_json()))
    gone = result.outcomes[0].recording.name
    unheard = {gone: "cut short", "clips/left/two.wav": "not readable as audio <at all>"}
    page = replay_page(replace(result, outcomes=result.outcomes[1:], unheard=unheard), baseline=baseline)
    entries = {entry["name"]: entry for entry in page_data_of(page)["recordings"]}
    assert [name for name in entries if name in unheard] == list(unheard)
    for name, why in unheard.items():
        entry = entries[name]
        assert (entry["result"], entry["mistakes"], entry["plot"]) == ("could not be heard", [[why, None]], None)
    assert entries[gone]["before"]["changed"]
    assert "before" not in entries["clips/left/two.wav"]
    assert "2 recordings could not be heard." in page


def test_a_long_recording_has_the_sound_of_its_mistakes_and_stays_small(tmp_path: Path, bundle_path: Path) -> None:
    write_wav(tmp_path / "long.wav", np.tile(speech_like(10.0), 12))
    lines = "file,label,start_s,end_s\nlong.wav,left,20,21\nlong.wav,left,22,23\nlong.wav,left,90,91\n"
    (tmp_path / "truth.csv").write_text(lines)
    request = ReplayRequest(paths=(tmp_path / "long.wav",), bundle=bundle_path, truth=tmp_path / "truth.csv")
    replayed = run_replay(request)
    assert len(replayed.outcomes[0].heard.scores.smoothed) > 2500
    page = replay_page(replayed)
    (entry,) = page_data_of(page)["recordings"]
    missed = [at for what, at in entry["mistakes"] if what.startswith("missed")]
    assert missed
    pieces = [
        (start, start + soundfile.info(io.BytesIO(base64.b64decode(data))).duration) for start, data in entry["sounds"]
    ]
    assert all(any(start <= max(0, at - 4) and end >= at + 3 for start, end in pieces) for at in missed)
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(pieces))
    assert len(replay_page(replayed, audio=False)) < 200_000


def test_the_det_curve_of_a_replay_runs_through_its_operating_point(tmp_path: Path, bundle_path: Path) -> None:
    write_wav(tmp_path / "long.wav", np.tile(speech_like(10.0), 20))
    (tmp_path / "truth.csv").write_text("file,label,start_s,end_s\nlong.wav,left,20,21\nlong.wav,right,90,91\n")
    request = ReplayRequest(paths=(tmp_path / "long.wav",), bundle=bundle_path, truth=tmp_path / "truth.csv")
    replayed = run_replay(request)
    curve = replay_det(replayed)
    limits = {limit for limit in replayed.listening.thresholds if limit}
    around = [point for point in curve if point.threshold <= min(limits)][-1:] + [
        point for point in curve if point.threshold >= max(limits)
    ][:1]
    assert replayed.false_rejects is not None
    assert around[0].misses.count <= replayed.false_rejects.count <= around[-1].misses.count
    assert curve[-1].rate.count <= curve[0].rate.count
    short = replace(replayed, outcomes=())
    assert replay_det(short) == []


def test_names_of_recordings_cannot_smuggle_markup_into_the_page(clips: Path, bundle_path: Path) -> None:
    for name in ("<img src=x onerror=alert(1)>.wav", "<!--<script>.wav"):
        write_wav(clips / "left" / name, speech_like(1.0))
    page = replay_page(run_replay(ReplayRequest(paths=(clips / "left",), bundle=bundle_path)))
    assert "<img" not in page
    assert "<!--" not in page
