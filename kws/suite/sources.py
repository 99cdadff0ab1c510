# SPDX-License-Identifier: Apache-2.0
"""The recordings of a suite: each with its truth, its tags, and a name that is its path from the suite's file."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kws.errors import ConfigError, note
from kws.evaluation.listening import Listening
from kws.evaluation.recordings import Recording, find_recordings
from kws.phrases import first_few
from kws.suite.suite import Source, Suite
from kws.textfile import read_text

_TRUTH_COLUMNS = frozenset({"file", "path", "label", "word", "start", "end", "start_s", "end_s", "start_ms", "end_ms"})
"""Columns of truth files (`kws.evaluation.truth_files`); any other is a tag."""
_TAG = re.compile(r"\{(\w+)\}")


def recordings_of(suite: Suite, listening: Listening) -> list[Recording]:
    """Find the recordings of a suite.

    Parameters
    ----------
    suite : Suite
    listening : Listening
        Of its bundle.

    Returns
    -------
    list of Recording
        In the order of the suite.

    Raises
    ------
    AudioError, EvaluationError
        As `kws.evaluation.recordings.find_recordings`.
    ConfigError
        If two sources name one recording, or tags cannot be found where the suite says.
    """
    found: dict[str, Recording] = {}
    for source in suite.sources:
        recordings = find_recordings(
            source.paths,
            listening,
            truth=source.truth,
            truth_label=source.truth_label,
            other_words=source.other_words,
        )
        tags_of = _Tags(suite.path, source)
        for recording in recordings:
            name = Path(os.path.relpath(recording.path, suite.path.parent)).as_posix()
            if name in found:
                raise ConfigError(f"{suite.path}: {name} is in two tables of recordings; name it in one of them")
            found[name] = replace(recording, name=name, tags=tags_of(name))
    for known in suite.known_failures:
        if not any(known.fits(name) for name in found):
            note(f"{suite.path}: no recording is the known failure {known.recording!r}; is its name right?")
    for slice_ in suite.gates.limits.get("slices", ()):
        _check_slice(suite, slice_["where"], list(found.values()))
    return list(found.values())


class _Tags:
    """Tags of the recordings of one source: of all, from the file, from the name; the later win."""

    def __init__(self, suite: Path, source: Source) -> None:
        self._suite, self._source = suite, source
        self._rows = _read_tags(source.tags_file) if source.tags_file is not None else {}
        self._pattern = _pattern(source.tags_from_name) if source.tags_from_name is not None else None

    def __call__(self, name: str) -> dict[str, str]:
        tags = dict(self._source.tags)
        if self._rows:
            tags |= self._row(name)
        if self._pattern is not None:
            fits = self._pattern.search(name)
            if fits is None:
                raise ConfigError(
                    f"{self._suite}: {name} does not end like tags_from_name = {self._source.tags_from_name!r}; "
                    "correct the pattern, or put the recording into a table of its own"
                )
            tags |= fits.groupdict()
        return tags

    def _row(self, name: str) -> Mapping[str, str]:
        fits = [file for file in self._rows if name == file or name.endswith(f"/{file}")]
        if not fits:
            raise ConfigError(f"{self._source.tags_file}: expected a line for {name} and there is none; add it")
        return self._rows[max(fits, key=len)]


def _read_tags(path: Path) -> dict[str, dict[str, str]]:
    text = read_text(path, ConfigError)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
        file = (row.get("file") or row.get("path") or "").strip().replace("\\", "/")
        if not file:
            raise ConfigError(
                f"{path}: expected a column named file with a recording in each line; see kws/suite/README.md"
            )
        own = {tag: value.strip() for tag, value in row.items() if tag and value and tag not in _TRUTH_COLUMNS}
        if rows.setdefault(file, own) != own:
            raise ConfigError(f"{path}: {file} has different tags in different lines; make them the same")
    return rows


def _pattern(text: str) -> re.Pattern[str]:
    """``{word}/{speaker}_nohash_*`` as a regular expression for the end of a name."""
    parts, at = [], 0
    for tag in _TAG.finditer(text):
        parts += [_literal(text[at : tag.start()]), f"(?P<{tag[1]}>[^/]+?)"]
        at = tag.end()
    return re.compile("(?:^|/)" + "".join(parts) + _literal(text[at:]) + "$")


def _literal(text: str) -> str:
    return re.escape(text).replace(r"\*", "[^/]*")


def _check_slice(suite: Suite, where: Mapping[str, object], recordings: Sequence[Recording]) -> None:
    """A slice by a tag that no recording has is a slip of the pen; one by a value that none has measures nothing."""
    known = sorted({tag for recording in recordings for tag in recording.tags})
    if unknown := [tag for tag in where if tag not in known]:
        there = first_few(known) or "none"
        raise ConfigError(f"{suite.path}: a slice by the tag {unknown[0]!r}, which no recording has; tags: {there}")
    wanted = {tag: str(value) for tag, value in where.items()}.items()
    if not any(wanted <= dict(recording.tags).items() for recording in recordings):
        note(f"{suite.path}: no recording is in the slice {dict(where)}; its gates fail")
