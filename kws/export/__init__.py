# SPDX-License-Identifier: Apache-2.0
"""The core and a bundle as source code for somebody's own project: plain C, an Arduino library, a Zephyr module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath

from kws import places
from kws.bundle import Bundle
from kws.errors import ConfigError
from kws.export.folder import write_folder
from kws.features import Features
from kws.version import VERSION

FORMATS: Mapping[str, str] = {"c": "kws", "arduino": "src", "zephyr": "kws"}
"""Format -> the folder in which its layout keeps the library."""

_TEMPLATES = Path(__file__).parent / "templates"
_BYTES_PER_LINE = 20
_NAME_CHARACTERS = 59
_SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def export(bundle: Bundle, layout: str, folder: Path) -> list[str]:
    """Write a bundle and the core in the layout of a kind of project.

    Parameters
    ----------
    bundle : Bundle
        The words.
    layout : str
        One of `FORMATS`.
    folder : path
        Made if it is missing. One that an earlier export wrote is replaced.

    Returns
    -------
    list of str
        Names of the files written, relative to the folder, in order. The same bundle gives the same bytes everywhere.

    Raises
    ------
    ConfigError
        If the format is unknown, or the folder holds something that an export did not write.
    """
    if layout not in FORMATS:
        raise ConfigError(f"--format {layout}: expected one of {', '.join(FORMATS)}")
    library = PurePosixPath(FORMATS[layout])
    files = {"LICENSE": _licence().encode()}
    files |= {str(library / name): data for name, data in (_core() | _arrays(bundle)).items()}
    files |= _filled(_TEMPLATES / layout, _words(bundle, library, files))
    write_folder(folder, files)
    return sorted(files)


def _licence() -> str:
    root = places.checkout()
    text = (
        (root / "LICENSE").read_text(encoding="utf-8")
        if root
        else metadata.distribution("kws").read_text("licenses/LICENSE")
    )
    assert text is not None, "a wheel carries its licence"
    return text


def _core() -> dict[str, bytes]:
    """Return the header of the library, and the headers and sources of the core."""
    firmware = places.firmware()
    core = firmware / "core"
    names = (core / "sources.txt").read_text(encoding="utf-8").split()
    names += [path.relative_to(core).as_posix() for path in core.rglob("*.h")]
    files = {f"core/{name}": (core / name).read_bytes() for name in names}
    return files | {"kws.h": (firmware / "kws.h").read_bytes()}


def _arrays(bundle: Bundle) -> dict[str, bytes]:
    data, name = bytes(bundle.data), plain_name(bundle)
    lines = [
        "    " + "".join(f"0x{byte:02x}," for byte in data[at : at + _BYTES_PER_LINE])
        for at in range(0, len(data), _BYTES_PER_LINE)
    ]
    source = [
        _SPDX + '#include "kws_bundle_data.h"\n',
        "_Alignas(16) const uint8_t kws_bundle_data[] = {",
        *lines,
        "};",
    ]
    header = [
        f"{_SPDX}/* The bundle {name}, CRC-32 {bundle.crc32:08x}: written by kws export, not by hand. */",
        "#ifndef KWS_BUNDLE_DATA_H\n#define KWS_BUNDLE_DATA_H\n\n#include <stdint.h>\n",
        f"#define KWS_BUNDLE_ARENA_BYTES    {bundle.arena_bytes}u /* as kws_pipeline_arena_bytes says */",
        f"#define KWS_BUNDLE_SAMPLE_RATE_HZ {Features(bundle.front_end).sample_rate_hz}u\n",
        '#ifdef __cplusplus\nextern "C" {\n#endif\n',
        f"extern const uint8_t kws_bundle_data[{len(data)}];\n",
        "#ifdef __cplusplus\n}\n#endif\n\n#endif",
    ]
    return {
        "kws_bundle_data.c": ("\n".join(source) + "\n").encode(),
        "kws_bundle_data.h": ("\n".join(header) + "\n").encode(),
    }


def plain_name(bundle: Bundle) -> str:
    """Return the name of the bundle's file with letters, digits and underscores only: what every build system takes.

    It is cut so that ``kws_`` and it are no longer than the 63 characters of an Arduino library's name.
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", Path(bundle.name).stem).strip("_")[:_NAME_CHARACTERS].strip("_") or "words"


def _words(bundle: Bundle, library: PurePosixPath, files: Mapping[str, bytes]) -> dict[str, str]:
    sources = sorted(name for name in files if name.endswith(".c"))
    return {
        "NAME": plain_name(bundle),
        "VERSION": VERSION,
        "CRC": f"{bundle.crc32:08x}",
        "LABELS": ", ".join(" ".join(label.split()) for label in _keywords(bundle)),
        "RATE": str(Features(bundle.front_end).sample_rate_hz),
        "AXES": _axes(bundle),
        "FLASH": f"{len(bundle.data):,}",
        "ARENA": f"{bundle.arena_bytes:,}",
        "LIBRARY": str(library),
        "SOURCES": "\n".join(f"    {name}" for name in sources),
    }


def _keywords(bundle: Bundle) -> list[str]:
    """Return the labels that can fire: neither silence nor unknown is heard."""
    point = bundle.decision.operating_points[bundle.decision.default_operating_point]
    return [label for label, threshold in zip(bundle.labels, point.thresholds, strict=True) if threshold > 0]


def _axes(bundle: Bundle) -> str:
    """Return a paragraph of the README: how the axes of a sensor come in one stream. Empty for a sound."""
    stored = bundle.metadata.get("machine")
    if not isinstance(stored, dict) or stored.get("axes", 1) == 1:
        return ""
    return (
        "\n**Its samples are no sound of one microphone**, as in the example, but "
        f"{stored['axes']} axes in turn: {stored.get('block_samples')} samples of the\nfirst, as many of the next, and "
        f"so on; each axis is read {stored.get('sample_rate_hz')} times a second.\n"
    )


def _filled(template: Path, words: Mapping[str, str]) -> dict[str, bytes]:
    files = {}
    for path in template.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], text)
            files[path.relative_to(template).as_posix()] = text.encode()
    return files
