"""Truth files: ours, CSV, and MLPerf Tiny's, read into the same windows."""

import json
from pathlib import Path

import pytest

from kws.errors import EvaluationError
from kws.evaluation.truth import Truth, Window, find_windows, read_truth, write_truth

MLPERF = [
    {
        "wav_file": "short.wav",
        "sample_rate": 16000,
        "length_sec": 10.0,
        "detection_windows": [[4.0, 4.76175], [1.0, 1.647625]],
    }
]


def test_mlperf_windows_are_seconds_and_are_sorted(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(MLPERF))
    windows = read_truth(tmp_path / "t.json", label="marvin")["short.wav"]
    assert [(w.start_sample, w.end_sample, w.label) for w in windows] == [
        (16000, 26362, "marvin"),
        (64000, 76188, "marvin"),
    ]


def test_mlperf_truth_without_a_label_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(MLPERF))
    with pytest.raises(EvaluationError, match="which label"):
        read_truth(tmp_path / "t.json")


def test_our_json_reads_back_as_written(tmp_path: Path) -> None:
    windows = (Window(label="yes", start_sample=5, end_sample=900),)
    write_truth(tmp_path / "t.json", {"a.wav": Truth(num_samples=16000, windows=windows)})
    assert read_truth(tmp_path / "t.json") == {"a.wav": windows}


def test_csv_lines_are_windows_and_a_bare_file_is_negative_audio(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,label,start_s,end_s\na.wav,yes,0.5,1.0\na.wav,no,2,2.5\nb.wav,,,\n")
    truth = read_truth(tmp_path / "t.csv")
    assert [w.label for w in truth["a.wav"]] == ["yes", "no"]
    assert truth["a.wav"][0].start_sample == 8000
    assert truth["b.wav"] == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", "not json"),
        ("t.json", '{"something": 1}'),
        ("t.csv", "path,word\na.wav,yes\n"),
        ("t.csv", "file,label,start_s,end_s\na.wav,yes,soon,later\n"),
    ],
)
def test_what_is_not_a_truth_file_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(EvaluationError, match="expected a truth file"):
        read_truth(tmp_path / name)


def test_a_missing_truth_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_truth(tmp_path / "nowhere.csv")


def test_a_recording_is_found_by_the_end_of_its_path() -> None:
    windows = (Window(label="yes", start_sample=0, end_sample=9),)
    truth = {"room/a.wav": windows, "b.wav": ()}
    assert find_windows(truth, Path("/data/room/a.wav")) == windows
    assert find_windows(truth, Path("/data/room/b.wav")) == ()


def test_a_recording_the_truth_does_not_name_is_refused() -> None:
    with pytest.raises(EvaluationError, match="not named in the truth file"):
        find_windows({"b.wav": ()}, Path("a.wav"))
