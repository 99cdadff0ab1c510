# SPDX-License-Identifier: Apache-2.0
"""Truth files as people's tools write them: read into the same windows, or refused in one sentence."""

import json
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.errors import EvaluationError, KwsWarning
from kws.evaluation.truth import Truth, Window, within
from kws.evaluation.truth_files import Said, TruthFile, read_truth, write_truth

MLPERF = [
    {
        "wav_file": "short.wav",
        "sample_rate": 16000,
        "length_sec": 10.0,
        "detection_windows": [[4.0, 4.76175], [1.0, 1.647625]],
    }
]
HEAD = "file,label,start_s,end_s\n"


def window(label: str, start: int, end: int) -> Window:
    return Window(label=label, start_sample=start, end_sample=end)


def windows_of(path: Path, content: str | bytes, name: str = "t.csv") -> tuple[Window, ...] | None:
    file = path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_truth(file).assign([Path("three.wav")])[0].windows


def test_mlperf_windows_are_seconds_and_are_sorted(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(MLPERF))
    said = read_truth(tmp_path / "t.json", label="marvin").entries["short.wav"]
    assert said.windows == (window("marvin", 16000, 26362), window("marvin", 64000, 76188))


def test_mlperf_truth_without_a_label_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(MLPERF))
    with pytest.raises(EvaluationError, match="--truth-label"):
        read_truth(tmp_path / "t.json")


def test_our_json_reads_back_as_written(tmp_path: Path) -> None:
    windows = (window("yes", 5, 900),)
    write_truth(tmp_path / "t.json", {"a.wav": Truth(num_samples=16000, windows=windows)})
    assert read_truth(tmp_path / "t.json").entries == {"a.wav": Said(windows=windows)}


def test_windows_come_in_samples_of_the_rate_that_is_asked_for(tmp_path: Path) -> None:
    write_truth(tmp_path / "t.json", {"a.wav": Truth(num_samples=16000, windows=(window("yes", 500, 900),))})
    assert read_truth(tmp_path / "t.json", sample_rate_hz=8000).entries["a.wav"].windows == (window("yes", 250, 450),)


def test_csv_lines_are_windows_clips_or_negative_audio(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEAD + "a.wav,yes,0.5,1.0\na.wav,no,2,2.5\nb.wav,,,\nc.wav,yes,,\n")
    assert read_truth(tmp_path / "t.csv").entries == {
        "a.wav": Said(windows=(window("yes", 8000, 16000), window("no", 32000, 40000))),
        "b.wav": Said(windows=()),
        "c.wav": Said(word="yes"),
    }


CSV_FORMS = {
    "as it should be": HEAD.encode() + b"three.wav,yes,0.5,1.5\n",
    "Excel, CSV UTF-8": b"\xef\xbb\xbf" + (HEAD + "three.wav,yes,0.5,1.5\n").replace("\n", "\r\n").encode(),
    "Excel in German": b"\xef\xbb\xbffile;label;start_s;end_s\r\nthree.wav;yes;0,5;1,5\r\n",
    "Excel with sep=": b"sep=;\r\nfile;label;start_s;end_s\r\nthree.wav;yes;0,5;1,5\r\n",
    "Excel, Unicode text": "file\tlabel\tstart_s\tend_s\r\nthree.wav\tyes\t0.5\t1.5\r\n".encode("utf-16"),
    "other order, more columns": b"Start_S,END_S,who,Label,File\n0.5,1.5,ann,yes,three.wav\n",
    "milliseconds": b"path,word,start_ms,end_ms\nthree.wav,yes,500,1500\n",
    "onsets beside times": b"file,label,start_s,end_s,onset,offset\nthree.wav,yes,0.5,1.5,7,9\n",
    "times as sound event detection names them": b"file,label,onset,offset\nthree.wav,yes,0.5,1.5\n",
    "spaces, quotes, blank lines": b'\nfile, label ,start_s,end_s\n\n"three.wav", yes, 0.5 ," 1.5"\n\n',
    "a folder of Windows": HEAD.encode() + b"C:\\takes\\x\\..\\three.wav,no,1,2\r\nthree.wav,yes,0.5,1.5\r\n",
}


