# SPDX-License-Identifier: Apache-2.0
"""Where things are: the firmware's sources, the shipped models, committed cycle counts, and folders for what is made.

In a checkout (or an unpacked source distribution) these folders stand beside ``kws``; an installed package carries them
inside. What is built goes to ``build`` in a checkout, and to a cache folder of the user otherwise.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs

from kws.version import VERSION

_PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """Return the root of the checkout that this package runs from; None for an installed package."""
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "firmware").is_dir() else None


def firmware() -> Path:
    """Return the folder of the C sources and the CMake project."""
    return _carried("firmware")


def models() -> Path:
    """Return the folder of the shipped bundles and the speech trunk."""
    return _carried("models")


def committed_cycles() -> Path:
    """Return the folder of the results of ``kws bench`` that were committed with this version."""
    root = checkout()
    return root / "benchmarks" / "cycles" if root else _PACKAGE / "cycles"


def build_folder() -> Path:
    """Return the folder for firmware and tools that are built when they are needed; it may not exist yet.

    Outside a checkout every installation has its own: CMake refuses a build folder of sources that lie elsewhere.
    """
    root = checkout()
    if root:
        return root / "build"
    installation = hashlib.sha256(str(_PACKAGE).encode()).hexdigest()[:8]
    return cache_folder() / f"build-{VERSION}-{installation}"


def cache_folder() -> Path:
    """Return ``$KWS_CACHE``, or the folder of this user for what can be made again, shared by all installations."""
    chosen = os.environ.get("KWS_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("kws", appauthor=False)


def _carried(name: str) -> Path:
    root = checkout()
    return root / name if root else _PACKAGE / name
