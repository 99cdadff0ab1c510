# SPDX-License-Identifier: Apache-2.0
"""The stages by name, in one table for boards, replays and benchmarks."""

from __future__ import annotations

from kws.core import ffi

_ENUM = ffi.typeof("kws_stage_t").elements
_PREFIX = "KWS_STAGE_"

STAGES: tuple[str, ...] = tuple(
    _ENUM[number].removeprefix(_PREFIX).lower() for number in sorted(_ENUM) if _ENUM[number].startswith(_PREFIX)
)
"""In the order of ``kws_stage_t``: audio, features, model, smoothing, detection."""
GATE = "gate"
"""No stage of its own in ``kws_stage_t``: it decides behind the framer whether the others see a frame."""
STAGE_FUNCTIONS: dict[str, str] = {
    "audio": "kws_audio_framer_step",
    GATE: "kws_gate_step",
    **{stage: f"kws_{stage}_step" for stage in STAGES if stage != "audio"},
}
"""Stage -> the function whose calls an emulator counts for it: QEMU's own cycle counter stands still."""
