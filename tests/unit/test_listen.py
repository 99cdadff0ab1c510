# SPDX-License-Identifier: Apache-2.0
"""kws listen: what a microphone or a file holds goes through the pipeline, and is printed with its time."""

import csv
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from random_bundles import speech_like
from typer.testing import CliRunner

import kws
from kws.audio import write_wav
from kws.bundle import Bundle
from kws.captures import Captures
from kws.cli import build_app
from kws.cli.listen import listen
from kws.datasets.recorder import MicrophoneTakes
from kws.errors import AudioError, ConfigError, ToolMissingError
from kws.microphone import Microphone
from kws.pipeline import Detection, Scores
from kws.samples import BlockResampler


class PortAudioError(Exception):
    """As sounddevice raises it."""


class FakeStream:
    """An input that plays a recording and then fails, as an unplugged microphone does."""

    def __init__(self, audio: np.ndarray, overflows: Iterator[bool]) -> None:
        self.audio, self.overflows = audio, overflows

    def __enter__(self) -> "FakeStream":
        return self

    def __exit__(self, *_: object) -> None: ...

    def read(self, count: int) -> tuple[np.ndarray, bool]:
        if self.audio.size < count:
            raise PortAudioError("unplugged")
        block, self.audio = self.audio[:count], self.audio[count:]
        return block[:, np.newaxis], next(self.overflows, False)


Plug = Callable[..., np.ndarray]


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Plug:
    def plug(*, rates_hz: tuple[int, ...] = (16000,), overflows: tuple[bool, ...] = ()) -> np.ndarray:
        audio = speech_like(3.0, seed=5)

        def check(device: object, *, samplerate: int, **_: object) -> None:
            if samplerate not in rates_hz:
                raise PortAudioError("Invalid sample rate")

        def stream(*, samplerate: int, **_: object) -> FakeStream:
            check(None, samplerate=samplerate)
            return FakeStream(audio, iter(overflows))

        fake = SimpleNamespace(InputStream=stream, check_input_settings=check, PortAudioError=PortAudioError)
        monkeypatch.setitem(sys.modules, "sounddevice", fake)
        return audio

    return plug


