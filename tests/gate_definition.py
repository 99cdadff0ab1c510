# SPDX-License-Identifier: Apache-2.0
"""What a pipeline behind a gate hears, stated again from its definition (firmware/core/kws_pipeline.h)."""

from __future__ import annotations

import numpy as np

from kws.bundle import Bundle
from kws.core import ffi, lib
from kws.features import Features
from kws.model import Model


def gate_states(bundle: Bundle, audio: np.ndarray, num_frames: int) -> list[bool]:
    """Whether the gate is open at each frame: the C gate by itself, over the newest hop of each window."""
    section = bundle.section("GATE")
    config, gate = ffi.new("kws_gate_config_t *"), ffi.new("kws_gate_t *")
    data = ffi.from_buffer("uint8_t[]", section)
    assert lib.kws_gate_read(config, {"data": data, "size_bytes": len(section)}) == lib.KWS_OK
    lib.kws_gate_init(gate, config, Model(bundle).window_frames)
    features = Features(bundle.front_end)
    newest = min(features.hop_samples, features.window_samples)
    states = []
    for frame in range(num_frames):
        end = frame * features.hop_samples + features.window_samples
        hop = np.ascontiguousarray(audio[end - newest : end])
        states.append(bool(lib.kws_gate_step(gate, ffi.from_buffer("int16_t[]", hop), newest)))
    return states


def features_heard(bundle: Bundle, audio: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """The features of these frames as if nothing else had ever been said: their windows laid end to end."""
    section = bytearray(bundle.front_end)
    features = Features(bytes(section))
    starts = np.asarray(heard, dtype=int) * features.hop_samples
    windows = np.concatenate([audio[start : start + features.window_samples] for start in starts])
    section[10:12] = features.window_samples.to_bytes(2, "little")  # the hop, in both layouts
    return Features(bytes(section)).compute(windows)


def frames_heard(states: list[bool], preroll_frames: int, decision_frames: int) -> list[int]:
    """The definition (kws_pipeline.h): the frames of the stream that remain when the silences are cut out of it."""
    heard: list[int] = []
    asleep_from = 0
    for frame, is_open in enumerate(states):
        if is_open:
            slept = frame - asleep_from
            cut = -(-max(0, slept - preroll_frames) // decision_frames) * decision_frames
            heard += range(asleep_from + cut, frame + 1)
            asleep_from = frame + 1
    return heard