@pytest.mark.filterwarnings("ignore::kws.errors.KwsWarning")
@pytest.mark.parametrize("form", CSV_FORMS)
def test_every_form_of_csv_gives_the_same_window(tmp_path: Path, form: str) -> None:
    assert windows_of(tmp_path, CSV_FORMS[form]) == (window("yes", 8000, 24000),)


@pytest.mark.parametrize(
    "columns",
    ["begin,end", "start_time,end_time", "StartTime,EndTime", "Start Sample,End Sample", "start,who", "start_s,end_ms"],
)
def test_times_in_columns_of_other_names_are_not_lost(tmp_path: Path, columns: str) -> None:
    (tmp_path / "t.csv").write_text(f"file,label,{columns}\na.wav,yes,0.5,1.0\n")
    with pytest.raises(EvaluationError, match=r"expected times in columns start_s,end_s .* rename them"):
        read_truth(tmp_path / "t.csv")


def test_columns_that_are_no_times_of_words_may_stand_beside_clips(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,label,duration_s,recorded_utc,front_end,time\na.wav,yes,1,2025,mic,9:00\n")
    assert read_truth(tmp_path / "t.csv").entries == {"a.wav": Said(word="yes")}


TRACKS = {
    "plain": "0.500000\t1.500000\tyes\n2.000000\t3.000000\tyes\n",
    "with frequencies": "0.5\t1.5\tyes\n\\\t100.0\t4000.0\n2\t3\tyes\n",
    "decimal commas, CRLF, no order": "2,000000\t3,000000\tyes\r\n0,500000\t1,500000\tyes\r\n",
}


@pytest.mark.parametrize("form", TRACKS)
def test_audacity_label_tracks_are_read(tmp_path: Path, form: str) -> None:
    expected = (window("yes", 8000, 24000), window("yes", 32000, 48000))
    assert windows_of(tmp_path, TRACKS[form], "Label Track.txt") == expected


def test_a_folder_of_label_tracks_belongs_to_recordings_by_name(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("0.5\t1.5\tyes\n")
    (tmp_path / "Two.txt").write_text("")
    said = read_truth(tmp_path).assign([Path("/x/two.wav"), Path("/x/one.flac")])
    assert said == [Said(windows=()), Said(windows=(window("yes", 8000, 24000),))]


def test_a_label_track_for_several_recordings_asks_for_one_each(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("0.5\t1.5\tyes\n")
    with pytest.raises(EvaluationError, match="one label track for each"):
        read_truth(tmp_path / "one.txt").assign([Path("one.wav"), Path("two.wav")])


def test_labels_without_text_take_the_label_that_is_given(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("0.5\t1.5\t\n")
    assert read_truth(tmp_path / "one.txt", label="yes").entries["one.txt"].windows == (window("yes", 8000, 24000),)
    with pytest.raises(EvaluationError, match="--truth-label"):
        read_truth(tmp_path / "one.txt")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", "not json"),
        ("t.json", '{"something": 1}'),
        ("t.json", '{"recordings": [{"file": 7, "sample_rate_hz": 16000, "windows": []}]}'),
        ("t.json", '{"recordings": [{"file": "a", "sample_rate_hz": 0, "windows": []}]}'),
        ("t.json", '{"recordings": [{"file": "a", "sample_rate_hz": 1, "windows": [{"label": 3}]}]}'),
        ("t.json", "[[]]"),
        ("t.csv", "recording,said\na.wav,yes\n"),
        ("t.csv", HEAD + "a.wav,yes,soon,later\n"),
        ("t.csv", HEAD + "a.wav,yes,0.5,\n"),
        ("t.csv", ""),
        ("t.csv", 'file,label\n"a.wav,yes\n'),
    ],
)
def test_what_is_not_a_truth_file_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(EvaluationError, match="expected a truth file"):
        read_truth(tmp_path / name, label="yes")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("three.wav,yes,500,1500\n", "are these milliseconds"),
        ("three.wav,yes,8000,24000\n", "sample numbers"),
        ("three.wav,yes,1.5,0.5\n", "expected 0 <= start < end"),
        ("three.wav,yes,-0.5,0.5\n", "expected 0 <= start < end"),
        ("three.wav,yes,0.5,0.5\n", "expected 0 <= start < end"),
        ("three.wav,yes,nan,1\n", "expected 0 <= start < end"),
        ("three.wav,yes,0,inf\n", "expected 0 <= start < end"),
        ("three.wav,yes,1_0,2_0\n", "expected 0 <= start < end"),
        ("three.wav,yes,0.5,1.5\nthree.wav,Yes,1.0,2.0\n", "overlap at 1 s"),
        ("three.wav,yes,0.5,1.5\nthree.wav,yes,0.5,1.5\n", "overlap at 0.5 s"),
        ("three.wav,yes,,\nthree.wav,no,0.5,1.5\n", "one line for a clip"),
        ("three.wav,,0.5,1.5\n", "without a label"),
        (",yes,0.5,1.5\n", "name of a recording"),
        ("three.wav,yes,0,5,1,5\n", "expected 4 cells"),
    ],
)
def test_slips_in_a_truth_file_are_named(tmp_path: Path, lines: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        windows_of(tmp_path, HEAD + lines)


def test_words_that_follow_each_other_closely_or_are_said_by_two_at_once_are_fine(tmp_path: Path) -> None:
    found = windows_of(tmp_path, HEAD + "three.wav,yes,0.5,1.5\nthree.wav,yes,1.5,2\nthree.wav,no,1.4,2\n")
    assert found is not None
    assert len(found) == 3


def test_a_missing_truth_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no such file"):
        read_truth(tmp_path / "nowhere.csv")


def truth_file(*names: str) -> TruthFile:
    entries = {name: Said(windows=(window("yes", index, 100),)) for index, name in enumerate(names)}
    return TruthFile(path=Path("t.csv"), entries=entries)


def found_by(truth: TruthFile, *recordings: str) -> Sequence[str]:
    by_said = {said: name for name, said in truth.entries.items()}
    return [by_said[said] for said in truth.assign([Path(recording) for recording in recordings])]


def test_a_recording_is_found_by_the_end_of_its_path_the_longest_first() -> None:
    truth = truth_file("a.wav", "room/a.wav", "b.wav")
    recordings = ("/data/room/a.wav", "/data/hall/a.wav", "/data/room/b.wav")
    assert found_by(truth, *recordings) == ["room/a.wav", "a.wav", "b.wav"]


@pytest.mark.parametrize("name", ["Room\\A.WAV", "./room/a.wav", "ROOM/a.wav"])
def test_slashes_and_case_make_no_difference(name: str) -> None:
    assert found_by(truth_file(name), "/data/room/a.wav") == [name]


def test_accents_of_a_mac_folder_and_of_excel_are_one() -> None:
    assert found_by(truth_file("caf\u00e9.wav"), "/data/cafe\u0301.wav") == ["caf\u00e9.wav"]


def test_a_recording_the_truth_does_not_name_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"not named in the truth file t\.csv \(it names b\.wav\)"):
        truth_file("b.wav").assign([Path("a.wav")])