@pytest.fixture
def bundle_path(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    streaming_bundle.save(tmp_path / "random.kws")
    return tmp_path / "random.kws"


def test_blocks_are_the_recording_and_an_unplugged_microphone_is_reported(plug: Plug) -> None:
    audio = plug()
    blocks = Microphone().blocks()
    assert np.array_equal(np.concatenate(list(islice(blocks, 30))), audio)
    with pytest.raises(AudioError, match=r"failed \(unplugged\).*still connected"):
        next(blocks)


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_a_microphone_of_another_rate_is_resampled(plug: Plug, rate_hz: int) -> None:
    audio = plug(rates_hz=(rate_hz,))
    heard = np.concatenate(list(islice(Microphone(16000).blocks(), 3000 * 16 // (rate_hz // 10))))
    assert np.array_equal(heard, BlockResampler(rate_hz, 16000).feed(audio)[: heard.size])


def test_a_take_is_as_long_as_asked_for_at_any_rate(plug: Plug) -> None:
    plug(rates_hz=(44100,))
    levels: list[float] = []
    assert MicrophoneTakes().record(0.8, levels.append).size == round(0.8 * 16000)
    assert len(levels) >= 16


def test_a_microphone_that_knows_no_rate_is_refused(plug: Plug) -> None:
    plug(rates_hz=())
    with pytest.raises(AudioError, match=r"no microphone to listen to \(Invalid sample rate\).*--device"):
        Microphone()


def test_every_event_of_the_microphone_is_printed(
    plug: Plug, bundle_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = plug(overflows=(False, True, False, True))
    with pytest.raises(AudioError, match="failed"):
        listen(bundle_path)
    printed = capsys.readouterr().out
    spotter = kws.load(bundle_path)
    expected = spotter.feed(audio)
    assert expected
    assert all(f"{event.time_s:8.2f} s  {event.label}  {event.posterior:.2f}" in printed for event in expected)
    assert printed.count("audio was lost") == 2


def test_every_event_of_files_is_printed_under_their_name(
    bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    for index in range(2):
        write_wav(tmp_path / "some" / f"[{index}].wav", speech_like(2.0, seed=index))
    listen(bundle_path, [Path("some")])
    printed = capsys.readouterr().out
    spotter = kws.load(bundle_path)
    for index in range(2):
        path = Path("some") / f"[{index}].wav"
        detections = spotter.listen(path)
        lines = [f"{path}, 2.0 s"]
        lines += [f"{event.time_s:8.2f} s  {event.label}  {event.posterior:.2f}" for event in detections]
        assert len(lines) > 1
        assert "\n".join(lines) + "\n" in printed


def test_a_file_without_a_word_is_said_to_have_none(
    bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav("silent.wav", np.zeros(8000, np.int16))
    listen(bundle_path, [Path("silent.wav")], operating_point=1)
    assert capsys.readouterr().out == "silent.wav, 0.5 s; none of left, right\n"


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_heard(bundle_path: Path, tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "a.wav").write_text("no audio")
    write_wav(tmp_path / "some" / "b.wav", np.zeros(8000, np.int16))
    for extra in ([], ["--commands", str(bundle_path)]):
        command = ["listen", str(bundle_path), str(tmp_path / "some"), *extra]
        done = CliRunner().invoke(build_app({"listen": "kws.cli.listen"}), command)
        assert done.exit_code == 2
        assert f"kws: {tmp_path / 'some' / 'a.wav'}" in done.stderr
        assert f"{tmp_path / 'some' / 'b.wav'}, 0.5 s" in done.stdout


def test_a_microphone_and_files_at_once_are_refused(bundle_path: Path) -> None:
    with pytest.raises(ConfigError, match="--device \\(a microphone\\) and --board: expected one"):
        listen(bundle_path, [Path("a.wav")], device="1")


def test_without_sounddevice_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ToolMissingError, match=r"listening to a microphone needs|pip install"):
        Microphone()


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "captures.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_word_is_kept_with_its_sound_and_so_are_near_misses(bundle_path: Path, tmp_path: Path) -> None:
    audio = speech_like(6.0, seed=3)
    write_wav(tmp_path / "a.wav", audio)
    spotter = kws.load(bundle_path)
    detections = spotter.listen(audio)
    highest = max(spotter.listening.thresholds)
    listen(bundle_path, [tmp_path / "a.wav"], save=tmp_path / "kept", near=0.05)
    rows = rows_of(tmp_path / "kept")
    fired = [row for row in rows if row["kind"] == "detection"]
    assert [(row["word"], int(row["score"])) for row in fired] == [(d.label, d.score) for d in detections]
    for row, detection in zip(fired, detections, strict=True):
        assert row["file"].startswith(f"{detection.label}/a_")
        first = max(0, detection.sample_index - 25600)
        kept = kws.read_audio(tmp_path / "kept" / row["file"])
        assert np.array_equal(kept, audio[first : detection.sample_index + 6400])
    near = [row for row in rows if row["kind"] == "near"]
    assert all(int(row["score"]) >= 13 and row["file"].startswith("near_misses/") for row in near)
    assert highest
    result = kws.run_replay(kws.ReplayRequest(paths=tmp_path / "kept", bundle=bundle_path))
    assert len(result.outcomes) == len(rows)  # a folder that a replay reads, and judges by its labels
    assert {o.recording.expected for o in result.clips} >= {row["word"] for row in fired}


def scores_at(values: list[int], step: int = 640) -> Scores:
    smoothed = np.zeros((len(values), 4), np.uint8)
    smoothed[:, 2] = values
    indices = 16000 + step * np.arange(1, len(values) + 1)
    return Scores(
        sample_index=indices.astype(np.uint64),
        frame_index=np.arange(len(values), dtype=np.uint32),
        posteriors=smoothed,
        smoothed=smoothed,
    )


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_a_near_miss_is_a_peak_that_fired_nothing(bundle_path: Path, tmp_path: Path, chunk: int) -> None:
    spotter = kws.load(bundle_path)
    label, lead = spotter.labels[2], spotter.listening.lead_samples
    assert label in spotter.keywords
    values = [0] * 10 + [90, 120, 100] + [0] * 40 + [200, 210] + [0] * 10 + [110] + [0] * 35  # near, fired, its echo
    fired_at = 640 * 54
    detection = Detection(label=label, label_index=2, sample_index=fired_at, score=200)
    captures = Captures(tmp_path / "kept", spotter.listening, name="x", near=80 / 255)
    scores = scores_at(values)
    for start in range(0, len(values), chunk):
        part = slice(start, start + chunk)
        heard = Scores(
            sample_index=scores.sample_index[part] - np.uint64(16000 - lead),
            frame_index=scores.frame_index[part],
            posteriors=scores.posteriors[part],
            smoothed=scores.smoothed[part],
        )
        sound = np.full(640 * len(heard.smoothed), 100 + start % 1000, np.int16)
        now = [detection] if start < 54 <= start + chunk else []
        captures.hear(sound, now, heard)
    captures.flush()
    found = {(row["kind"], int(row["score"]), row["time_s"]) for row in rows_of(tmp_path / "kept")}
    assert found == {("near", 120, "0.480"), ("detection", 200, f"{fired_at / 16000:.3f}")}
    assert len(captures._sound) <= 16000 * 2


def test_a_program_is_started_at_each_word(bundle_path: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", speech_like(3.0, seed=5))
    words = kws.load(bundle_path).listen(tmp_path / "a.wav")
    listen(bundle_path, [tmp_path / "a.wav"], exec=f"sh -c 'echo $KWS_LABEL $KWS_TIME_S >> {tmp_path}/said'")
    said = (tmp_path / "said").read_text().split("\n")[:-1]
    assert sorted(said) == sorted(f"{word.label} {word.time_s:.3f}" for word in words)
    assert said


@pytest.mark.parametrize("text", ["nosuchprogram --now", "", "say 'hello"])
def test_a_program_that_is_not_there_is_refused_before_anything_is_heard(bundle_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="--exec"):
        listen(bundle_path, exec=text)


def test_limits_of_near_misses_make_sense(bundle_path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="add --save"):
        listen(bundle_path, [tmp_path], near=0.3)
    with pytest.raises(ConfigError, match="between 0 and 1 and got 40"):
        Captures(tmp_path, kws.load(bundle_path).listening, name="x", near=40)
