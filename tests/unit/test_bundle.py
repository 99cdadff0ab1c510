# SPDX-License-Identifier: Apache-2.0
"""The bundle file: deterministic to write, suspicious to read."""

from __future__ import annotations

import dataclasses
import itertools
import json
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from random_bundles import LABELS, random_bundle, random_network

from kws.bundle import Bundle, DecisionConfig, OperatingPoint
from kws.decision import Pause
from kws.errors import BundleError, ConfigError
from kws.features import FeaturesConfig
from kws.gate import GateConfig
from kws.importer.section import model_section
from kws.metadata import MAX_BYTES

POINT = OperatingPoint(thresholds=(0, 0, 200, 201))


def build(**changes: object) -> Bundle:
    arguments: dict = {
        "features": FeaturesConfig(),
        "model_section": model_section(random_network()),
        "labels": LABELS,
        "decision": DecisionConfig(operating_points=(POINT,)),
        "metadata": {"data": "none", "ünicode": [1, 2.5, None]},
    }
    return Bundle.build(**{**arguments, **changes})


def with_crc(data: bytearray) -> bytes:
    data[12:16] = struct.pack("<I", zlib.crc32(bytes(data[16:])))
    return bytes(data)


def section_entry(bundle: Bundle, kind: str) -> int:
    """Offset of a section's row in the table."""
    return 32 + 16 * bundle.kinds.index(kind)


def test_same_arguments_give_the_same_bytes() -> None:
    assert build().data == build().data


@pytest.mark.parametrize("pause", [None, Pause(label=0, score=32, decisions=300, penalty=80)])
@pytest.mark.parametrize("rounding", [None, 0, 3, 4])
def test_everything_written_is_read_back(rounding: int | None, pause: Pause | None) -> None:
    decision = DecisionConfig(
        operating_points=(POINT, OperatingPoint(thresholds=(0, 0, 255, 1), false_accepts_per_hour=0.125)),
        default_operating_point=1,
        smoothing_decisions=5,
        whole_windows_rounding=rounding,
        refractory_frames=40,
        pause=pause,
    )
    gate = GateConfig()
    bundle = build(decision=decision, gate=gate)
    assert bundle.labels == LABELS
    assert bundle.decision == decision
    assert bundle.metadata == {"data": "none", "ünicode": [1, 2.5, None]}
    assert bundle.kinds == ("FEAT", "MODL", "LABL", "DECN", "GATE", "METZ")
    assert bundle.section("GATE") == gate.section()
    assert bundle.section("MODL") == model_section(random_network())


def test_a_gate_is_put_in_front_and_taken_away() -> None:
    always_on = build()
    gated = always_on.replace(gate=GateConfig(preroll_frames=9))
    assert gated.section("GATE") == GateConfig(preroll_frames=9).section()
    assert gated.replace(gate=GateConfig()).section("GATE") == GateConfig().section()
    assert gated.without_gate().data == always_on.data


def test_a_file_saved_is_the_file_loaded(tmp_path: Path) -> None:
    bundle = build()
    bundle.save(tmp_path / "a.kws")
    assert Bundle.load(tmp_path / "a.kws").data == bundle.data
    assert [path.name for path in tmp_path.iterdir()] == ["a.kws"]


def test_sections_start_at_multiples_of_16_and_the_file_ends_at_one() -> None:
    bundle = build()
    assert len(bundle.data) % 16 == 0
    for index in range(len(bundle.kinds)):
        assert struct.unpack_from("<I", bundle.data, 32 + 16 * index + 4)[0] % 16 == 0


def test_metadata_is_optional() -> None:
    bundle = build(metadata=None)
    assert bundle.metadata == {}
    assert "METZ" not in bundle.kinds


def test_a_section_of_a_newer_format_is_skipped() -> None:
    bundle = build()
    data = bytearray(bundle.data)
    entry = section_entry(bundle, "METZ")
    data[entry : entry + 4] = b"NEWS"
    data[6:8] = struct.pack("<H", 7)  # minor version
    read = Bundle(with_crc(data))
    assert read.labels == LABELS
    assert read.metadata == {}


def test_decision_and_metadata_can_be_replaced() -> None:
    bundle = build()
    decision = dataclasses.replace(bundle.decision, refractory_frames=9)
    changed = bundle.replace(decision=decision, metadata={"new": 1})
    assert changed.decision == decision
    assert changed.metadata == {"new": 1}
    assert changed.section("MODL") == bundle.section("MODL")
    assert bundle.replace().data == bundle.data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated"),
        (b"KWSB" + bytes(12), "truncated"),
        (b"RIFF" + bytes(60), "not a kws bundle"),
        (bytes(64), "not a kws bundle"),
    ],
)
def test_foreign_bytes_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        Bundle(data)


