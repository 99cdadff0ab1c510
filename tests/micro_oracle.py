# SPDX-License-Identifier: Apache-2.0
"""The published micro front end, from the package pymicro-features, and ours at the same depth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pymicro_features import MicroFrontend

from kws.core import aligned_copy, ffi, lib
from kws.micro_features import LOG_UNIT, MicroFeaturesConfig, micro_section

Int16Array = npt.NDArray[np.int16]
HOP_SAMPLES = 160


def published_logarithms(samples: Int16Array) -> npt.NDArray[np.int64]:
    """Return the integers behind the floats of the package, [num_frames, 40]."""
    frontend, frames = MicroFrontend(), []
    for start in range(0, len(samples) - HOP_SAMPLES + 1, HOP_SAMPLES):
        output = frontend.process_samples(samples[start : start + HOP_SAMPLES].tobytes())
        assert output.samples_read == HOP_SAMPLES
        if output.features:
            frames.append(output.features)
    logarithms = np.array(frames).reshape(-1, 40) / LOG_UNIT
    assert (logarithms == np.round(logarithms)).all()
    return logarithms.astype(np.int64)


def our_logarithms(samples: Int16Array) -> npt.NDArray[np.int64]:
    """Return the same of firmware/core, before they become int8."""
    section = micro_section(MicroFeaturesConfig())
    data, _owner = aligned_copy(section)
    config = ffi.new("kws_micro_config_t *")
    assert lib.kws_micro_read(config, ffi.new("kws_span_t *", [data, len(section)])[0]) == lib.KWS_OK
    noise, scratch = ffi.new("uint32_t[40]"), ffi.new("uint64_t[]", lib.kws_micro_scratch_bytes(config) // 8 + 1)
    samples = np.ascontiguousarray(samples)
    start = ffi.from_buffer("int16_t[]", samples)
    frames = []
    for first in range(0, len(samples) - config.window_samples + 1, HOP_SAMPLES):
        bands = lib.kws_micro_analyse(config, noise, scratch, start + first)
        frames.append(np.frombuffer(bytes(ffi.buffer(bands, 160)), np.uint32))
    return np.array(frames, np.int64).reshape(-1, 40)
