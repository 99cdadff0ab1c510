# SPDX-License-Identifier: Apache-2.0
"""Scales of weights moved so that layers run on the fast kernels: all of them do, and hardly a bit changes."""

from pathlib import Path

import numpy as np
import pytest

from kws import places
from kws.core import lib
from kws.importer.flatbuffer import read_graph
from kws.importer.network import Op
from kws.importer.packing import packed_layer
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.model import Model
from kws.training.fit.quantize import run_tflite
from kws.training.fit.settle import ATTEMPTS, STEP, settle_scales

SETTLED = "wake_computer_50.tflite"


@pytest.fixture(scope="module")
def original() -> bytes:
    """A trained network whose scales are others in their last bits, so that some channels have no constants."""
    rng, tflite = np.random.default_rng(4), bytearray((places.models() / SETTLED).read_bytes())
    for tensor in read_graph(places.models() / SETTLED).tensors:
        if tensor.scales.size > 2:
            moved = (tensor.scales * (1.0 + STEP * rng.integers(-8, 9, tensor.scales.size))).astype(np.float32)
            place = tflite.index(tensor.scales.tobytes())
            tflite[place : place + moved.nbytes] = moved.tobytes()
    return bytes(tflite)


@pytest.fixture(scope="module")
def settled(original: bytes) -> bytes:
    return settle_scales(original)


def without_constants(tflite: bytes, folder: Path) -> list[int]:
    """Which layers keep TFLite's table of channels although their weights are packed."""
    (folder / "network.tflite").write_bytes(tflite)
    layers = [layer for layer in import_tflite(folder / "network.tflite").layers if layer.weights is not None]
    paired = [packed_layer(layer) for layer in layers if layer.op in (Op.CONV, Op.POINTWISE)]
    assert {layer.layout for layer in paired} == {lib.KWS_NN_LAYOUT_PAIRED}
    return [index for index, layer in enumerate(paired) if layer.channels]


def test_every_pointwise_layer_gets_its_constants(original: bytes, settled: bytes, tmp_path: Path) -> None:
    assert len(without_constants(original, tmp_path)) > 1
    assert without_constants(settled, tmp_path) == []


def test_only_scales_move_and_by_no_more_than_they_may(original: bytes, settled: bytes) -> None:
    assert len(original) == len(settled)
    before, after = (np.frombuffer(data[: len(data) // 4 * 4], "<f4") for data in (original, settled))
    changed = np.flatnonzero(before.view(np.uint32) != after.view(np.uint32))
    assert 0 < changed.size < 100
    assert np.all(np.abs(after[changed] / before[changed] - 1.0) <= STEP * (ATTEMPTS + 1))


def test_what_has_its_constants_is_left_alone(settled: bytes) -> None:
    assert settle_scales(settled) == settled


def test_the_core_equals_tflite_and_both_hear_what_they_heard(original: bytes, settled: bytes, tmp_path: Path) -> None:
    (tmp_path / "settled.tflite").write_bytes(settled)
    core = Model(model_section(import_tflite(tmp_path / "settled.tflite")))
    rng = np.random.default_rng(0)
    level = rng.normal(0, 40, (8, 1, 40))
    features = np.clip(level + rng.normal(0, 30, (8, core.window_frames, 40)), -128, 127).astype(np.int8)
    posteriors = run_tflite(settled, features)
    assert np.array_equal(core.run_batch(features), posteriors)
    assert np.abs(posteriors.astype(int) - run_tflite(original, features)).max() <= 1
