# SPDX-License-Identifier: Apache-2.0
"""What a bundle says of its making: JSON, deflated, because it lies in the board's flash though no board reads it.

A bundle keeps it in the section ``METZ``. Bundles of format 1.0 hold plain JSON in ``META``, which is still read.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from kws.errors import BundleError

DEFLATED = "METZ"
PLAIN = "META"
MAX_BYTES = 1 << 20
"""Inflated; a hundred times what training writes. A section that unpacks to more is refused, not unpacked."""


def with_metadata(sections: Mapping[str, bytes], metadata: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the sections of a bundle with this metadata instead of any they had.

    Parameters
    ----------
    sections : mapping of section kind to its bytes
    metadata : mapping
        JSON-serialisable.

    Raises
    ------
    BundleError
        If it is larger than a reader accepts.
    """
    text = json.dumps(metadata, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) > MAX_BYTES:
        raise BundleError(f"metadata is {len(text):,} bytes of JSON; expected at most {MAX_BYTES:,}")
    others = {kind: section for kind, section in sections.items() if kind not in (PLAIN, DEFLATED)}
    return {**others, DEFLATED: zlib.compress(text, level=9)}


def metadata_of(sections: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """Return the metadata of a bundle, empty when it has none.

    Parameters
    ----------
    sections : mapping of section kind to its bytes
    name : str
        Of the bundle, for messages.

    Raises
    ------
    BundleError
        If it is damaged, no JSON object, too large, or there twice.
    """
    if PLAIN in sections and DEFLATED in sections:
        raise BundleError(f"{name}: metadata is there twice, as {PLAIN} and {DEFLATED}; make the bundle again")
    text = _inflated(sections[DEFLATED], name) if DEFLATED in sections else sections.get(PLAIN, b"{}")
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: UnicodeDecodeError and JSONDecodeError alike
        raise BundleError(f"{name}: metadata is not valid JSON ({error}); make the bundle again") from error
    if not isinstance(metadata, dict):
        raise BundleError(f"{name}: metadata is a {type(metadata).__name__}; expected a JSON object")
    return metadata


def _inflated(section: bytes, name: str) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(section, MAX_BYTES)
    except zlib.error as error:
        raise BundleError(f"{name}: metadata cannot be unpacked ({error}); make the bundle again") from error
    if unpacker.unconsumed_tail or (len(text) == MAX_BYTES and not unpacker.eof):
        raise BundleError(f"{name}: metadata unpacks to more than {MAX_BYTES:,} bytes; nothing of ours is so large")
    if not unpacker.eof or unpacker.unused_data:
        state = "ends too early" if not unpacker.eof else f"is followed by {len(unpacker.unused_data)} stray bytes"
        raise BundleError(f"{name}: the packed metadata {state}; make the bundle again")
    return text
