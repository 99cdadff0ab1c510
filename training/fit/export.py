"""An int8 network becomes a bundle: imported like any other TFLite file, joined with front end, decision and gate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kws.training.clips.config import DecisionSettings, RunConfig

from kws.bundle import Bundle
from kws.decision import DecisionConfig, OperatingPoint
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite


def export_bundle(tflite_path: Path, run: RunConfig, metadata: Mapping[str, Any]) -> Bundle:
    """Assemble the bundle of a run; the same arguments give the same bytes.

    Parameters
    ----------
    tflite_path : Path
        Made by ``kws.training.fit.quantize``.
    run : RunConfig
        For the front end, the labels, the decision settings and the gate.
    metadata : mapping
        Provenance and measured accuracy, JSON-able and without time stamps.

    Raises
    ------
    ImportModelError, BundleError, ConfigError
        If the network, its front end and its labels do not fit each other.
    """
    return Bundle.build(
        features=run.features,
        model_section=model_section(import_tflite(tflite_path)),
        labels=run.data.labels,
        decision=decision_config(run.decision, run.data.labels),
        metadata=metadata,
        gate=run.gate,
        name=run.name,
    )


def decision_config(settings: DecisionSettings, labels: tuple[str, ...]) -> DecisionConfig:
    """Spread one threshold per operating point over all labels that fire."""
    points = tuple(
        OperatingPoint(thresholds=tuple(0 if label in settings.never_fire else threshold for label in labels))
        for threshold in settings.thresholds
    )
    return DecisionConfig(
        operating_points=points,
        default_operating_point=settings.default_operating_point,
        smoothing_decisions=settings.smoothing_decisions,
        refractory_frames=settings.refractory_frames,
    )
