# SPDX-License-Identifier: Apache-2.0
"""Pieces of what is told to users."""

from __future__ import annotations

from collections.abc import Iterable

_MOST_NAMED = 5


def first_few(names: Iterable[str]) -> str:
    """Join names for a message; many are counted."""
    known = list(names)
    more = len(known) - _MOST_NAMED
    return ", ".join(known[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 recording``, ``2 recordings``; nouns that take no s bring their plural."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