def test_one_entry_is_not_the_truth_of_two_recordings() -> None:
    with pytest.raises(EvaluationError, match="write the folder before the name"):
        truth_file("a.wav").assign([Path("x/a.wav"), Path("y/a.wav")])


def test_two_entries_are_not_the_truth_of_one_recording() -> None:
    with pytest.raises(EvaluationError, match=r"may all be"):
        truth_file("A.WAV", "./a.Wav").assign([Path("a.wav")])
    assert found_by(truth_file("A.WAV", "a.wav"), "A.WAV", "a.wav") == ["A.WAV", "a.wav"]


def test_entries_for_recordings_that_were_not_given_are_told() -> None:
    with pytest.warns(KwsWarning, match=r"not given \(b\.wav\)"):
        truth_file("a.wav", "b.wav").assign([Path("a.wav")])


def test_truth_beyond_the_recording_is_refused_and_a_rounded_end_is_moved() -> None:
    assert within([window("yes", 0, 1010)], 1000, name="a", sample_rate_hz=1000) == (window("yes", 0, 1000),)
    for start, end in ((0, 1030), (1000, 1010)):
        with pytest.raises(EvaluationError, match="the recording ends at 1 s"):
            within([window("yes", start, end)], 1000, name="a", sample_rate_hz=1000)


