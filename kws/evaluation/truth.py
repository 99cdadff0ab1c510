"""What was said and when: truth windows in samples, and the files they are read from."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kws.audio import SAMPLE_RATE_HZ
from kws.errors import EvaluationError

HIT_TOLERANCE_S = 1.0
"""A hit may come this long after the end of the word (MLPerf Tiny's streaming rule); end + 1 s still hits."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """One spoken keyword: samples ``start_sample`` to ``end_sample`` of a recording."""

    label: str
    start_sample: int
    end_sample: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_sample <= self.end_sample:
            raise EvaluationError(
                f"truth window for {self.label!r}: expected 0 <= start <= end and got {self.start_sample} to "
                f"{self.end_sample} samples; correct the truth file"
            )


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Everything said in one recording that was streamed to a spotter."""

    num_samples: int
    """Length of what was streamed, padding included."""
    windows: tuple[Window, ...] = ()
    sample_rate_hz: int = SAMPLE_RATE_HZ
    tolerance_samples: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance_samples", round(HIT_TOLERANCE_S * self.sample_rate_hz))
        for window in self.windows:
            if window.end_sample > self.num_samples:
                raise EvaluationError(
                    f"truth window for {window.label!r} ends at sample {window.end_sample}, expected at most "
                    f"{self.num_samples} (the recording's length); is this the truth of another recording?"
                )

    @property
    def negative_samples(self) -> int:
        """Samples outside every ``[start, end + 1 s]``: where an event is a false accept."""
        covered, reached = 0, 0
        for window in sorted(self.windows, key=lambda window: window.start_sample):
            end = min(window.end_sample + self.tolerance_samples, self.num_samples)
            covered += max(0, end - max(reached, window.start_sample))
            reached = max(reached, end)
        return self.num_samples - covered

    @property
    def negative_hours(self) -> float:
        """Hours of audio outside every truth window."""
        return self.negative_samples / self.sample_rate_hz / 3600.0


def read_truth(path: Path | str, *, label: str | None = None) -> dict[str, tuple[Window, ...]]:
    """Read the truth windows of recordings from a CSV or JSON file.

    Parameters
    ----------
    path : path
        ``.csv`` with a header ``file,label,start_s,end_s`` (a line with a file only: nothing is said in it);
        ``.json`` as written by `write_truth`; or MLPerf Tiny's streaming truth (a JSON list of ``wav_file``,
        ``sample_rate``, ``detection_windows`` in seconds).
    label : str, optional
        What MLPerf's windows are windows of: that format does not say.

    Returns
    -------
    dict
        File name as the truth file spells it -> its windows at 16 kHz, by time.

    Raises
    ------
    EvaluationError
        If the file cannot be read or is none of the three formats.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".csv":
            found = _read_csv(path)
        else:
            found = _read_json(json.loads(path.read_text(encoding="utf-8")), label)
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"{path}: expected a truth file (CSV with file,label,start_s,end_s; JSON of kws or MLPerf Tiny) "
            f"and got something else ({type(error).__name__}: {error})"
        ) from error
    return {name: tuple(sorted(windows, key=lambda window: window.start_sample)) for name, windows in found.items()}


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


def find_windows(truth: Mapping[str, tuple[Window, ...]], recording: Path) -> tuple[Window, ...]:
    """Windows of a recording: by its path's end as the truth file spells it, which may leave out folders.

    Raises
    ------
    EvaluationError
        If the truth file does not name the recording; silence would count its words as false accepts.
    """
    for name, windows in truth.items():
        wanted = Path(name).parts
        if recording.parts[-len(wanted) :] == wanted:
            return windows
    raise EvaluationError(
        f"{recording}: not named in the truth file (it names {_first_few(list(truth))}); add it, with no "
        "window if nothing is said in it"
    )


def _read_csv(path: Path) -> dict[str, list[Window]]:
    found: dict[str, list[Window]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            windows = found.setdefault(row["file"], [])
            if row["label"]:
                windows.append(_window_from_seconds(row["label"], float(row["start_s"]), float(row["end_s"])))
    return found


def _read_json(content: Any, label: str | None) -> dict[str, list[Window]]:
    if isinstance(content, list):
        return {entry["wav_file"]: _mlperf_windows(entry, label) for entry in content}
    found: dict[str, list[Window]] = {}
    for entry in content["recordings"]:
        rate_hz = entry["sample_rate_hz"]
        found[entry["file"]] = [
            _window_from_seconds(w["label"], w["start_sample"] / rate_hz, w["end_sample"] / rate_hz)
            for w in entry["windows"]
        ]
    return found


def _mlperf_windows(entry: Mapping[str, Any], label: str | None) -> list[Window]:
    if label is None:
        raise EvaluationError(
            "MLPerf Tiny's truth format does not name the keyword; say which label its windows are of"
        )
    return [_window_from_seconds(label, float(start), float(end)) for start, end in entry["detection_windows"]]


def _window_from_seconds(label: str, start_s: float, end_s: float) -> Window:
    return Window(label=label, start_sample=round(start_s * SAMPLE_RATE_HZ), end_sample=round(end_s * SAMPLE_RATE_HZ))


def _first_few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
