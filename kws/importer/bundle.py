# SPDX-License-Identifier: Apache-2.0
"""A foreign model and what it does not say (front end, labels, decision) -> a bundle."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.bundle import Bundle, DecisionConfig, OperatingPoint
from kws.errors import ConfigError, ImportModelError, note
from kws.features import AnyFeaturesConfig, FeaturesConfig, MicroFeaturesConfig
from kws.importer.microwakeword import settings_of
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.labels import is_quiet, read_labels

PRESETS: dict[str, Callable[[], AnyFeaturesConfig]] = {
    "mlperf-kws": FeaturesConfig.mlperf_kws,
    "mlperf-streaming": FeaturesConfig.mlperf_streaming,
    "microwakeword": MicroFeaturesConfig,
    "micro-speech": lambda: MicroFeaturesConfig(hop_samples=320),
}
"""Front ends known by name."""
DEFAULT_FEATURES = "mlperf-kws"
KINDS: dict[str, type[AnyFeaturesConfig]] = {"mel": FeaturesConfig, "micro": MicroFeaturesConfig}
"""What ``kind`` in a features file says; ``mel`` when it says nothing."""


def features_from_option(option: str) -> AnyFeaturesConfig:
    """Return the front end named by a preset or described by a TOML file of the fields of its settings.

    Raises
    ------
    ConfigError
        If it is neither, or the file holds an unknown field or a wrong value.
    """
    if option in PRESETS:
        return PRESETS[option]()
    try:
        with open(option, "rb") as file:
            settings = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"features: '{option}' is neither {' nor '.join(PRESETS)} nor a readable TOML file ({error})"
        ) from error
    settings = dict(settings.get("features", settings))
    kind = settings.pop("kind", "mel")
    if kind not in KINDS:
        raise ConfigError(f"features: {option}: kind is '{kind}'; expected {' or '.join(KINDS)}")
    known = {field.name for field in dataclasses.fields(KINDS[kind])}
    if unknown := sorted(set(settings) - known):
        raise ConfigError(f"features: {option}: unknown {', '.join(unknown)}; expected {', '.join(sorted(known))}")
    values: dict[str, Any] = {key: _toml_value(value) for key, value in settings.items()}
    return KINDS[kind](**values)


def _toml_value(value: object) -> object:
    return None if value == "none" else tuple(value) if isinstance(value, list) else value


def default_decision(labels: Sequence[str], *, threshold: float = 0.8, refractory_frames: int = 50) -> DecisionConfig:
    """Return unmeasured settings: every keyword fires at ``threshold`` (0..1), background labels never."""
    if not 0.0 < threshold <= 1.0:
        raise ConfigError(f"threshold is {threshold}; expected more than 0, up to 1")
    level = max(1, round(threshold * 255))
    thresholds = tuple(0 if is_quiet(label) else level for label in labels)
    if not any(thresholds):
        note(f"none of the labels {', '.join(labels)} is a keyword by its name: this bundle will never fire")
    return DecisionConfig(
        operating_points=(OperatingPoint(thresholds=thresholds),), refractory_frames=refractory_frames
    )


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """What a model file does not say."""

    model: Path
    assumed: str | None
    """The front end that was taken for want of anything better."""
    labels: tuple[str, ...]
    features: AnyFeaturesConfig
    decision: DecisionConfig


def import_settings(
    path: str | Path,
    *,
    labels: str | None = None,
    features: str | None = None,
    threshold: float | None = None,
    refractory_frames: int | None = None,
) -> ImportSettings:
    """Return what was asked for, and for the rest what the ``.json`` of a microWakeWord model says, or the defaults.

    Parameters
    ----------
    path : a ``.tflite`` file, or the ``.json`` that names one
    labels : str, optional
        Names with commas between them or a file; needed without a ``.json``.
    features : str, optional
        As :func:`features_from_option` takes it; the MLPerf Tiny keyword-spotting MFCC by default.
    threshold, refractory_frames : optional

    Raises
    ------
    ConfigError, ImportModelError
        If there is no model, labels are missing, or an option or the ``.json`` is wrong.
    """
    beside = settings_of(path)
    if beside is None and not Path(path).is_file():
        raise ImportModelError(f"{path}: no such file; check the path")
    if labels is None and beside is None:
        raise ConfigError(
            "--labels is missing: name the outputs of the model in their order, 'yes,no,silence' (only a microWakeWord "
            "model with its .json beside it says them itself)"
        )
    names = (beside.wake_word,) if labels is None and beside is not None else tuple(read_labels(labels or ""))
    if beside is None or threshold is not None:
        decision = default_decision(names, threshold=0.8 if threshold is None else threshold)
    else:
        decision = beside.decision
    if refractory_frames is not None:
        decision = dataclasses.replace(decision, refractory_frames=refractory_frames)
    known = beside.features if beside is not None and features is None else None
    option = features or DEFAULT_FEATURES
    return ImportSettings(
        model=Path(path) if beside is None else beside.model,
        assumed=option if known is None else None,
        labels=names,
        features=known or features_from_option(option),
        decision=decision,
    )


def import_bundle(
    path: str | Path,
    *,
    features: AnyFeaturesConfig,
    labels: Sequence[str],
    decision: DecisionConfig | None = None,
    streaming: bool | None = None,
    decision_frames: int | None = None,
    compact: bool = False,
    time_axis: int | None = None,
) -> Bundle:
    """Turn a TFLite file into a bundle.

    Parameters
    ----------
    path : path of an int8 ``.tflite`` file
    features : FeaturesConfig or MicroFeaturesConfig
        The front end the model was trained with; its ``scale`` and ``zero_point`` are replaced by the model's.
    labels : sequence of str
        In the order of the model's outputs.
    decision : DecisionConfig, optional
        :func:`default_decision` when omitted.
    streaming, decision_frames, compact : optional
        See :func:`kws.importer.section.model_section`.
    time_axis : 1 or 2, optional
        See :func:`kws.importer.tflite.import_tflite`.

    Raises
    ------
    ImportModelError
        If the model cannot be imported or does not fit the front end or the labels.
    """
    network = import_tflite(path, time_axis=time_axis)
    if features.num_features != network.num_features:
        turned = network.window_frames == features.num_features and time_axis is None
        hint = "if its second axis is time, say --time-axis 2" if turned else (
            f"choose another one with --features ({', '.join(PRESETS)}, or a TOML file)"
        )  # fmt: skip
        raise ImportModelError(
            f"{path}: the model reads {network.num_features} features a frame, the front end makes "
            f"{features.num_features}; {hint}"
        )
    if len(labels) != network.num_labels:
        raise ImportModelError(f"{path}: the model has {network.num_labels} outputs; got {len(labels)} labels")
    quantized = dataclasses.replace(
        features, scale=network.input_quantization.scale, zero_point=network.input_quantization.zero_point
    )
    return Bundle.build(
        features=quantized,
        model_section=model_section(network, streaming=streaming, decision_frames=decision_frames, compact=compact),
        labels=labels,
        decision=decision or default_decision(labels),
        metadata=_provenance(Path(path), quantized, network.notes),
        name=Path(path).with_suffix(".kws").name,
    )


def _provenance(path: Path, features: AnyFeaturesConfig, notes: Sequence[str]) -> dict[str, object]:
    return {
        **({"notes": list(notes)} if notes else {}),
        "source": {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "made_by": "kws import",
        "features": dataclasses.asdict(features),
    }
