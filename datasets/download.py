# SPDX-License-Identifier: Apache-2.0
"""Getting an archive safely: resumed downloads, checked before it is opened, nothing outside its folder."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from kws.errors import DatasetError
from kws.progress import Progress

_BLOCK_BYTES = 1 << 20
_TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A published file and what it must hash to."""

    url: str
    checksum: str
    """``sha256:`` or, where its publisher gives no better one, ``md5:``, and the digest in hexadecimal."""

    @property
    def filename(self) -> str:
        """Last part of the URL."""
        return self.url.rsplit("/", 1)[1]


def download(archive: Archive, folder: Path) -> Path:
    """Download into ``folder`` and verify; an interrupted download goes on where it stopped.

    Returns
    -------
    Path
        The verified file. One that is already there and verifies is not fetched again.

    Raises
    ------
    DatasetError
        If the server cannot be reached, or what came is not the published file.
    """
    path = folder / archive.filename
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            part = path.with_name(path.name + ".part")
            _fetch(archive.url, part)
            _verify(part, archive)
            part.rename(path)
        else:
            _verify(path, archive)
    except (http.client.HTTPException, OSError) as error:
        raise DatasetError(
            f"{archive.url}: download failed ({error}); run the same command again, it resumes"
        ) from error
    return path


def extract(archive_path: Path, folder: Path) -> None:
    """Unpack a tar archive into ``folder``: all of it or, on any failure, nothing.

    Members that would land outside ``folder``, and links and devices that lead there, are refused (PEP 706).

    Raises
    ------
    DatasetError
        If the archive is broken or unsafe, or there is no room.
    """
    staging = folder.with_name(folder.name + ".part")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with tarfile.open(archive_path) as tar:
            tar.extractall(staging, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        no_room = isinstance(error, OSError) and error.errno is not None  # the disk's fault, not the archive's
        advice = "free some space and run the same again" if no_room else "delete it and download it again"
        raise DatasetError(f"{archive_path}: cannot be unpacked ({error}); {advice}") from error
    staging.rename(folder)


def _fetch(url: str, part: Path) -> None:
    have_bytes = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have_bytes}-"} if have_bytes else {})
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # everything is here already; the checksum decides
        raise
    with response:
        resumed = response.status == HTTPStatus.PARTIAL_CONTENT
        _receive(response, part, have_bytes if resumed else 0)


def _receive(response: http.client.HTTPResponse, part: Path, have_bytes: int) -> None:
    length = response.headers.get("Content-Length")
    total_bytes = have_bytes + int(length) if length else None
    bar = Progress(TextColumn(part.stem), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with part.open("ab" if have_bytes else "wb") as file, bar as progress:
        task = progress.add_task("download", total=total_bytes, completed=have_bytes)
        while block := response.read1(_BLOCK_BYTES):
            file.write(block)
            progress.advance(task, len(block))
    if total_bytes is not None and part.stat().st_size < total_bytes:
        raise DatasetError(
            f"{part}: the connection ended after {part.stat().st_size} of {total_bytes} bytes; "
            "run the same command again, it resumes"
        )


def _verify(path: Path, archive: Archive) -> None:
    algorithm, _, expected = archive.checksum.partition(":")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).hexdigest()
    if digest != expected:
        rejected = path.with_name(archive.filename + ".rejected")
        path.rename(rejected)
        raise DatasetError(
            f"{archive.filename}: expected {archive.checksum}, got {algorithm}:{digest}; moved to {rejected.name}, "
            "run the same command to download it again"
        )
