# SPDX-License-Identifier: Apache-2.0
"""The keys that files of a suite may have: one table that checks them, and that editors get as a JSON schema."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kws.errors import ConfigError
from kws.files import StrPath

Kind = Literal["text", "texts", "flag", "whole", "number", "tags", "table", "tables", "named"]
"""``named``: a table whose keys are names of the user's, such as words, and whose values are tables."""
_TYPES: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "texts": (list,),
    "flag": (bool,),
    "whole": (int,),
    "number": (int, float),
    "tags": (dict,),
    "table": (dict,),
    "tables": (list,),
    "named": (dict,),
}
_WORDS: Mapping[str, str] = {
    "text": "a text",
    "texts": "a list of texts",
    "flag": "true or false",
    "whole": "a whole number",
    "number": "a number",
    "tags": "a table of texts or numbers",
    "table": "a table",
    "tables": "a list of tables",
    "named": "a table of tables",
}
_TAG_TYPES = (str, int, float)


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a table."""

    name: str
    kind: Kind
    what: str
    """What it says, for people: the schema shows it in editors."""
    required: bool = False
    least: float | None = None
    most: float | None = None
    inside: tuple[Key, ...] = ()
    """Keys of the table, or of each table, that is its value."""


def read_toml(path: StrPath, keys: Sequence[Key], what: str) -> dict[str, Any]:
    """Read a TOML file and hold it against its keys.

    Parameters
    ----------
    path : path
    keys : sequence of Key
    what : str
        What the file is, for messages: ``suite``.

    Raises
    ------
    ConfigError
        If the file cannot be read, or has an unknown key, a missing one, or a value that it cannot have.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a {what} ({error}); see kws/suite/README.md") from error
    check(content, keys, f"{path}")
    return content


def check(values: Mapping[str, Any], keys: Sequence[Key], where: str) -> None:
    """Hold a table against its keys.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or a value is of the wrong type or outside its range.
    """
    known = {key.name: key for key in keys}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{where}: unknown key {name!r}, expected one of {', '.join(known)}")
        _check_value(value, known[name], f"{where}: {name}")
    for key in keys:
        if key.required and values.get(key.name) in (None, []):
            raise ConfigError(f"{where}: expected the key {key.name!r} ({key.what}) and it is missing")


def _check_value(value: Any, key: Key, where: str) -> None:
    if not _is_of(value, key.kind):
        raise ConfigError(f"{where}: expected {_WORDS[key.kind]} and got {value!r}")
    if key.kind in ("whole", "number") and not _low(key) <= value <= _high(key):
        raise ConfigError(f"{where}: expected {_range(key)} and got {value!r}")
    if key.kind == "table":
        check(value, key.inside, where)
    elif key.kind == "tables":
        for number, table in enumerate(value, start=1):
            check(table, key.inside, f"{where}, number {number}")
    elif key.kind == "named":
        for name, table in value.items():
            check(table, key.inside, f"{where}.{name}")


def _is_of(value: Any, kind: Kind) -> bool:
    is_right_type = isinstance(value, _TYPES[kind]) and (kind == "flag" or not isinstance(value, bool))
    if not is_right_type:
        return False
    if kind == "texts":
        return bool(value) and all(isinstance(each, str) for each in value)
    if kind == "tags":
        return all(isinstance(each, _TAG_TYPES) and not isinstance(each, bool) for each in value.values())
    if kind == "tables":
        return all(isinstance(each, dict) for each in value)
    return kind != "named" or all(isinstance(each, dict) for each in value.values())


def _low(key: Key) -> float:
    return float("-inf") if key.least is None else key.least


def _high(key: Key) -> float:
    return float("inf") if key.most is None else key.most


def _range(key: Key) -> str:
    if key.most is None:
        return f"at least {key.least:g}"
    return f"{key.least:g} to {key.most:g}"


def json_schema(keys: Sequence[Key], title: str) -> dict[str, Any]:
    """Return the JSON schema of a file with these keys.

    Parameters
    ----------
    keys : sequence of Key
    title : str

    Returns
    -------
    dict
        Draft 7, which editors' TOML extensions read.
    """
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": title, **_object(keys)}


def _object(keys: Sequence[Key]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.name: {"description": key.what, **_value(key)} for key in keys},
    }
    if required := [key.name for key in keys if key.required]:
        schema["required"] = required
    return schema


def _value(key: Key) -> dict[str, Any]:
    if key.kind == "table":
        return _object(key.inside)
    if key.kind == "tables":
        return {"type": "array", "items": _object(key.inside)}
    if key.kind == "named":
        return {"type": "object", "additionalProperties": _object(key.inside)}
    simple: dict[str, dict[str, Any]] = {
        "text": {"type": "string"},
        "texts": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "flag": {"type": "boolean"},
        "whole": {"type": "integer"},
        "number": {"type": "number"},
        "tags": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
    }
    limits = {"minimum": key.least, "maximum": key.most}
    return simple[key.kind] | {name: limit for name, limit in limits.items() if limit is not None}