def test_a_truncated_bundle_is_refused_at_any_length() -> None:
    data = build().data
    for size in range(0, len(data), 997):
        with pytest.raises(BundleError, match="truncated"):
            Bundle(data[:size])


def test_one_flipped_bit_anywhere_is_noticed() -> None:
    data = build().data
    for offset in range(16, len(data), 211):
        altered = bytearray(data)
        altered[offset] ^= 4
        with pytest.raises(BundleError, match="checksum"):
            Bundle(bytes(altered))


def test_one_flipped_bit_before_the_checked_bytes_is_noticed_but_in_the_minor_version() -> None:
    bundle = build()
    for offset, bit in itertools.product(range(16), range(8)):
        altered = bytearray(bundle.data)
        altered[offset] ^= 1 << bit
        if offset in (6, 7):
            assert Bundle(bytes(altered)).kinds == bundle.kinds
        else:
            with pytest.raises(BundleError):
                Bundle(bytes(altered))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (1, "x.kws: made by a newer kws: format 3, this one reads 2; update kws"),
        (-1, "x.kws: made by an older kws: format 1, this one reads 2; make the bundle again with this one"),
    ],
)
def test_another_major_version_is_refused(step: int, message: str) -> None:
    data = bytearray(build().data)
    data[4] += step
    with pytest.raises(BundleError) as refused:
        Bundle(with_crc(data), name="x.kws")
    assert str(refused.value) == message


@pytest.mark.parametrize(("field", "value"), [(4, 16), (4, 1 << 30), (4, 4), (8, 1 << 31), (8, 0xFFFFFFFF)])
def test_a_section_outside_its_place_is_refused(field: int, value: int) -> None:
    bundle = build()
    data = bytearray(bundle.data)
    struct.pack_into("<I", data, section_entry(bundle, "LABL") + field, value)
    with pytest.raises(BundleError, match="outside its section"):
        Bundle(with_crc(data))


def test_overlapping_sections_are_refused() -> None:
    bundle = build()
    data = bytearray(bundle.data)
    features, labels = section_entry(bundle, "FEAT"), section_entry(bundle, "LABL")
    data[labels + 4 : labels + 8] = data[features + 4 : features + 8]
    with pytest.raises(BundleError, match="outside its section"):
        Bundle(with_crc(data))


@pytest.mark.parametrize("kind", ["FEAT", "MODL", "LABL", "DECN"])
def test_a_missing_section_is_named_missing(kind: str) -> None:
    bundle = build()
    data = bytearray(bundle.data)
    entry = section_entry(bundle, kind)
    data[entry : entry + 4] = b"GONE"
    with pytest.raises(BundleError, match="lacks a section"):
        Bundle(with_crc(data))


def with_section(bundle: Bundle, kind: str, new_kind: str, content: bytes) -> bytes:
    """The file with the last section of another kind and content."""
    data = bytearray(bundle.data)
    entry = section_entry(bundle, kind)
    assert kind == bundle.kinds[-1]
    offset = struct.unpack_from("<I", data, entry + 4)[0]
    struct.pack_into("<4s2I", data, entry, new_kind.encode(), offset, len(content))
    data[offset:] = content + bytes(-len(content) % 16)
    data[8:12] = struct.pack("<I", len(data))
    return with_crc(data)


def with_packed_metadata(section: bytes) -> bytes:
    return with_section(build(), "METZ", "METZ", section)


@pytest.mark.parametrize("text", [b"[1, 2]", b"{nonsense", b"\xff\xfe", b"[" * 100_000])
def test_metadata_that_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(BundleError, match="metadata is"):
        Bundle(with_packed_metadata(zlib.compress(text)))
    with pytest.raises(BundleError, match="metadata is"):
        Bundle(with_section(build(), "METZ", "META", text))


