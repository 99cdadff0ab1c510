# SPDX-License-Identifier: Apache-2.0
"""Strict reading of TOML into frozen dataclasses: every key known, every type right, or an error that says so."""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from kws.errors import ConfigError
from kws.textfile import read_text

T = TypeVar("T")
_NONE = "none"
"""How TOML, which has no null, says None."""


def load(cls: type[T], path: Path) -> T:
    """Read a TOML file as one dataclass.

    Raises
    ------
    ConfigError
        If the file is missing, not TOML, or ``parse`` refuses it.
    """
    return parse(cls, read_toml(path, "one in training/configs/"), where=str(path))


def read_toml(path: Path, example: str) -> dict[str, Any]:
    """Read a TOML file; ``example`` is what the message on a missing one proposes to start from.

    Raises
    ------
    ConfigError
        If the file is missing or not TOML.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such configuration; start from {example}")
    try:
        return tomllib.loads(read_text(path, ConfigError))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML ({error}); fix the line it names") from error


def parse(cls: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """Build a dataclass from a mapping, recursively.

    Understood field types: bool, int, float, str, Path, Literal, numbers of `kws.ranges`, tuples of one type or of
    fixed length, ``dict[str, X]``, ``X | None`` (None is written ``"none"``) and dataclasses.

    Raises
    ------
    ConfigError
        For an unknown or missing key, a value of the wrong type or out of its range, or whatever the class itself
        refuses.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            near = get_close_matches(key, fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(fields)}"
            raise ConfigError(f"{where}: unknown setting {key!r}; {hint}")
    arguments = {key: _convert(hints[key], value, where=f"{where}: {key}") for key, value in values.items()}
    for name, field in fields.items():
        no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if name not in arguments and no_default:
            raise ConfigError(f"{where}: setting {name!r} is missing; add it")
    try:
        return cls(**arguments)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def to_dict(config: object) -> dict[str, Any]:
    """Turn a dataclass into plain JSON-able values; ``parse`` reads it back equal."""
    plain: dict[str, Any] = _plain(config)
    return plain


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if value is None:
        return _NONE
    return str(value) if isinstance(value, Path) else value


def _convert(kind: Any, value: Any, *, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if value == _NONE and type(None) in typing.get_args(kind):
            return None
        option = next(option for option in typing.get_args(kind) if option is not type(None))
        return _convert(option, value, where=where)
    if origin is typing.Annotated:
        inner, limits = typing.get_args(kind)
        number = _convert(inner, value, where=where)
        if number not in limits:
            raise _mismatch(where, str(limits), value)
        return number
    if origin is typing.Literal:
        if value not in typing.get_args(kind):
            raise _mismatch(where, f"one of {', '.join(map(repr, typing.get_args(kind)))}", value)
        return value
    if origin is tuple:
        return _convert_tuple(typing.get_args(kind), value, where=where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _mismatch(where, "a table", value)
        item_kind = typing.get_args(kind)[1]
        return {key: _convert(item_kind, item, where=f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise _mismatch(where, "a table", value)
        return parse(typing.cast(type, kind), value, where=where)
    return _convert_scalar(kind, value, where=where)


def _convert_tuple(kinds: tuple[Any, ...], value: Any, *, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _mismatch(where, "a list", value)
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise _mismatch(where, f"a list of {len(kinds)} values", value)
    pairs = zip(kinds, value, strict=True)
    return tuple(_convert(kind, item, where=f"{where}[{i}]") for i, (kind, item) in enumerate(pairs))


def _convert_scalar(kind: Any, value: Any, *, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}
        raise _mismatch(where, names.get(kind, str(kind)), value)
    return value


def _mismatch(where: str, expected: str, value: Any) -> ConfigError:
    return ConfigError(f"{where}: expected {expected}, got {value!r}")
