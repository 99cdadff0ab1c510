# SPDX-License-Identifier: Apache-2.0
"""A folder of generated files, which may be generated again and never takes the place of anybody's own work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from kws.errors import ConfigError
from kws.files import written_whole

LIST = "kws_export.sha256"
"""Names what was written, so that it can be replaced: the format of ``sha256sum``."""


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder that is missing, empty, or was written by this function and not changed since.

    Files that others have added are left alone.

    Raises
    ------
    ConfigError
        If something in the folder would be lost, or it cannot be written.
    """
    try:
        earlier = _listed(folder)
        _refuse_to_lose(folder, earlier, files)
        folder.mkdir(parents=True, exist_ok=True)
        for name in earlier:
            (folder / name).unlink(missing_ok=True)
            _remove_empty((folder / name).parent, folder)
        # The list comes first, and each file is there as a whole: an export that was interrupted can be run again.
        lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())]
        _write(folder / LIST, "".join(lines).encode())
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _write(folder / name, data)
    except OSError as error:
        raise ConfigError(
            f"--out {folder}: cannot be written ({error.strerror}); choose a folder of your own"
        ) from error


def _write(path: Path, data: bytes) -> None:
    with written_whole(path) as part:
        part.write_bytes(data)


def _remove_empty(inner: Path, folder: Path) -> None:
    """Remove folders that an earlier export made and nobody uses, from the inside out."""
    while inner != folder and inner.is_dir() and not any(inner.iterdir()):
        inner.rmdir()
        inner = inner.parent


def _listed(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of what an earlier export wrote, by name."""
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise ConfigError(f"--out {folder}: is a file; choose a folder")
    if not (folder / LIST).is_file():
        if any(folder.iterdir()):
            raise ConfigError(f"--out {folder}: holds files that kws export did not write; choose an empty folder")
        return {}
    pairs = [line.split("  ", 1) for line in (folder / LIST).read_text(encoding="utf-8", errors="replace").splitlines()]
    if any(len(pair) != 2 or ".." in PurePosixPath(pair[1]).parts or pair[1].startswith("/") for pair in pairs):
        raise ConfigError(f"--out {folder}: its {LIST} was changed; choose another folder")
    return {name: digest for digest, name in pairs}


def _refuse_to_lose(folder: Path, earlier: Mapping[str, str], files: Mapping[str, bytes]) -> None:
    for name in sorted({*earlier, *files}):
        path = folder / name
        if path.exists() and (name not in earlier or hashlib.sha256(path.read_bytes()).hexdigest() != earlier[name]):
            raise ConfigError(
                f"--out {folder}: {name} is not as kws export wrote it; keep your changes elsewhere, or choose another "
                "folder"
            )