def test_metadata_cut_anywhere_or_damaged_is_refused() -> None:
    packed = zlib.compress(json.dumps({"data": "none"}).encode())
    assert Bundle(with_packed_metadata(packed)).metadata == {"data": "none"}
    for at in range(len(packed)):
        with pytest.raises(BundleError, match="ends too early"):
            Bundle(with_packed_metadata(packed[:at]))
    for at in (0, len(packed) // 2, len(packed) - 1):  # head, data, check sum
        with pytest.raises(BundleError, match="cannot be unpacked"):
            Bundle(with_packed_metadata(packed[:at] + bytes([packed[at] ^ 0x10]) + packed[at + 1 :]))
    with pytest.raises(BundleError, match="followed by 3 stray bytes"):
        Bundle(with_packed_metadata(packed + b"abc"))


def test_metadata_up_to_the_cap_is_read_and_a_bomb_is_not_unpacked() -> None:
    largest = b'{"a":"' + b"x" * (MAX_BYTES - 8) + b'"}'
    assert len(Bundle(with_packed_metadata(zlib.compress(largest))).metadata["a"]) == MAX_BYTES - 8
    for size in (MAX_BYTES + 1, 200 * MAX_BYTES):
        bomb = zlib.compress(b" " * size)
        tracemalloc.start()
        with pytest.raises(BundleError, match="unpacks to more than"):
            Bundle(with_packed_metadata(bomb))
        assert tracemalloc.get_traced_memory()[1] < 10 * MAX_BYTES
        tracemalloc.stop()
    with pytest.raises(BundleError, match="expected at most"):
        build(metadata={"a": "x" * MAX_BYTES})


def test_plain_metadata_of_format_1_0_is_read_and_written_anew_deflated() -> None:
    old = Bundle(with_section(build(), "METZ", "META", b'{"old": 1}'))
    assert old.metadata == {"old": 1}
    assert old.replace(metadata={"new": 2}).kinds == ("FEAT", "MODL", "LABL", "DECN", "METZ")
    data = bytearray(build(gate=GateConfig()).data)
    data[data.index(b"GATE") : data.index(b"GATE") + 4] = b"META"
    with pytest.raises(BundleError, match="twice"):
        Bundle(with_crc(data))


@pytest.mark.parametrize("kind", ["FEAT", "GATE", "METZ"])
def test_a_section_there_twice_is_refused(kind: str) -> None:
    bundle = build(gate=GateConfig())
    data = bytearray(bundle.data)
    entry = section_entry(bundle, "DECN")
    data[entry : entry + 4] = kind.encode()
    with pytest.raises(BundleError, match="outside its section"):
        Bundle(with_crc(data))


def test_a_front_end_that_does_not_fit_the_model_is_refused() -> None:
    with pytest.raises(BundleError):
        build(features=FeaturesConfig(num_coefficients=12))


def test_labels_that_do_not_fit_the_model_are_refused() -> None:
    with pytest.raises(BundleError):
        build(labels=LABELS[:3])
    with pytest.raises(ConfigError, match="differ"):
        build(labels=("a", "b", "a", "c"))
    with pytest.raises(ConfigError, match="empty"):
        build(labels=("a", "b", "", "c"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operating_points": ()}, "operating_points is 0"),
        ({"operating_points": (POINT,) * 9}, "operating_points is 9"),
        ({"default_operating_point": 1}, "default_operating_point is 1"),
        ({"smoothing_decisions": 0}, "smoothing_decisions is 0"),
        ({"smoothing_decisions": 65}, "smoothing_decisions is 65"),
        ({"smoothing_decisions": 3, "whole_windows_rounding": 3}, "whole_windows_rounding is 3"),
        ({"pause": Pause(label=4, score=1, decisions=0)}, "pause.label is 4"),
        ({"pause": Pause(label=0, score=0, decisions=0)}, "pause.score is 0"),
        ({"pause": Pause(label=0, score=1, decisions=65535)}, "pause.decisions is 65535"),
        ({"pause": Pause(label=0, score=1, decisions=0, penalty=0)}, "pause.penalty is 0"),
        ({"refractory_frames": 70000}, "refractory_frames is 70000"),
        ({"operating_points": (POINT, OperatingPoint(thresholds=(1, 2)))}, "2 thresholds; expected 4"),
        ({"operating_points": (OperatingPoint(thresholds=(0, 0, 0, 256)),)}, "0 .. 255"),
        ({"operating_points": (OperatingPoint(thresholds=(1, 2), false_accepts_per_hour=-1.0),)}, "-1.0 false"),
    ],
)
def test_impossible_decision_settings_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(DecisionConfig(operating_points=(POINT,)), **change).section()


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"none\.kws: cannot be read \(No such file"):
        Bundle.load(tmp_path / "none.kws")
    with pytest.raises(BundleError, match="does the folder exist"):
        build().save(tmp_path / "nowhere" / "a.kws")


def test_the_arena_figure_is_the_exact_need() -> None:
    from kws.core import aligned_copy, aligned_new, ffi, lib

    bundle = random_bundle(seed=3)
    data, _owner = aligned_copy(bundle.data)
    opened, pipeline = ffi.new("kws_bundle_t *"), ffi.new("kws_pipeline_t *")
    assert lib.kws_bundle_open(opened, data, len(bundle.data)) == lib.KWS_OK
    arena, _arena_owner = aligned_new(bundle.arena_bytes)
    assert lib.kws_pipeline_init(pipeline, opened, -1, ffi.NULL, arena, bundle.arena_bytes) == lib.KWS_OK
    status = lib.kws_pipeline_init(pipeline, opened, -1, ffi.NULL, arena, bundle.arena_bytes - 1)
    assert status == lib.KWS_ERROR_ARENA


def test_metadata_takes_little_flash() -> None:
    metadata = {"layers": [{"kernel": [3, 3], "filters": 64}] * 100}
    assert len(build(metadata=metadata).section("METZ") or b"") < len(json.dumps(metadata)) / 20
