# SPDX-License-Identifier: Apache-2.0
"""The cffi door to ``firmware/core``: ``ffi``, ``lib`` and the few helpers every stage module needs."""

from __future__ import annotations

from typing import Any

from kws.errors import BundleError, KwsError

try:
    from kws.core._core import ffi, lib
except ImportError as error:  # the extension was never built, or for another interpreter
    raise KwsError(
        f"the compiled core is missing ({error}); build it with 'make core', or install again with 'pip install -e .'"
    ) from error

__all__ = ["aligned_copy", "check", "ffi", "lib", "status_text"]


def status_text(status: int) -> str:
    """Return the core's sentence for a ``kws_status_t``."""
    return bytes(ffi.string(lib.kws_status_text(status))).decode()


def check(status: int, what: str, error: type[KwsError] = BundleError) -> None:
    """Raise ``error`` when a ``kws_status_t`` is not ``KWS_OK``; ``what`` names the object, for the message."""
    if status < 0:
        raise error(f"{what}: {status_text(status)}")


def aligned_copy(data: bytes | bytearray | memoryview, alignment: int = 16) -> tuple[Any, Any]:
    """Copy bytes to memory aligned as bundles and arenas must be.

    Returns
    -------
    pointer : cdata ``uint8_t *``
    owner : cdata
        Keeps the memory alive; hold it as long as the pointer is in use.
    """
    pointer, owner = aligned_new(len(data), alignment)
    ffi.memmove(pointer, bytes(data), len(data))
    return pointer, owner


def aligned_new(size_bytes: int, alignment: int = 16) -> tuple[Any, Any]:
    """Allocate zeroed memory; returns the aligned pointer and its owner, as :func:`aligned_copy` does."""
    owner = ffi.new("uint8_t[]", size_bytes + alignment)
    address = int(ffi.cast("uintptr_t", owner))
    return owner + (-address % alignment), owner
