# SPDX-License-Identifier: Apache-2.0
"""What a board draws in each of its states, from TOML files that name their sources."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.errors import ConfigError

PROFILES = Path(__file__).parent / "profiles"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number and where it is from."""

    value: float
    source: str


@dataclass(frozen=True, kw_only=True)
class BoardProfile:
    """Currents of a board at its supply voltage."""

    name: str
    processor: str
    clock_mhz: Figure
    supply_v: Figure
    core_ua_per_mhz: Figure
    """Drawn on top of listening while the core computes."""
    audio_ua: Figure
    """Drawn on top of sleep while the audio input runs, with the clocks it needs."""
    sleep_ua: Figure
    """Whole chip, memory kept, ready to wake."""
    microphone_ua: Figure
    wake_microphone_ua: Figure
    """A microphone that waits for sound and wakes the chip."""
    cycle_factor: Figure
    """Cycles on this chip per cycle of the model: flash wait states, another core."""


def profile_names() -> list[str]:
    """Return the boards there are profiles for, sorted."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def load_profile(name: str) -> BoardProfile:
    """Return a profile by name, or from a TOML file of one's own.

    Raises
    ------
    ConfigError
        If there is none, or a field is missing, unknown, or without a source.
    """
    path = Path(name) if name.endswith(".toml") else PROFILES / f"{name}.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(profile_names())
        raise ConfigError(f"power profile {name!r}: cannot be read; there are {known}, or give a .toml file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"power profile {path}: not TOML ({error})") from error
    expected = {field.name for field in dataclasses.fields(BoardProfile)}
    if set(data) != expected:
        wrong = ", ".join(sorted(set(data) ^ expected))
        raise ConfigError(f"power profile {path}: missing or unknown: {wrong}; expected {', '.join(sorted(expected))}")
    text, processor = str(data.pop("name")), str(data.pop("processor"))
    figures = {key: _figure(path, key, entry) for key, entry in data.items()}
    return BoardProfile(name=text, processor=processor, **figures)


def _figure(path: Path, key: str, entry: Any) -> Figure:
    valid = (
        isinstance(entry, dict)
        and isinstance(entry.get("value"), int | float)
        and entry["value"] >= 0
        and bool(entry.get("source"))
    )
    if not valid:
        raise ConfigError(
            f'power profile {path}: {key} is {entry!r}; expected {{ value = NUMBER, source = "WHERE FROM" }}'
        )
    return Figure(value=float(entry["value"]), source=str(entry["source"]))
