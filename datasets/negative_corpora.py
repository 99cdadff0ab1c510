# SPDX-License-Identifier: Apache-2.0
"""Negatives out of published corpora, for systems without Debian's packages, or for more hours: LibriSpeech, MUSAN."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from kws.datasets.download import Archive, download, extract
from kws.datasets.negative_packages import OnPart
from kws.datasets.negative_pieces import Part, Side, is_there, write_part

_CC_BY = "CC BY 4.0"
_LIBRISPEECH = "https://www.openslr.org/resources/12/"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published archive, and which parts of it lie on which side."""

    archive: Archive
    parts: tuple[Part, ...]


def _read_speech(name: str, side: Side, sha256: str) -> Published:
    part = Part(
        name=f"librispeech-{name}",
        side=side,
        kind="read speech",
        language="en",
        licence=_CC_BY,
        folders=(f"LibriSpeech/{name}/",),
        notices="LibriSpeech/LICENSE.TXT",
    )
    return Published(archive=Archive(url=f"{_LIBRISPEECH}{name}.tar.gz", checksum=f"sha256:{sha256}"), parts=(part,))


def _musan(name: str, side: Side, kind: str, language: str, *folders: str) -> Part:
    places = tuple(f"musan/{folder}/" for folder in folders)
    return Part(
        name=f"musan-{name}",
        side=side,
        kind=kind,
        language=language,
        licence=_CC_BY,
        folders=places,
        notices="musan/README",
    )


CORPORA: dict[str, tuple[Published, ...]] = {
    "librispeech": (
        _read_speech("dev-other", "training", "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365"),
        _read_speech("dev-clean", "calibration", "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3"),
        _read_speech("test-clean", "report", "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23"),
    ),
    "musan": (
        Published(
            archive=Archive(
                url="https://www.openslr.org/resources/17/musan.tar.gz",
                checksum="md5:0c472d4fc0c5141eca47ad1ffeb2a7df",
            ),
            parts=(
                _musan("music-1", "training", "music", "-", "music/jamendo", "music/hd-classical"),
                _musan("noise-1", "training", "clatter", "-", "noise/free-sound"),
                _musan("speech-1", "training", "read speech", "*", "speech/librivox"),
                _musan("music-2", "calibration", "music", "-", "music/fma"),
                _musan("music-3", "report", "music", "-", "music/rfm", "music/fma-western-art"),
                _musan("noise-3", "report", "clatter", "-", "noise/sound-bible"),
                _musan("speech-3", "report", "hearings", "en", "speech/us-gov"),
            ),
        ),
    ),
}  # fmt: skip
"""LibriSpeech (Panayotov et al. 2015): 1.0 GB, 16 h, English. MUSAN (Snyder et al. 2015): 11 GB, 109 h, speech in
twelve languages, music, noise; its publisher gives an MD5 only. Both from OpenSLR. Readers of the one may be readers of
the other, for both come from LibriVox: so MUSAN's readers teach, and of the readers LibriSpeech's alone are reported
on."""


def fetch_corpora(folder: Path, *, corpora: tuple[Published, ...], on_part: OnPart | None = None) -> Path:
    """Download, unpack and decode the archives of which a part is not there yet.

    Parameters
    ----------
    folder : Path
        As :func:`kws.datasets.negative_packages.fetch_packages` fills it. An archive lies in it until all of its parts
        do, so that an interrupted download goes on.
    corpora : tuple of Published
        A value of :data:`CORPORA`.
    on_part : callable, optional
        Told the name of each part before it is decoded.

    Returns
    -------
    Path
        ``folder``.

    Raises
    ------
    DatasetError
        If the server cannot be reached, what came is not the published file, or holds no audio.
    """
    for published in corpora:
        missing = [part for part in published.parts if not is_there(part, folder)]
        if not missing:
            continue
        archive = download(published.archive, folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix="unpacked-") as temporary:
            unpacked = Path(temporary) / "x"
            extract(archive, unpacked)
            for part in missing:
                if on_part is not None:
                    on_part(part.name)
                write_part(part, archive, unpacked, folder)
        archive.unlink()
    return folder
