# SPDX-License-Identifier: Apache-2.0
"""Files that say what is said in recordings, as people's tools write them.

==================  =================================================================================================
CSV                 ``file,label,start_s,end_s`` with a header, in any order, more columns allowed. A line with a file
                    only: nothing is said in it. A line without times: the recording is a clip of the label. Commas,
                    semicolons or tabs; decimal commas where commas do not separate; with or without byte-order mark.
                    ``path`` may stand for ``file``, ``word`` for ``label``, ``start,end`` or ``onset,offset`` for
                    ``start_s,end_s``, ``start_ms,end_ms`` for seconds: so the ``manifest.csv`` of ``kws record`` is a
                    truth file.
JSON                as `write_truth` writes it, or MLPerf Tiny's streaming truth.
Label track         as Audacity exports it (``start TAB end TAB label``), one for each recording: the file for a single
                    recording, or a folder of tracks named like the recordings.
==================  =================================================================================================
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from kws.audio import SAMPLE_RATE_HZ
from kws.errors import EvaluationError, note
from kws.evaluation.truth import Truth, Window
from kws.labels import fold
from kws.phrases import first_few
from kws.textfile import read_text

LONGEST_WORD_S = 30.0
"""A longer window is none of one word: the times are in another unit, or lines are mixed up."""
TRACK_SUFFIX = ".txt"
_COLUMNS = {"path": "file", "word": "label", "start": "start_s", "end": "end_s"}
_ONSETS = {"onset": "start_s", "offset": "end_s"}
"""So are times called where there are no others."""
_TIMES = (("start_s", "end_s"), ("start_ms", "end_ms"))
_LIKE_A_TIME = re.compile(
    r"((word|time|t|speech|segment)_?)?(start|begin|onset|end|stop|finish|offset|[xt]min|[xt]max)"
    r"(_?(time|at|s|ms|us|secs?|seconds?|msecs?|milliseconds?|samples?|frames?))*"
)
"""A column that says when a word is said, in a name that is none of the formats."""
_FORMATS = (
    "expected a truth file (CSV with file,label,start_s,end_s; JSON of kws or MLPerf Tiny; an Audacity label track)"
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a truth file says of one recording: the word of a clip, or the windows of a stream; not both."""

    word: str | None = None
    windows: tuple[Window, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class TruthFile:
    """A truth file that was read."""

    path: Path
    entries: Mapping[str, Said]
    """Recording as the file spells it -> what is said in it; for label tracks the name of the track's file."""
    is_tracks: bool = False

    def assign(self, recordings: Sequence[Path]) -> list[Said]:
        """Find what is said in each recording.

        A recording is found by the end of its path as the truth file spells it, which may leave out folders; case,
        Unicode form and the direction of slashes make no difference. A label track belongs to the recording of its
        name, or to the only recording.

        Raises
        ------
        EvaluationError
            If a recording is not named (its words would count as false accepts), or an entry fits two of them.
        """
        if self.is_tracks and len(recordings) == len(self.entries) == 1:
            return list(self.entries.values())
        tails = {name: _stem(name) if self.is_tracks else _tail(name) for name in self.entries}
        taken: dict[str, Path] = {}
        found = []
        for recording in recordings:
            name = self._find(recording, tails)
            if name in taken and taken[name] != recording:
                raise EvaluationError(
                    f"{self.path}: {name!r} may be {taken[name]} or {recording}; write the folder before the name"
                )
            taken[name] = recording
            found.append(self.entries[name])
        if unused := [name for name in self.entries if name not in taken]:
            note(f"{self.path}: names recordings that were not given ({first_few(unused)}); they are left out")
        return found

    def _find(self, recording: Path, tails: Mapping[str, tuple[str, ...]]) -> str:
        whole = _stem(recording.name) if self.is_tracks else _tail(str(recording.absolute()))
        fitting = [name for name, tail in tails.items() if whole[-len(tail) :] == tail]
        if not fitting:
            names = first_few(self.entries) or "none"
            raise EvaluationError(
                f"{recording}: not named in the truth file {self.path} (it names {names}); "
                + (
                    "give a folder with one label track for each recording, named like it"
                    if self.is_tracks
                    else "add it, with no window if nothing is said in it, or leave the recording out"
                )
            )
        longest = max(len(tails[name]) for name in fitting)
        best = [name for name in fitting if len(tails[name]) == longest]
        exact = [name for name in best if recording.as_posix().endswith(name)]
        if len(best) > 1 and len(exact) != 1:
            raise EvaluationError(f"{self.path}: {first_few(best)} may all be {recording}; write one name for it")
        return exact[0] if exact else best[0]


def read_truth(path: Path | str, *, label: str | None = None, sample_rate_hz: int = SAMPLE_RATE_HZ) -> TruthFile:
    """Read what is said in recordings; the module's text describes the formats.

    Parameters
    ----------
    path : path
        A file, or a folder of label tracks.
    label : str, optional
        What windows are windows of in files that do not say: MLPerf's, and label tracks with empty labels.
    sample_rate_hz : int
        Of the samples in which windows are returned.

    Returns
    -------
    TruthFile

    Raises
    ------
    EvaluationError
        If the file cannot be read, is none of the formats, or holds times that cannot be right: not finite, negative,
        ending before they start, longer than `LONGEST_WORD_S`, or two overlapping windows of one label.
    """
    path = Path(path)
    if path.is_dir():
        tracks = sorted(track for track in path.iterdir() if track.suffix.lower() == TRACK_SUFFIX)
        tracks = [track for track in tracks if not track.name.startswith(".")]
        if not tracks:
            raise EvaluationError(f"{path}: expected label tracks (*{TRACK_SUFFIX}) in this folder and found none")
        return _tracks(path, tracks, label, sample_rate_hz)
    text = read_text(path, EvaluationError)
    if path.suffix.lower() == ".json" or text.lstrip().startswith(("{", "[")):
        spoken = _read_json(path, text, label)
    elif _is_track(text):
        return _tracks(path, [path], label, sample_rate_hz)
    else:
        spoken = _read_csv(path, text)
    return TruthFile(path=path, entries={name: _said(path, name, s, sample_rate_hz) for name, s in spoken.items()})


def write_truth(path: Path | str, truths: Mapping[str, Truth]) -> None:
    """Write the truth of recordings as JSON: file name -> length, rate and windows in samples."""
    recordings = [
        {
            "file": name,
            "num_samples": truth.num_samples,
            "sample_rate_hz": truth.sample_rate_hz,
            "windows": [
                {"label": w.label, "start_sample": w.start_sample, "end_sample": w.end_sample} for w in truth.windows
            ],
        }
        for name, truth in truths.items()
    ]
    Path(path).write_text(json.dumps({"recordings": recordings}, indent=1) + "\n", encoding="utf-8")


# -- one recording ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One line of a truth file: a word with its times in seconds, or without for a clip; no word: nothing is said."""

    where: str
    word: str
    times_s: tuple[float, float] | None


def _said(path: Path, name: str, lines: Sequence[_Line], sample_rate_hz: int) -> Said:
    words = [line for line in lines if line.word]
    clip = [line for line in words if line.times_s is None]
    if clip and len(words) > 1:
        raise EvaluationError(
            f"{clip[0].where}: {name} is a clip of {clip[0].word!r} (no times) and has other lines too; "
            "expected one line for a clip, or times in each line"
        )
    if clip:
        return Said(word=clip[0].word)
    windows = [_window(line, sample_rate_hz) for line in words]
    windows.sort(key=lambda window: (window.start_sample, window.end_sample))
    by_label: dict[str, list[Window]] = {}
    for window in windows:
        by_label.setdefault(fold(window.label), []).append(window)
    for same in by_label.values():
        for one, other in pairwise(same):
            if other.start_sample < one.end_sample:
                at_s = other.start_sample / sample_rate_hz
                raise EvaluationError(
                    f"{path}: {name}: two windows of {one.label!r} overlap at {at_s:g} s; "
                    "expected one for each time it is said"
                )
    return Said(windows=tuple(windows))


def _window(line: _Line, sample_rate_hz: int) -> Window:
    assert line.times_s is not None
    start_s, end_s = line.times_s
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0.0 <= start_s < end_s):
        raise EvaluationError(
            f"{line.where}: {line.word!r} from {start_s:g} to {end_s:g} s; expected 0 <= start < end: mark the word "
            "from its start to its end"
        )
    if end_s - start_s > LONGEST_WORD_S:
        raise EvaluationError(
            f"{line.where}: {line.word!r} from {start_s:g} to {end_s:g} s, {end_s - start_s:g} s for one word; "
            "expected seconds: are these milliseconds (name the columns start_ms,end_ms) or sample numbers?"
        )
    start, end = round(start_s * sample_rate_hz), round(end_s * sample_rate_hz)
    return Window(label=line.word, start_sample=start, end_sample=max(end, start + 1))


