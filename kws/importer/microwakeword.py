# SPDX-License-Identifier: Apache-2.0
"""What the ``.json`` beside a microWakeWord model says: word, front end, cutoff and sliding window.

The published runner averages the last ``sliding_window_size`` probabilities (0 until there are as many) and fires above
``probability_cutoff``. Here the average is a byte and fires at a threshold; its rounding is chosen so that both fire on
the very same sums.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.core import lib
from kws.decision import DecisionConfig, OperatingPoint
from kws.errors import ImportModelError
from kws.features import MicroFeaturesConfig

ONE = 256
"""Steps of a probability of 1 in the networks' uint8 outputs."""
REST_MS = 1000
"""No second event for so long after one: the runner itself would fire at every step of a word."""


@dataclass(frozen=True, kw_only=True)
class WakeWordSettings:
    """A microWakeWord model and how it is meant to be run."""

    model: Path
    wake_word: str
    features: MicroFeaturesConfig
    decision: DecisionConfig


def settings_of(path: str | Path) -> WakeWordSettings | None:
    """Read the settings of a model.

    Parameters
    ----------
    path : the ``.tflite`` file with a ``.json`` of the same name beside it, or that ``.json``

    Returns
    -------
    WakeWordSettings, or None
        None when no settings lie beside the model.

    Raises
    ------
    ImportModelError
        If the file is not what microWakeWord writes.
    """
    path = Path(path)
    file = path.with_suffix(".json")
    if path.suffix != ".json" and not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ImportModelError(f"{file}: cannot be read as JSON ({error}); expected a microWakeWord model's") from error
    if path.suffix != ".json" and not (isinstance(content, dict) and "micro" in content):
        return None  # somebody else's notes
    return _settings(content, file, path if path.suffix != ".json" else None)


def _settings(content: Any, file: Path, model: Path | None) -> WakeWordSettings:
    micro = _field(content, "micro", dict, file)
    step_ms = _field(micro, "feature_step_size", int, file)
    window_name = "sliding_window_size" if "sliding_window_size" in micro else "sliding_window_average_size"
    window, cutoff = _field(micro, window_name, int, file), _field(micro, "probability_cutoff", (int, float), file)
    if not 1 <= step_ms <= 1000:
        raise ImportModelError(f"{file}: feature_step_size is {step_ms}; expected 1 .. 1000 ms")
    return WakeWordSettings(
        model=model if model is not None else file.with_name(Path(_field(content, "model", str, file)).name),
        wake_word=_field(content, "wake_word", str, file),
        features=MicroFeaturesConfig(hop_samples=16 * step_ms),
        decision=sliding_window_decision(float(cutoff), window, refractory_frames=REST_MS // step_ms, what=str(file)),
    )


def _field(content: Any, name: str, kind: Any, file: Path) -> Any:
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ImportModelError(f"{file}: {name} is {value!r}; expected what microWakeWord models carry")
    return value


def sliding_window_decision(
    cutoff: float, window: int, *, refractory_frames: int, what: str = "decision"
) -> DecisionConfig:
    """Return the decision that fires where the mean of ``window`` probabilities is above ``cutoff``.

    Raises
    ------
    ImportModelError
        If no average is above it, or the window is too long.
    """
    longest = int(lib.KWS_DECISION_MAX_SMOOTHING)
    if not 1 <= window <= longest:
        raise ImportModelError(f"{what}: a sliding window of {window} probabilities; expected 1 .. {longest}")
    above = [total for total in range(1, (ONE - 1) * window + 1) if total / (ONE * window) > cutoff]
    if not above or not cutoff >= 0.0:
        raise ImportModelError(f"{what}: a probability cutoff of {cutoff}; expected 0 or more, below {1 - 1 / ONE:.3f}")
    threshold = -(-above[0] // window)
    return DecisionConfig(
        operating_points=(OperatingPoint(thresholds=(threshold,)),),
        smoothing_decisions=window,
        whole_windows_rounding=threshold * window - above[0],
        refractory_frames=refractory_frames,
    )
