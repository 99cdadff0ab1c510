# SPDX-License-Identifier: Apache-2.0
"""Negatives out of Debian's packages: games, telephone prompts and teaching programs under free licences."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from kws.datasets.negative_pieces import Part, is_there, write_part
from kws.errors import DatasetError

OnPart = Callable[[str], None]

DEBIAN = "debian"
"""Name of this source; the others are in `negative_corpora`."""
_ASTERISK = "CC BY-SA 3.0"

PACKAGES = (
    Part(name="flight-of-the-amazon-queen", side="training", kind="acted speech", language="en", licence="freeware"),
    Part(name="asterisk-core-sounds-fr-g722", side="training", kind="prompts", language="fr", licence=_ASTERISK),
    Part(name="asterisk-core-sounds-it-g722", side="training", kind="prompts", language="it", licence=_ASTERISK),
    Part(name="klettres-data", side="calibration", kind="letters", language="*", licence="GPL-2.0+"),
    Part(name="warzone2100-music", side="training", kind="music", language="-", licence="CC0 or GPL-2.0+"),
    Part(name="sonic-pi-samples", side="training", kind="clatter", language="-", licence="CC0"),
    Part(name="fillets-ng-data-cs", side="calibration", kind="acted speech", language="cs", licence="GPL-2.0+"),
    Part(name="asterisk-core-sounds-es-g722", side="calibration", kind="prompts", language="es", licence=_ASTERISK),
    Part(name="colobot-common-sounds", side="calibration", kind="music", language="-", licence="GPL-3.0+"),
    Part(
        name="hedgewars-data",
        side="calibration",
        kind="acted speech, music, clatter",
        language="*",
        licence="GPL-2.0, CC BY",
        folders=("Data/Sounds", "Data/Music"),
    ),
    Part(name="asterisk-core-sounds-en-g722", side="report", kind="prompts", language="en", licence=_ASTERISK),
    Part(name="planetblupi-music-ogg", side="report", kind="music", language="-", licence="GPL-3.0+"),
)  # fmt: skip
"""Licences as the packages' copyright files state them; those files are kept beside the audio."""


def default_source() -> str:
    """Return ``debian`` where its packages can be fetched, else ``librispeech``."""
    return DEBIAN if shutil.which("apt-get") and shutil.which("dpkg-deb") else "librispeech"


def fetch_packages(folder: Path, *, packages: tuple[Part, ...] = PACKAGES, on_part: OnPart | None = None) -> Path:
    """Download, unpack and decode the packages that are not there yet.

    Parameters
    ----------
    folder : Path
        Gets ``SIDE/PACKAGE/*.flac`` (16 kHz mono, ten minutes each at most), ``parts.csv`` (which recording lies where)
        and the package's ``copyright``.
    packages : tuple of Part
    on_part : callable, optional
        Told the name of each package before it is fetched.

    Returns
    -------
    Path
        ``folder``.

    Raises
    ------
    DatasetError
        If apt-get or dpkg-deb is missing, or a package cannot be fetched or holds no audio.
    """
    for package in packages:
        if is_there(package, folder):
            continue
        if on_part is not None:
            on_part(package.name)
        with tempfile.TemporaryDirectory() as temporary:
            archive = _download(package.name, Path(temporary))
            unpacked = Path(temporary) / "x"
            _run(["dpkg-deb", "-x", str(archive), str(unpacked)], Path(temporary))
            write_part(package, archive, unpacked, folder)
    return folder


def _download(name: str, folder: Path) -> Path:
    _run(["apt-get", "download", "-q", name], folder)
    archives = list(folder.glob("*.deb"))
    if len(archives) != 1:
        raise DatasetError(f"{name}: apt-get download left {len(archives)} packages, expected one")
    return archives[0]


def _run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise DatasetError(
            f"{command[0]} is not there: these negatives come out of Debian packages; on another system use "
            "`--source librispeech` and `--source musan`, or give folders of your own audio with --ambient"
        )
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise DatasetError(f"{' '.join(command[:3])} failed ({last}); run `apt-get update` once and try again")
