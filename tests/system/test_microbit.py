# SPDX-License-Identifier: Apache-2.0
"""The smallest board: a Cortex-M0 with 16 KiB of RAM hears what the host hears."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws import places
from kws.bench.measure import measure
from kws.bundle import Bundle
from kws.device.boards import open_board
from kws.device.build import build_firmware
from kws.errors import ConfigError
from kws.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = places.models() / "speech_commands_12.kws"


def test_image_holds_instructions_of_a_cortex_m0_only() -> None:
    program = build_firmware("microbit", target="kws") / "kws.elf"
    printed = subprocess.run(["arm-none-eabi-readelf", "-A", program], capture_output=True, text=True, check=True)
    attributes = printed.stdout
    assert "Tag_CPU_arch: v6S-M" in attributes
    assert "Tag_THUMB_ISA_use: Thumb-1" in attributes
    assert "Tag_DSP_extension" not in attributes


def test_microbit_hears_a_word_with_the_scores_of_the_host() -> None:
    samples, _ = soundfile.read(ROOT / "examples" / "stream.flac", dtype="int16", frames=29_000)
    pipeline = Pipeline(Bundle.load(BUNDLE))
    expected = pipeline.feed(samples)
    assert [event.label for event in expected] == ["stop"]
    with open_board("microbit", bundle=BUNDLE, timeout_s=60.0) as board:
        board.reset()
        heard = board.stream(samples)
    assert heard.detections == expected
    assert np.array_equal(heard.scores.posteriors, pipeline.scores.posteriors)
    assert np.array_equal(heard.scores.smoothed, pipeline.scores.smoothed)
    assert heard.dropped_samples == 0


def test_cycles_of_a_cortex_m0_are_not_counted_by_the_model_of_another_core() -> None:
    with pytest.raises(ConfigError, match=r"microbit.*Cortex-M4"):
        measure(Bundle.load(BUNDLE), "microbit")
