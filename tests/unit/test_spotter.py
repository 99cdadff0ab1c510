# SPDX-License-Identifier: Apache-2.0
"""kws.load(...): takes audio as people have it, and hears exactly what kws replay hears."""

import builtins
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from random_bundles import random_bundle, speech_like

import kws
from kws.audio import write_wav
from kws.bundle import Bundle
from kws.errors import AudioError, ConfigError, ToolMissingError
from kws.evaluation.clips import evaluate_clips
from kws.evaluation.request import EvaluationRequest, evaluate_request
from kws.gate import GateConfig
from kws.harness.baseline import compare, read_baseline
from kws.harness.run import ReplayRequest, run_replay
from kws.harness.verdict import Verdict
from kws.pipeline import Detection
from kws.report.junit import write_junit
from kws.report.page import replay_page, write_page
from kws.spotter import Spotter


@pytest.fixture
def spotter(streaming_bundle: Bundle) -> Spotter:
    return kws.load(streaming_bundle)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for word in ("left", "right"):
        (tmp_path / "clips" / word).mkdir(parents=True)
        for index, seconds in enumerate((0.4, 0.98, 1.0, 1.07, 2.5)):
            write_wav(tmp_path / "clips" / word / f"{index}.wav", speech_like(seconds, seed=len(word) + index))
    return tmp_path / "clips"


def blocks_of(samples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (samples[start : start + size] for start in range(0, len(samples), size))


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("make", [{"seed": 1}, {"seed": 2, "streaming": False}, {"seed": 3, "gate": GateConfig()}])
def test_listening_to_files_gives_the_events_of_a_replay(
    clips: Path, tmp_path: Path, make: dict[str, Any], labelled: bool
) -> None:
    random_bundle(**make).save(tmp_path / "random.kws")
    if not labelled:
        for word in ("left", "right"):
            (clips / word).rename(clips / f"take {word}")
    result = run_replay(ReplayRequest(paths=[str(clips)], bundle=str(tmp_path / "random.kws")))
    assert all((outcome.recording.expected is not None) == labelled for outcome in result.outcomes)
    spotter = kws.load(str(tmp_path / "random.kws"))
    events = 0
    for outcome in result.outcomes:
        start = outcome.start_sample
        heard = [replace(event, sample_index=event.sample_index - start) for event in outcome.heard.events]
        assert spotter.listen(str(outcome.recording.path)) == heard
        events += len(heard)
    assert events > 20


def test_classifying_a_clip_gives_the_verdict_of_an_evaluation(clips: Path, streaming_bundle: Bundle) -> None:
    files = sorted(path for path in clips.rglob("*.wav") if path.name != "4.wav")
    score = evaluate_request(streaming_bundle, EvaluationRequest(paths=[str(file) for file in files])).clips
    assert score is not None
    spotter = kws.load(streaming_bundle)
    for file, predicted, posteriors in zip(files, score.predicted, score.posteriors, strict=True):
        verdict = spotter.classify(file)
        assert verdict.label == spotter.labels[predicted]
        assert list(verdict.posteriors.values()) == [value / 255 for value in posteriors.tolist()]
        assert verdict.posterior == max(verdict.posteriors.values())


def test_a_clip_too_long_for_one_decision_is_not_classified(spotter: Spotter) -> None:
    with pytest.raises(AudioError, match=r"at most 0.99 s.*got 2.50 s; use listen"):
        spotter.classify(speech_like(2.5))


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 32000), max_size=6), rate=st.sampled_from([8000, 16000, 44100]))
def test_blocks_of_any_size_and_rate_are_heard_as_the_whole(cuts: list[int], rate: int) -> None:
    spotter = kws.load(random_bundle(seed=1))
    samples = speech_like(2.0, seed=4)
    whole = spotter.listen(samples, rate)
    blocks = np.split(samples, sorted(cuts))
    assert whole
    assert list(spotter.listen(iter(blocks), rate)) == whole
    fed: list[Detection] = []
    for block in blocks:
        fed += spotter.feed(block, rate)
    assert fed + spotter.flush() == whole
    assert spotter.feed(samples, rate) + spotter.flush() == whole, "flush() forgets the stream"


def test_listening_does_not_disturb_a_stream(spotter: Spotter) -> None:
    samples = speech_like(2.0, seed=6)
    whole = spotter.listen(samples)
    fed = spotter.feed(samples[:9000])
    spotter.listen(speech_like(1.0))
    assert fed + spotter.feed(samples[9000:]) + spotter.flush() == whole


