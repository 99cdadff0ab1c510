"""What to replay and what should be heard in it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.audio import Samples, find_audio, read_audio
from kws.errors import ConfigError, EvaluationError
from kws.evaluation.clips import label_of_word
from kws.evaluation.truth import Window, find_windows, read_truth
from kws.files import StrPath, as_paths


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One file. At most one of ``expected`` and ``windows`` is given; with neither, events are only listed."""

    path: Path
    name: str
    """Short and unique, for tables."""
    expected: str | None = None
    """A clip of this label."""
    windows: tuple[Window, ...] | None = None
    """A stream with this truth."""

    def load(self, sample_rate_hz: int) -> Samples:
        """Read the samples."""
        return read_audio(self.path, sample_rate_hz=sample_rate_hz)


def find_recordings(
    paths: Sequence[StrPath], labels: Sequence[str], *, truth: StrPath | None = None, truth_label: str | None = None
) -> list[Recording]:
    """Find the recordings that paths name and what is expected of each.

    Without a truth file, folder names are labels: a file in a folder named like a label of the bundle is a clip of
    it; in a folder laid out like Speech Commands (some of its sub-folders are labels) the other sub-folders are
    ``unknown``, or ``silence`` for noise. Anything else is replayed without expectation.

    Parameters
    ----------
    paths : sequence of path
        Files, or folders searched to any depth.
    labels : sequence of str
        Of the bundle.
    truth : path, optional
        Truth windows (see `kws.evaluation.truth.read_truth`), or a CSV ``file,label`` of clips.
    truth_label : str, optional
        The label of windows in truth files that do not say.

    Returns
    -------
    list of Recording
        At least one.

    Raises
    ------
    AudioError
        If a path does not exist or holds no audio.
    EvaluationError
        If the truth file cannot be read, or does not name one of the recordings.
    ConfigError
        If there is a label for windows and no truth file with windows.
    """
    if truth is None and truth_label is not None:
        raise ConfigError("--truth-label is the label of a truth file's windows; add --truth FILE")
    files = [(root, file) for root in as_paths(paths) for file in find_audio([root])]
    names = _short_names([file for _, file in files])
    if truth is not None:
        return _with_truth([file for _, file in files], names, labels, Path(truth), truth_label)
    return [
        Recording(path=file, name=name, expected=_label_by_folder(root, file, labels))
        for (root, file), name in zip(files, names, strict=True)
    ]


def _with_truth(
    files: Sequence[Path], names: Sequence[str], labels: Sequence[str], truth: Path, truth_label: str | None
) -> list[Recording]:
    if _is_clip_list(truth):
        expected = _read_clip_list(truth, labels)
        return [
            Recording(path=file, name=name, expected=_listed(expected, file, truth))
            for file, name in zip(files, names, strict=True)
        ]
    windows = read_truth(truth, label=truth_label)
    return [
        Recording(path=file, name=name, windows=find_windows(windows, file))
        for file, name in zip(files, names, strict=True)
    ]


def _label_by_folder(root: Path, file: Path, labels: Sequence[str]) -> str | None:
    word = file.parent.name
    if word in labels:
        return word
    if root == file or file.parent == root:
        return None
    laid_out_by_word = any((file.parent.parent / label).is_dir() for label in labels)
    return label_of_word(word, labels) if laid_out_by_word else None


def _is_clip_list(truth: Path) -> bool:
    if truth.suffix.lower() != ".csv" or not truth.is_file():
        return False
    with truth.open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file), [])
    return set(header) >= {"file", "label"} and "start_s" not in header


def _read_clip_list(truth: Path, labels: Sequence[str]) -> dict[str, str]:
    with truth.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = {}
    for row in rows:
        label = label_of_word(row["label"], labels)
        if label is None:
            raise EvaluationError(
                f"{truth}: {row['file']} is labelled {row['label']!r}, expected one of {', '.join(labels)}"
            )
        expected[row["file"]] = label
    return expected


def _listed(expected: Mapping[str, str], file: Path, truth: Path) -> str:
    for name, label in expected.items():
        wanted = Path(name).parts
        if file.parts[-len(wanted) :] == wanted:
            return label
    raise EvaluationError(f"{file}: not named in {truth}; add a line for it or leave the file out")


def _short_names(files: Iterable[Path]) -> list[str]:
    """Each path without the folders that all of them share; the last folder is kept, it is often the label."""
    resolved = [file.resolve() for file in files]
    parents = [file.parent.parts for file in resolved]
    shared = 0
    while all(len(parts) > shared + 1 and parts[shared] == parents[0][shared] for parts in parents):
        shared += 1
    return ["/".join(file.parts[shared:]) for file in resolved]