# -- formats ----------------------------------------------------------------------------------------------------


def _read_csv(path: Path, text: str) -> dict[str, list[_Line]]:
    first, _, rest = text.partition("\n")
    told = re.fullmatch(r"sep=(.)", first.strip())  # Excel's way to say what separates
    delimiter = told[1] if told else _delimiter(text)
    rows = _csv_rows(path, rest if told else text, delimiter)
    header = [_column(cell) for cell in next(rows, (0, []))[1]]
    if set(_ONSETS) <= set(header) and not _has_times(header):
        header = [_ONSETS.get(name, name) for name in header]
    if "file" not in header or "label" not in header or len(set(header)) != len(header):
        raise EvaluationError(
            f"{path}: {_FORMATS} and got something else (first line: {', '.join(header)[:80] or 'empty'})"
        )
    if not _has_times(header):
        _refuse_other_times(path, header)
    found: dict[str, list[_Line]] = {}
    for number, cells in rows:
        where = f"{path} line {number}"
        if len(cells) > len(header):
            raise EvaluationError(
                f"{where}: expected {len(header)} cells as in the header and got {len(cells)}; put a name with "
                f"{delimiter!r} in it, or a decimal comma, into quotes"
            )
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        if not row.get("file"):
            raise EvaluationError(f"{where}: expected the name of a recording and got none; complete the line")
        word, times_s = row.get("label", ""), _times_s(where, row)
        if times_s is not None and not word:
            raise EvaluationError(f"{where}: times without a label; say which word it is")
        found.setdefault(row["file"], []).append(_Line(where=where, word=word, times_s=times_s))
    return found


