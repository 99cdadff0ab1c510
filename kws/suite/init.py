# SPDX-License-Identifier: Apache-2.0
"""A first suite for recordings that are there: what is said in them is looked for beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from kws.audio_files import find_audio
from kws.bundle import Bundle
from kws.errors import ConfigError, note
from kws.evaluation.listening import listening_of
from kws.evaluation.recordings import Recording
from kws.phrases import counted, first_few
from kws.suite.sources import recordings_of
from kws.suite.suite import read_suite, suite_schema

SCHEMA = "suite.schema.json"
_TRUTHS = ("truth.csv", "truth.json", "labels.csv", "manifest.csv")
"""Names of truth files in a folder of recordings."""
_SUFFIXES = (".csv", ".json", ".txt")
"""Of a truth file beside a recording of the same name."""
_GATES = """\
[gates]                                 # a gate that nothing measured fails
max_dropped_samples = 0
# no_mistakes = true                    # every recording heard right, but for the known failures; so it is
                                        # anyway until a limit below or an accepted result says what may be wrong
# min_accuracy = 0.95
# max_false_reject_rate = 0.05
# max_false_accepts_per_hour = 1.0
# max_p95_latency_ms = 400

# [gates.words.yes]
# max_false_reject_rate = 0.02

# [[gates.slices]]
# where = { noise = "kitchen" }
# max_false_reject_rate = 0.1

# [[known_failures]]
# recording = "clips/off/*.wav"
# reason = "cut off by the recorder; record them again"
"""


def write_suite(out: Path, bundle: Path, paths: Sequence[Path], *, board: str) -> list[Recording]:
    """Write a suite and, beside it, the schema that editors complete and check it with.

    Parameters
    ----------
    out : path
        ``NAME.toml``.
    bundle : path
    paths : sequence of path
        Recordings, or folders of them; each gets a table of its own.
    board : str

    Returns
    -------
    list of Recording
        What is in it.

    Raises
    ------
    ConfigError
        If the file is there already, or cannot be written.
    AudioError, BundleError, EvaluationError
        If the suite would not run.
    """
    if out.exists():
        raise ConfigError(f"{out}: is there already; choose another name with --out, or edit it")
    for path in paths:
        _tell_unused_truths(path)
    text = "\n".join([_head(out, bundle, board), *(_table(out, path) for path in paths), _GATES])
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        (out.parent / SCHEMA).write_text(json.dumps(suite_schema(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror}); choose a folder of your own") from error
    suite = read_suite(out)
    try:
        return recordings_of(suite, listening_of(Bundle.load(suite.bundle)))
    except BaseException:
        out.unlink()
        raise


def describe(recordings: Sequence[Recording]) -> str:
    """Return what recordings are, in one phrase."""
    clips = [recording for recording in recordings if recording.expected is not None]
    streams = [recording.windows for recording in recordings if recording.windows is not None]
    others = len(recordings) - len(clips) - len(streams)
    parts = []
    if clips:
        parts.append(f"{counted(len(clips), 'clip')} of {counted(len({c.expected for c in clips}), 'label')}")
    if streams:
        words = counted(sum(map(len, streams)), "word")
        parts.append(f"{counted(len(streams), 'long recording')} with {words} in the truth")
    if others:
        parts.append(f"{counted(others, 'recording')} without a label or truth, which no gate judges")
    return ", ".join(parts)


def _head(out: Path, bundle: Path, board: str) -> str:
    return (
        f"#:schema ./{SCHEMA}\n"
        "# A regression suite: kws suite run exits with 1 if anything below does not hold.\n"
        f"bundle = {_quoted(_beside(out, bundle))}   # paths are relative to this file\n"
        f"board = {_quoted(board)}\n"
    )


def _table(out: Path, path: Path) -> str:
    truth = _truth_of(path)
    lines = ["[[recordings]]", f"paths = [{_quoted(_beside(out, path))}]"]
    lines.append(
        f"truth = {_quoted(_beside(out, truth))}"
        if truth is not None
        else '# folder names are the labels; or: truth = "truth.csv"'
    )
    return "\n".join([*lines, '# tags = { speaker = "ann", noise = "kitchen" }', ""])


def _truth_of(path: Path) -> Path | None:
    beside = [path / name for name in _TRUTHS] if path.is_dir() else [path.with_suffix(s) for s in _SUFFIXES]
    return next((file for file in beside if file.is_file()), None)


def _tell_unused_truths(folder: Path) -> None:
    """Say which files deeper in a folder look like truth: its table has one truth, or labels by folder names."""
    if not folder.is_dir() or _truth_of(folder) is not None:
        return
    files = find_audio([folder])
    candidates = [place / name for place in dict.fromkeys(file.parent for file in files) for name in _TRUTHS]
    candidates += [file.with_suffix(suffix) for file in files for suffix in _SUFFIXES]
    if found := [str(file) for file in candidates if file.is_file()]:
        note(
            f"{first_few(found)}: not taken for the truth of what lies beside, since {folder} is one table; give such "
            "recordings and their truth a table of their own"
        )


def _beside(out: Path, path: Path) -> str:
    return Path(os.path.relpath(path, out.parent)).as_posix()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
