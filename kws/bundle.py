# SPDX-License-Identifier: Apache-2.0
"""The bundle ``NAME.kws``: one file that holds everything a spotter is.

``firmware/core/kws_bundle.h`` documents the bytes. A bundle in memory is immutable; what Python shows of it was first
accepted by the same C readers that run on the board.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws.core import aligned_copy, check, ffi, lib
from kws.decision import DecisionConfig, OperatingPoint
from kws.errors import BundleError, ConfigError
from kws.files import StrPath, written_whole
from kws.labels import check_distinct
from kws.metadata import metadata_of, with_metadata

if TYPE_CHECKING:
    from kws.features import AnyFeaturesConfig
    from kws.gate import GateConfig

__all__ = ["Bundle", "DecisionConfig", "OperatingPoint"]

HEADER = struct.Struct("<4s2H3I12x")
ENTRY = struct.Struct("<4s3I")
CRC_START = 16
"""The checksum covers everything from this byte on."""


class Bundle:
    """A bundle that has been checked.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        What messages and reports call it.

    Raises
    ------
    BundleError
        If the bytes are no bundle, are damaged, are of another format version, or a section is malformed.

    Examples
    --------
    >>> import kws
    >>> bundle = kws.Bundle.load("models/wake_computer_50.kws")
    >>> bundle
    Bundle('models/wake_computer_50.kws', 3 labels, 109,392 bytes, CRC 277bd729)
    >>> bundle.labels
    ('unknown', 'computer', 'silence')
    """

    def __init__(self, data: bytes, *, name: str = "bundle") -> None:
        self.data = bytes(data)
        self.name = name
        self._sections = self._verify()

    def __repr__(self) -> str:
        return f"Bundle({self.name!r}, {len(self.labels)} labels, {len(self.data):,} bytes, CRC {self.crc32:08x})"

    @classmethod
    def load(cls, path: StrPath) -> Bundle:
        """Read and check a ``.kws`` file."""
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error.strerror}); expected a bundle NAME.kws") from error
        return cls(data, name=str(path))

    def save(self, path: StrPath) -> None:
        """Write the file as a whole or not at all."""
        try:
            with written_whole(Path(path)) as part:
                part.write_bytes(self.data)
        except OSError as error:
            raise BundleError(f"{path}: cannot be written ({error.strerror}); does the folder exist?") from error

    @classmethod
    def build(
        cls,
        *,
        features: AnyFeaturesConfig | bytes,
        model_section: bytes,
        labels: Sequence[str],
        decision: DecisionConfig,
        metadata: Mapping[str, Any] | None = None,
        gate: GateConfig | None = None,
        name: str = "bundle",
    ) -> Bundle:
        """Assemble a bundle; the same arguments always give the same bytes.

        Parameters
        ----------
        features : FeaturesConfig, MicroFeaturesConfig or bytes
            Front-end settings, or a FEAT section as it is.
        model_section : bytes
            MODL, from :func:`kws.importer.section.model_section`.
        labels : sequence of str
            In the order of the model's outputs.
        decision : DecisionConfig
        metadata : mapping, optional
            JSON-serialisable provenance; the board never reads it.
        gate : GateConfig, optional
            Level gate behind the framer; without it every frame is heard.
        name : str
            What messages call it.

        Raises
        ------
        BundleError
            If the stages do not fit each other: features per frame, outputs, labels, thresholds.
        ConfigError
            If a setting or a label is impossible.
        """
        if isinstance(features, bytes):
            front_end = features
        else:
            from kws.features import features_section

            front_end = features_section(features)
        sections = {"FEAT": front_end, "MODL": model_section, "LABL": _labels_section(labels)}
        sections["DECN"] = decision.section()
        if gate is not None:
            sections["GATE"] = gate.section()
        if metadata is not None:
            sections = with_metadata(sections, metadata)
        return cls(_assemble(sections), name=name)

    def replace(
        self,
        *,
        decision: DecisionConfig | None = None,
        gate: GateConfig | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Bundle:
        """Return the same spotter with other decision settings, another gate or other metadata."""
        sections = dict(self._sections)
        if gate is not None:
            sections["GATE"] = gate.section()
        if decision is not None:
            sections["DECN"] = decision.section()
        if metadata is not None:
            sections = with_metadata(sections, metadata)
        return Bundle(_assemble(sections), name=self.name)

    def without_gate(self) -> Bundle:
        """Return the same spotter, always on."""
        return Bundle(
            _assemble({kind: data for kind, data in self._sections.items() if kind != "GATE"}), name=self.name
        )

    def section(self, kind: str) -> bytes | None:
        """Return the bytes of a section ("FEAT", "MODL", ...), None when absent."""
        return self._sections.get(kind)

    @property
    def front_end(self) -> bytes:
        """The FEAT section, which no bundle is without: what ``kws.features.Features`` takes."""
        return self._sections["FEAT"]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Sections present, in the order of the file."""
        return tuple(self._sections)

    @property
    def crc32(self) -> int:
        """Checksum in the header: identifies the bundle on the wire and in reports."""
        return int(HEADER.unpack_from(self.data)[4])

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names in the order of the model's outputs."""
        section = self._sections["LABL"]
        (count,) = struct.unpack_from("<H", section)
        return tuple(part.decode("utf-8") for part in section[4:].split(b"\0")[:count])

    @cached_property
    def decision(self) -> DecisionConfig:
        """Smoothing, refractory time and operating points."""
        return DecisionConfig.from_section(self._sections["DECN"])

    @cached_property
    def gate(self) -> GateConfig | None:
        """When everything but framing may sleep; None for a spotter that is always on."""
        from kws.gate import GateConfig

        section = self.section("GATE")
        return None if section is None else GateConfig.from_section(section)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Provenance; empty when there is none."""
        return metadata_of(self._sections, self.name)

    @cached_property
    def arena_bytes(self) -> int:
        """Memory the whole pipeline needs on any board."""
        data, _owner = aligned_copy(self.data)
        opened = ffi.new("kws_bundle_t *")
        check(lib.kws_bundle_open(opened, data, len(self.data)), self.name)
        return int(lib.kws_pipeline_arena_bytes(opened))

    def _verify(self) -> dict[str, bytes]:
        """Let the C readers judge everything, then cut the file into its sections."""
        data, _owner = aligned_copy(self.data)
        opened = ffi.new("kws_bundle_t *")
        status = lib.kws_bundle_open(opened, data, len(self.data))
        if status == lib.KWS_ERROR_VERSION:
            raise BundleError(f"{self.name}: {_of_another_kws(self.data)}")
        check(status, self.name)
        check(lib.kws_pipeline_arena_bytes(opened), self.name)
        sections = {}
        for index in range(HEADER.unpack_from(self.data)[5]):
            kind, offset, size, _ = ENTRY.unpack_from(self.data, HEADER.size + index * ENTRY.size)
            sections[kind.decode("ascii", "replace")] = self.data[offset : offset + size]
        _check_text(sections, self.name)
        return sections


def model_alone(model_section: bytes) -> bytes:
    """Return a bundle file with nothing but a model, as ``firmware/apps/mlperf_tiny`` reads it; no spotter."""
    return _assemble({"MODL": model_section})


def _of_another_kws(data: bytes) -> str:
    """Why a bundle of another major version is refused, and what to do."""
    found, known = int(HEADER.unpack_from(data)[1]), int(lib.KWS_BUNDLE_VERSION_MAJOR)
    maker, way_out = ("a newer", "update kws") if found > known else ("an older", "make the bundle again with this one")
    return f"made by {maker} kws: format {found}, this one reads {known}; {way_out}"


def _check_text(sections: Mapping[str, bytes], name: str) -> None:
    """Check what only Python reads: UTF-8 labels and JSON metadata."""
    try:
        sections["LABL"][4:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{name}: labels are not valid text ({error}); make the bundle again") from error
    metadata_of(sections, name)


def _labels_section(labels: Sequence[str]) -> bytes:
    check_distinct(labels)
    if any(not label or "\0" in label for label in labels):
        raise ConfigError("labels must not be empty nor contain NUL characters")
    return struct.pack("<2H", len(labels), 0) + b"".join(label.encode() + b"\0" for label in labels)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % int(lib.KWS_BUNDLE_ALIGNMENT))


def _assemble(sections: Mapping[str, bytes]) -> bytes:
    """Lay the sections out behind the header and its table."""
    offset = len(_padded(bytes(HEADER.size + ENTRY.size * len(sections))))
    table, body = b"", b""
    for kind, section in sections.items():
        table += ENTRY.pack(kind.encode("ascii"), offset + len(body), len(section), 0)
        body += _padded(section)
    versions = int(lib.KWS_BUNDLE_VERSION_MAJOR), int(lib.KWS_BUNDLE_VERSION_MINOR)
    total = offset + len(body)
    header = HEADER.pack(b"KWSB", *versions, total, 0, len(sections))
    rest = header[CRC_START:] + table + body
    return HEADER.pack(b"KWSB", *versions, total, zlib.crc32(rest), len(sections))[:CRC_START] + rest
