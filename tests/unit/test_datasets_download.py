# SPDX-License-Identifier: Apache-2.0
"""Downloads resume, are verified before use, and archives cannot write outside their folder."""

import hashlib
import io
import resource
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kws.datasets.download import Archive, download, extract
from kws.errors import DatasetError

CONTENT = bytes(range(256)) * 64


class Server(ThreadingHTTPServer):
    """Serves CONTENT, with or without ranges, in chunks or not, cut short on request; notes the ranges asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.knows_ranges = True
        self.in_chunks = False
        self.send_bytes = len(CONTENT)
        self.ranges: list[str | None] = []

    @property
    def archive(self) -> Archive:
        url = f"http://127.0.0.1:{self.server_address[1]}/data.tar.gz"
        return Archive(url=url, checksum=f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.knows_ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        content = CONTENT[start : start + self.server.send_bytes]
        self.send_response(206 if start else 200)
        self.send_header("Connection", "close")
        if not self.server.in_chunks:
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            self.wfile.write(content)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(f"{len(CONTENT) - start:x}\r\n".encode() + content)
        if start + len(content) == len(CONTENT):
            self.wfile.write(b"\r\n0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_a_download_is_verified_and_not_repeated(server: Server, tmp_path: Path) -> None:
    path = download(server.archive, tmp_path)
    assert path.read_bytes() == CONTENT
    assert download(server.archive, tmp_path) == path
    assert len(server.ranges) == 1


@pytest.mark.parametrize("in_chunks", [True, False])
@pytest.mark.parametrize("knows_ranges", [True, False])
def test_an_interrupted_download_goes_on_where_it_stopped(
    server: Server, tmp_path: Path, knows_ranges: bool, in_chunks: bool
) -> None:
    server.in_chunks = in_chunks
    server.send_bytes = 5000
    with pytest.raises(DatasetError, match="resumes"):
        download(server.archive, tmp_path)
    server.send_bytes = len(CONTENT)
    server.knows_ranges = knows_ranges
    assert download(server.archive, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=5000-"]


def test_a_complete_part_file_is_only_verified(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.tar.gz.part").write_bytes(CONTENT)
    assert download(server.archive, tmp_path).read_bytes() == CONTENT


def test_a_file_with_another_checksum_is_set_aside_not_used(server: Server, tmp_path: Path) -> None:
    foreign = Archive(url=server.archive.url, checksum="sha256:" + "0" * 64)
    with pytest.raises(DatasetError, match="expected sha256:0000"):
        download(foreign, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data.tar.gz.rejected"]


def test_an_unreachable_server_is_one_clear_error(tmp_path: Path) -> None:
    nowhere = Archive(url="http://127.0.0.1:9/x.tar.gz", checksum="sha256:" + "0" * 64)
    with pytest.raises(DatasetError, match="download failed"):
        download(nowhere, tmp_path)


def make_tar(path: Path, name: str, link: str | None = None) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        if link:
            member.type, member.linkname = tarfile.SYMTYPE, link
            tar.addfile(member)
        else:
            member.size = 4
            tar.addfile(member, io.BytesIO(b"data"))
    return path


def test_an_archive_is_unpacked_into_its_folder(tmp_path: Path) -> None:
    extract(make_tar(tmp_path / "a.tar.gz", "./yes/a.wav"), tmp_path / "out")
    assert (tmp_path / "out" / "yes" / "a.wav").read_bytes() == b"data"


@pytest.mark.parametrize(("name", "link"), [("../evil", None), ("a/../../evil", None), ("inside", "../../evil")])
def test_an_archive_that_leaves_its_folder_is_refused_and_leaves_nothing(
    tmp_path: Path, name: str, link: str | None
) -> None:
    archive = make_tar(tmp_path / "a.tar.gz", name, link)
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        extract(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_an_archive_is_not_blamed_for_a_full_disk(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a.tar.gz", "yes/a.wav")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2, before[1]))  # stands for a disk with room for two bytes
    try:
        with pytest.raises(DatasetError, match="free some space"):
            extract(archive, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_a_truncated_archive_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a.tar.gz", "yes/a.wav")
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(DatasetError, match="download it again"):
        extract(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]