def check_any(path: Path) -> None:
    """A truth file is read into sound windows, or refused; nothing else."""
    try:
        truth = read_truth(path, label="yes")
    except EvaluationError:
        return
    for said in truth.entries.values():
        assert (said.word is None) != (said.windows is None)
        for one in said.windows or ():
            assert one.label
            assert 0 <= one.start_sample < one.end_sample <= one.start_sample + 30 * 16000 + 1


def test_json_without_recordings_is_told_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(EvaluationError, match=r"something else \('recordings' is missing\)"):
        read_truth(tmp_path / "t.json")


@given(st.binary(max_size=300), st.sampled_from([".csv", ".json", ".txt"]))
def test_any_bytes_are_a_truth_file_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(data)
    check_any(path)


CELLS = st.sampled_from(
    ["a.wav", "yes", "", "0.5", "1,5", "-1", "nan", "1e308", "9" * 400, '"', "file", "start_s", "\\", ";"]
)


@given(st.lists(st.lists(CELLS, max_size=6), max_size=5), st.sampled_from(",;\t"), st.booleans())
def test_any_table_is_a_truth_file_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str, header: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any_table.csv"
    head = [HEAD.strip().replace(",", delimiter)] if header else []
    path.write_text("\n".join([*head, *(delimiter.join(row) for row in rows)]))
    check_any(path)


def test_truth_files_with_bytes_changed_are_read_or_refused(tmp_path: Path) -> None:
    draw = random.Random(1)
    write_truth(tmp_path / "own.json", {"a.wav": Truth(num_samples=16000, windows=(window("yes", 5, 900),))})
    seeds = [*CSV_FORMS.values(), *(track.encode() for track in TRACKS.values()), json.dumps(MLPERF).encode()]
    seeds.append((tmp_path / "own.json").read_bytes())
    for _ in range(1500):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(data))
            data[at : at + draw.randint(0, 2)] = bytes(
                draw.choice(b'0159,;\t\n".-{}[]e\xff\x00') for _ in range(draw.randint(0, 2))
            )
            data = data or bytearray(b"x")
        (tmp_path / "mutant").write_bytes(data)
        check_any(tmp_path / "mutant")


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a.wav", "b.wav", "c d.wav"]),
        st.sampled_from(["yes", "no", ""]),
        st.one_of(st.none(), st.tuples(st.integers(-50, 3000), st.integers(-50, 3000))),
    ),
    max_size=6,
)


@given(ROWS, st.sampled_from(",;\t"), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_every_line_of_a_table_counts_as_it_stands_or_the_table_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, tuple[int, int] | None]],
    delimiter: str,
    in_ms: bool,
    line_end: str,
) -> None:
    """Nothing is dropped, merged or moved: what is read, written down again, is what stood there."""
    head = ["file", "label", *(("start_ms", "end_ms") if in_ms else ("start_s", "end_s"))]
    lines = [[name, word, *(_cells(times, in_ms))] for name, word, times in rows]
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_bytes(line_end.join(delimiter.join(cells) for cells in [head, *lines]).encode())
    try:
        entries = read_truth(path, sample_rate_hz=1000).entries
    except EvaluationError:
        assert _is_wrong(rows)
        return
    assert not _is_wrong(rows)
    found = [
        (name, one.label, (one.start_sample, one.end_sample))
        for name, said in entries.items()
        for one in said.windows or ()
    ] + [(name, said.word, None) for name, said in entries.items() if said.word is not None]
    assert sorted(found, key=str) == sorted((row for row in rows if row[1]), key=str)
    assert set(entries) == {name for name, _, _ in rows}


def _cells(times: tuple[int, int] | None, in_ms: bool) -> list[str]:
    if times is None:
        return ["", ""]
    return [str(value) if in_ms else f"{value / 1000:.3f}" for value in times]


def _is_wrong(rows: list[tuple[str, str, tuple[int, int] | None]]) -> bool:
    """Times without a word or that cannot be; a clip that has other words too; one word twice at a time."""
    by_file: dict[str, list[tuple[str, tuple[int, int] | None]]] = {}
    for name, word, times in rows:
        if times is not None and (not word or not 0 <= times[0] < times[1]):
            return True
        if word:
            by_file.setdefault(name, []).append((word, times))
    for said in by_file.values():
        if len(said) > 1 and any(times is None for _, times in said):
            return True
        for word in ("yes", "no"):
            spans = sorted(times for other, times in said if other == word and times is not None)
            if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
                return True
    return False