def test_reset_forgets_a_stream(spotter: Spotter) -> None:
    samples = speech_like(2.0, seed=6)
    spotter.feed(speech_like(1.3))
    spotter.reset()
    assert spotter.feed(samples) + spotter.flush() == spotter.listen(samples)
    assert spotter.flush() == []


def test_every_form_of_the_same_samples_is_heard_the_same(spotter: Spotter) -> None:
    samples = speech_like(1.5, seed=7)
    heard = spotter.listen(samples)
    assert heard
    floats = samples / 32768.0
    forms = [
        samples[:, np.newaxis], samples[np.newaxis], samples.tolist(), samples.astype(np.int64), floats,
        floats.astype(np.float32), floats.tolist(), floats.astype(np.float32)[:, np.newaxis],
    ]  # fmt: skip
    assert all(spotter.listen(form) == heard for form in forms)
    assert list(spotter.listen(list(blocks_of(samples, 700)))) == heard


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_samples_with_their_rate_are_heard_as_the_file(spotter: Spotter, tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(2.0, seed=8), rate, subtype="PCM_16")
    heard = spotter.listen(tmp_path / "a.wav")
    assert heard
    assert spotter.listen(*soundfile.read(tmp_path / "a.wav", dtype="int16")) == heard
    assert spotter.listen(*soundfile.read(tmp_path / "a.wav", dtype="float64")) == heard
    assert spotter.listen(soundfile.read(tmp_path / "a.wav")[0]) != heard, "without the rate it is other audio"


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.zeros((100, 2), np.int16), None, r"samples\[:, 0\].*samples.mean\(axis=1\)"),
        (np.zeros(100, np.uint8), None, "got uint8; scale them"),
        (np.array([0.0, np.nan]), None, "NaN"),
        (np.array([0.0, 12000.0]), None, r"floats from -1 to 1 and got up to 12000.*astype"),
        (np.array([0, 1 << 30]), None, r"samples / 2\*\*31"),
        (np.array(["a"]), None, "expected int16, or floats"),
        (np.zeros(0, np.int16), None, "got 0 samples"),
        ([[1, 2], [1]], None, "different lengths"),
        ([[1, 2], [3, 4], [5, 6]], None, "expected one channel"),
        (np.zeros(100, np.int16), 0, "rate=44100"),
        (np.zeros(100, np.int16), float("nan"), "rate=44100"),
        (np.zeros(100, np.int16), float("inf"), "rate=44100"),
        (np.zeros(100, np.int16), 44100.5, "got 44100.5"),
        (np.zeros(100, np.int16), "44100", "got '44100'"),
        ("no/such.wav", None, "no such file"),
        ("no/such.wav", 16000, "says its own"),
        (b"\0\0", None, "got bytes; turn bytes.*frombuffer"),
        (None, None, "expected"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_call_that_does_it(
    spotter: Spotter, audio: object, rate: object, message: str
) -> None:
    with pytest.raises(AudioError, match=message):
        list(spotter.listen(audio, rate))  # type: ignore[call-overload]


def test_a_rate_that_changes_within_a_stream_is_refused(spotter: Spotter) -> None:
    spotter.feed(speech_like(0.1), 48000)
    with pytest.raises(AudioError, match=r"began at 48000 Hz.*feed\(block, rate=48000\)"):
        spotter.feed(speech_like(0.1))


def test_an_operating_point_that_is_not_there_is_refused(streaming_bundle: Bundle) -> None:
    assert kws.load(streaming_bundle, operating_point=1).keywords == ("left", "right")
    for index in (-1, 2):
        with pytest.raises(ConfigError, match="expected 0 to 1"):
            kws.load(streaming_bundle, operating_point=index)


def test_what_is_printed_is_short_and_names_its_scale(spotter: Spotter, clips: Path, tmp_path: Path) -> None:
    event = Detection(label="left", label_index=2, sample_index=8000, score=204)
    assert repr(event) == "Detection('left' at 0.50 s, score 204 of 255)"
    assert (event.time_s, event.posterior) == (0.5, 0.8)
    assert repr(spotter.listen(speech_like(1.0))).startswith("[Detection('")
    assert "posteriors of 1" in repr(spotter.classify(speech_like(1.0)))
    spotter.bundle.save(tmp_path / "random.kws")
    result = run_replay(ReplayRequest(paths=str(clips), bundle=str(tmp_path / "random.kws")))
    for thing in (spotter, spotter.bundle, result, result.outcomes[0], result.outcomes[0].heard.scores):
        assert len(repr(thing)) < 200
        assert "object at 0x" not in repr(thing)
    assert repr(result).startswith("ReplayResult(10 recordings, ")


def test_notebooks_see_a_picture(spotter: Spotter, clips: Path, tmp_path: Path) -> None:
    spotter.bundle.save(tmp_path / "random.kws")
    result = run_replay(ReplayRequest(paths=str(clips), bundle=str(tmp_path / "random.kws")))
    for shown in (spotter.listen(speech_like(2.0)), result):
        html = shown._repr_html_()
        assert html is not None
        assert html.startswith("<iframe srcdoc=")
        assert "application/json" in html
    assert "<meter" in spotter.classify(speech_like(1.0))._repr_html_()


def test_results_become_data_frames_where_pandas_is(
    spotter: Spotter, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Frame:
        def __init__(self, rows: list, columns: list) -> None:
            self.rows, self.columns = rows, columns

    spotter.bundle.save(tmp_path / "random.kws")
    result = run_replay(ReplayRequest(paths=str(clips), bundle=str(tmp_path / "random.kws")))
    heard = spotter.listen(speech_like(2.0))
    monkeypatch.setitem(sys.modules, "pandas", type("pandas", (), {"DataFrame": Frame}))
    assert heard.to_frame().rows[0]["posterior"] == heard[0].posterior
    assert [row["name"] for row in result.to_frame().rows] == [outcome.recording.name for outcome in result.outcomes]
    assert [row["label"] for row in spotter.classify(speech_like(1.0)).to_frame().rows] == list(spotter.labels)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ToolMissingError, match="pip install pandas"):
        heard.to_frame()


def test_the_package_shows_its_names_and_loads_nothing_heavy() -> None:
    for name in kws.__all__:
        assert getattr(kws, name).__module__ == kws._HOMES[name], name
    assert set(dir(kws)) == {*kws.__all__, "__version__"}
    with pytest.raises(AttributeError, match="it has Bundle"):
        kws.laod  # noqa: B018
    check = "import kws, sys; dir(kws); print([m for m in ('numpy', 'soundfile', 'rich') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_decisions_behind_the_detections_are_there(spotter: Spotter) -> None:
    samples = speech_like(1.0, seed=9)
    heard = spotter.listen(samples)
    inside = heard.scores.sample_index.astype(int) - heard.lead_samples
    assert np.array_equal(heard.samples, samples)
    assert inside[-1] <= samples.size + 16000
    clean = evaluate_clips(spotter.bundle, samples[np.newaxis], [0]).posteriors[0]
    assert clean.size == heard.scores.posteriors.shape[1]
    assert {event.sample_index for event in heard} <= set(inside.tolist())


def test_without_jinja_notebooks_show_text(spotter: Spotter, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: object, **more: object) -> object:
        if name in ("jinja2", "markupsafe"):
            raise ImportError(name)
        return real(name, *arguments, **more)  # type: ignore[arg-type]

    heard = spotter.listen(speech_like(1.0))
    monkeypatch.setattr(builtins, "__import__", without)
    assert heard._repr_html_() is None


def test_paths_may_be_strings_and_one_path_stands_for_itself(clips: Path, tmp_path: Path, spotter: Spotter) -> None:
    folder = str(tmp_path)
    spotter.bundle.save(f"{folder}/a.kws")
    (tmp_path / "truth.csv").write_text("file,label\n" + "".join(f"{n}.wav,left\n" for n in range(5)), encoding="utf-8")
    request = ReplayRequest(paths=f"{folder}/clips/left", bundle=f"{folder}/a.kws", truth=f"{folder}/truth.csv")
    result = run_replay(request)
    assert [outcome.recording.expected for outcome in result.outcomes] == ["left"] * 5
    result.write_json(f"{folder}/a.json")
    assert compare(result, read_baseline(f"{folder}/a.json")).identical
    write_junit(f"{folder}/a.xml", Verdict(result=result, gates=()))
    write_page(f"{folder}/a.html", replay_page(result))
    streams = EvaluationRequest(paths=f"{folder}/clips", mix=f"{folder}/clips/left/4.wav", negatives=f"{folder}/clips")
    evaluation = evaluate_request(kws.Bundle.load(f"{folder}/a.kws"), streams)
    evaluation.write_json(f"{folder}/e.json")
    assert evaluation.points
