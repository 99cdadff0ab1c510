# SPDX-License-Identifier: Apache-2.0
"""A regression suite: the TOML file that says what is replayed and what must hold of it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kws.errors import ConfigError
from kws.files import StrPath
from kws.harness.listener import HOST
from kws.suite import gates
from kws.suite.gates import Gates
from kws.suite.keys import Key, json_schema, read_toml

_RECORDINGS = (
    Key(name="paths", kind="texts", required=True, what="recordings, or folders of them"),
    Key(
        name="truth",
        kind="text",
        what="what is said in them: CSV, JSON, MLPerf Tiny, Audacity labels; folder names are labels without it",
    ),
    Key(name="truth_label", kind="text", what="label of the windows, for truth files that do not say"),
    Key(name="other_words", kind="flag", what="the truth may hold words that are no labels; nothing may fire there"),
    Key(name="tags", kind="tags", what="tags of all of them: { speaker = 'ann', distance_m = 2 }"),
    Key(name="tags_file", kind="text", what="CSV with a column file and one for each tag; it may be the truth's"),
    Key(name="tags_from_name", kind="text", what="the end of their paths, with tags: '{word}/{speaker}_nohash_*'"),
)
_KNOWN = (
    Key(name="recording", kind="text", required=True, what="name of a recording; * and ? stand for any characters"),
    Key(name="reason", kind="text", required=True, what="why it is heard wrongly, or who will mend it"),
)
KEYS = (
    Key(name="bundle", kind="text", required=True, what="the bundle; paths are relative to this file"),
    Key(name="board", kind="text", what="host (default), native, an emulated board, a serial port or URL"),
    Key(name="boards", kind="text", what="a pool of boards (boards.toml) instead of a board"),
    Key(name="operating_point", kind="whole", least=0, what="index; the bundle's default when omitted"),
    Key(
        name="baseline",
        kind="text",
        what="what kws suite accept writes, and must be there; without this key baseline.json, if it is there",
    ),
    Key(name="recordings", kind="tables", required=True, inside=_RECORDINGS, what="what is replayed: [[recordings]]"),
    Key(name="gates", kind="table", inside=gates.KEYS, what="limits that must hold"),
    Key(name="known_failures", kind="tables", inside=_KNOWN, what="recordings that may be heard wrongly"),
)
"""Keys of a suite."""
_BASELINE = "baseline.json"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Recordings that share a truth and tags."""

    paths: tuple[Path, ...]
    truth: Path | None = None
    truth_label: str | None = None
    other_words: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    tags_file: Path | None = None
    tags_from_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class KnownFailure:
    """Recordings that may be heard wrongly, and why."""

    recording: str
    """A name; ``*`` and ``?`` stand for any characters."""
    reason: str

    def fits(self, name: str) -> bool:
        """Whether it is about a recording."""
        return name == self.recording or fnmatch.fnmatchcase(name, self.recording)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What is replayed to which board, and what must hold of it."""

    path: Path
    """The file; names of recordings are relative to its folder."""
    bundle: Path
    sources: tuple[Source, ...]
    board: str = HOST
    boards: Path | None = None
    operating_point: int | None = None
    baseline: Path
    """Where the accepted result is, or will be."""
    needs_baseline: bool = False
    """Whether the suite names it: then it must be there."""
    gates: Gates
    known_failures: tuple[KnownFailure, ...] = ()

    def on(self, *, board: str | None = None, boards: Path | None = None) -> Suite:
        """Return the same suite for another board, or a pool of them; None leaves it as it is.

        Raises
        ------
        ConfigError
            If both are given.
        """
        if board is not None and boards is not None:
            raise ConfigError("expected --board, or --boards, and got both; leave one out")
        if board is not None:
            return replace(self, board=board, boards=None)
        return self if boards is None else replace(self, boards=boards)

    def reason_for(self, name: str) -> str | None:
        """Return why a recording may be heard wrongly; None if it may not."""
        for known in self.known_failures:
            if known.fits(name):
                return known.reason
        return None


def read_suite(path: StrPath) -> Suite:
    """Read a suite.

    Raises
    ------
    ConfigError
        If the file cannot be read, or has an unknown key, a missing one, or a value that it cannot have.
    """
    path = Path(path)
    if not path.exists():
        raise ConfigError(f"{path}: there is no such suite; write one: kws suite init NAME.kws RECORDINGS")
    content = read_toml(path, KEYS, "suite")
    if "board" in content and "boards" in content:
        raise ConfigError(f"{path}: expected board, or boards, and got both; leave one out")
    folder = path.parent
    return Suite(
        path=path,
        bundle=folder / content["bundle"],
        sources=tuple(_source(folder, values) for values in content["recordings"]),
        board=content.get("board", HOST),
        boards=folder / content["boards"] if "boards" in content else None,
        operating_point=content.get("operating_point"),
        baseline=folder / content.get("baseline", _BASELINE),
        needs_baseline="baseline" in content,
        gates=Gates(limits=content.get("gates", {})),
        known_failures=tuple(KnownFailure(**values) for values in content.get("known_failures", ())),
    )


def suite_schema() -> dict[str, Any]:
    """Return the JSON schema of a suite, for editors."""
    return json_schema(KEYS, "Regression suite of kws")


def _source(folder: Path, values: Mapping[str, Any]) -> Source:
    def beside(key: str) -> Path | None:
        return folder / values[key] if key in values else None

    return Source(
        paths=tuple(folder / path for path in values["paths"]),
        truth=beside("truth"),
        truth_label=values.get("truth_label"),
        other_words=values.get("other_words", False),
        tags={tag: str(value) for tag, value in values.get("tags", {}).items()},
        tags_file=beside("tags_file"),
        tags_from_name=values.get("tags_from_name"),
    )