def _has_times(header: Sequence[str]) -> bool:
    return any(set(pair) <= set(header) for pair in _TIMES)


def _refuse_other_times(path: Path, header: Sequence[str]) -> None:
    """Without their times windows would be clips."""
    strange = [name for name in header if _LIKE_A_TIME.fullmatch(name)]
    if strange:
        raise EvaluationError(
            f"{path}: expected times in columns start_s,end_s (seconds) or start_ms,end_ms and got "
            f"{', '.join(strange)}; rename them"
        )


def _csv_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise EvaluationError(f"{path} line {reader.line_num}: {_FORMATS} and got something else ({error})") from error


def _delimiter(text: str) -> str:
    """The separator that stands most often in the header."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    return max(",;\t", key=first.count)


def _column(cell: str) -> str:
    name = fold(cell).replace(" ", "_")
    return _COLUMNS.get(name, name)


def _times_s(where: str, row: Mapping[str, str]) -> tuple[float, float] | None:
    scale, cells = 1.0, (row.get("start_s", ""), row.get("end_s", ""))
    if not any(cells):
        scale, cells = 0.001, (row.get("start_ms", ""), row.get("end_ms", ""))
    if not any(cells):
        return None
    return _number(where, cells[0]) * scale, _number(where, cells[1]) * scale


def _number(where: str, cell: str) -> float:
    plain = cell.strip().replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell.strip()
    try:
        return math.nan if "_" in plain else float(plain)
    except ValueError as error:
        raise EvaluationError(
            f"{where}: {_FORMATS} and got the time {cell!r}; expected seconds, such as 1.25"
        ) from error


def _is_track(text: str) -> bool:
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("\\")]
    return bool(lines) and all(_track_cells(line) is not None for line in lines[:3])


def _track_cells(line: str) -> list[str] | None:
    cells = line.split("\t")
    try:
        return cells if len(cells) >= 2 and all(math.isfinite(_number("", cell)) for cell in cells[:2]) else None
    except EvaluationError:
        return None


def _tracks(path: Path, tracks: Sequence[Path], label: str | None, sample_rate_hz: int) -> TruthFile:
    entries = {}
    for track in tracks:
        lines = _read_track(track, label)
        entries[track.name] = _said(track, track.stem, lines, sample_rate_hz)
    return TruthFile(path=path, entries=entries, is_tracks=True)


def _read_track(path: Path, label: str | None) -> list[_Line]:
    lines = []
    for number, text in enumerate(read_text(path, EvaluationError).split("\n"), start=1):
        if not text.strip() or text.startswith("\\"):  # a line with \ gives the frequencies of the label above
            continue
        where, cells = f"{path} line {number}", _track_cells(text)
        if cells is None:
            raise EvaluationError(
                f"{where}: expected start TAB end TAB label, as Audacity exports labels; got {text[:60]!r}"
            )
        word = cells[2].strip() if len(cells) > 2 else ""
        if not word and label is None:
            raise EvaluationError(f"{where}: a label without text; say which word it is, or add --truth-label WORD")
        times_s = _number(where, cells[0]), _number(where, cells[1])
        lines.append(_Line(where=where, word=word or str(label), times_s=times_s))
    return lines


def _read_json(path: Path, text: str, label: str | None) -> dict[str, list[_Line]]:
    try:
        content = json.loads(text)
        if isinstance(content, list):
            found = [(_text(entry["wav_file"]), _mlperf_lines(path, entry, label)) for entry in content]
        else:
            found = [(_text(entry["file"]), _own_lines(path, entry)) for entry in content["recordings"]]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else f"{type(error).__name__}: {str(error)[:80]}"
        raise EvaluationError(f"{path}: {_FORMATS} and got something else ({what})") from error
    lines: dict[str, list[_Line]] = {}
    for name, said in found:
        if name in lines:
            raise EvaluationError(f"{path}: {name} is there twice; expected one entry for each recording")
        lines[name] = said
    return lines


def _own_lines(path: Path, entry: Mapping[str, Any]) -> list[_Line]:
    rate_hz = float(entry["sample_rate_hz"])
    if not 0.0 < rate_hz < math.inf:
        raise ValueError(f"sample_rate_hz is {rate_hz:g}")
    where = f"{path}: {_text(entry['file'])}"
    times = [(w, w["start_sample"] / rate_hz, w["end_sample"] / rate_hz) for w in entry["windows"]]
    return [_Line(where=where, word=_text(w["label"]), times_s=(start, end)) for w, start, end in times]


def _mlperf_lines(path: Path, entry: Mapping[str, Any], label: str | None) -> list[_Line]:
    if label is None:
        raise EvaluationError(
            f"{path}: MLPerf Tiny's truth format does not name the keyword; say which label its windows are of "
            "with --truth-label WORD"
        )
    where = f"{path}: {entry['wav_file']}"
    return [
        _Line(where=where, word=label, times_s=(float(start), float(end))) for start, end in entry["detection_windows"]
    ]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected a name and got {value!r}")
    return value.strip()


def _tail(name: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKC", name).casefold().replace("\\", "/")
    return tuple(part for part in plain.split("/") if part not in ("", "."))


def _stem(name: str) -> tuple[str, ...]:
    return (fold(Path(name).stem),)
