# SPDX-License-Identifier: Apache-2.0
"""Takes from a microphone: judged, trimmed, kept with a manifest; no microphone needed."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from kws.cli import build_app
from kws.datasets import recorder
from kws.datasets.recordings import read_recordings
from kws.errors import DatasetError, KwsError, KwsWarning
from kws.levels import peak_dbfs


def speech(seconds: float = 0.6, peak: int = 9000) -> np.ndarray:
    silence = np.zeros(12000, np.int16)
    word = np.random.default_rng(0).integers(-peak, peak + 1, round(seconds * 16000)).astype(np.int16)
    return np.concatenate([silence, word, silence])


class TapeRecorder:
    """A microphone that plays what it was given, one recording after the other."""

    lost = False
    tapes: list[np.ndarray] = []  # noqa: RUF012 - the command makes its own instance

    def __init__(self, device: str | None) -> None:
        self.device = device

    def pause(self, seconds: float) -> None: ...

    def record(self, seconds: float, on_level: Callable[[float], None]) -> np.ndarray:
        tape = self.tapes.pop(0)
        on_level(peak_dbfs(tape))
        return tape


def test_a_good_take_is_trimmed_to_its_word() -> None:
    verdict = recorder.judge(speech(0.6))
    assert verdict.problem == ""
    assert verdict.samples.size == pytest.approx(0.64 * 16000, abs=480)


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        (np.zeros(16000, np.int16), "nothing was heard"),
        (speech(peak=100), "nothing was heard"),
        (speech(peak=32767), "clipped"),
        (speech(4.0), "say the word once"),
    ],
)
def test_useless_takes_are_named(samples: np.ndarray, problem: str) -> None:
    assert problem in recorder.judge(samples).problem


def test_levels_are_relative_to_full_scale() -> None:
    assert peak_dbfs(np.array([-32768], np.int16)) == 0.0
    assert peak_dbfs(np.array([16384, 3], np.int16)) == pytest.approx(-6.02, abs=0.01)
    assert peak_dbfs(np.zeros(4, np.int16)) == -100.0


def test_kept_takes_are_numbered_listed_and_read_back(tmp_path: Path) -> None:
    verdict = recorder.judge(speech())
    paths = [recorder.keep(verdict, folder=tmp_path, label="hey nova", speaker="anna") for _ in range(2)]
    assert [path.name for path in paths] == ["anna_nohash_0.wav", "anna_nohash_1.wav"]
    with (tmp_path / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == ["hey_nova/anna_nohash_0.wav", "hey_nova/anna_nohash_1.wav"]
    takes = read_recordings(tmp_path, ["hey nova"])
    assert len(takes) == 2
    assert np.array_equal(takes[0].samples, verdict.samples)


@pytest.mark.parametrize("folder", ["hey_nova", "Hey Nova", "HEY-NOVA"])
def test_takes_are_found_however_their_folder_spells_the_label(tmp_path: Path, folder: str) -> None:
    recorder.keep(recorder.judge(speech()), folder=tmp_path, label=folder, speaker="me")
    (tmp_path / folder.replace(" ", "_") / "._me.wav").write_bytes(b"x")
    with pytest.warns(KwsWarning, match="1 hidden file"):
        assert [take.label for take in read_recordings(tmp_path, ["hey nova", "computer"])] == ["hey nova"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        recorder.keep(recorder.judge(speech()), folder=tmp_path / "file", label="nova", speaker="me")


def test_the_command_retakes_until_a_take_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MicrophoneTakes", TapeRecorder)
    TapeRecorder.tapes = [speech(), np.zeros(16000, np.int16), speech(0.5), speech(0.7)]
    app = build_app({"record": "kws.cli.record"})
    arguments = ["record", "nova", "--out", str(tmp_path), "--takes", "2"]
    result = CliRunner().invoke(app, arguments, input="r\n\n\n\n")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "nova").glob("*.wav"))) == 2
    assert "nothing was heard" in result.output
    assert "kws wakeword" in result.output


def test_a_missing_device_or_library_is_a_clear_error() -> None:
    with pytest.raises(KwsError, match=r"--device|libportaudio2"):
        recorder.MicrophoneTakes("no such microphone")


def test_a_take_in_which_audio_was_lost_is_named() -> None:
    assert "audio was lost" in recorder.judge(speech(0.6), lost=True).problem
