# SPDX-License-Identifier: Apache-2.0
"""kws: keyword spotting for microcontrollers, from training to the board and back.

    import kws

    spotter = kws.load("models/speech_commands_12.kws")
    spotter.listen("yes.wav")

Importing this package loads nothing heavy: names are looked up when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kws.version import VERSION

if TYPE_CHECKING:
    from kws.audio import read_audio, write_wav
    from kws.bundle import Bundle
    from kws.errors import KwsError
    from kws.evaluation.request import EvaluationRequest, evaluate_request
    from kws.harness.run import ReplayRequest, run_replay
    from kws.heard import Classification, Detections
    from kws.microphone import Microphone
    from kws.pipeline import Detection, Pipeline
    from kws.spotter import Spotter, load

__version__ = VERSION

_HOMES = {
    "Bundle": "kws.bundle",
    "Classification": "kws.heard",
    "Detection": "kws.pipeline",
    "Detections": "kws.heard",
    "EvaluationRequest": "kws.evaluation.request",
    "KwsError": "kws.errors",
    "Microphone": "kws.microphone",
    "Pipeline": "kws.pipeline",
    "ReplayRequest": "kws.harness.run",
    "Spotter": "kws.spotter",
    "evaluate_request": "kws.evaluation.request",
    "load": "kws.spotter",
    "read_audio": "kws.audio",
    "run_replay": "kws.harness.run",
    "write_wav": "kws.audio",
}
"""Public name -> the module it lives in."""

__all__ = [
    "Bundle",
    "Classification",
    "Detection",
    "Detections",
    "EvaluationRequest",
    "KwsError",
    "Microphone",
    "Pipeline",
    "ReplayRequest",
    "Spotter",
    "evaluate_request",
    "load",
    "read_audio",
    "run_replay",
    "write_wav",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kws' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
