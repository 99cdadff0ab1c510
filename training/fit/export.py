# SPDX-License-Identifier: Apache-2.0
"""An int8 network becomes a bundle: imported like any other TFLite file, joined with front end, decision and gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kws.bundle import Bundle
from kws.decision import DecisionConfig
from kws.features import FeaturesConfig
from kws.gate import GateConfig
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite


def export_bundle(
    tflite_path: Path,
    *,
    features: FeaturesConfig,
    labels: Sequence[str],
    decision: DecisionConfig,
    gate: GateConfig | None,
    metadata: Mapping[str, Any],
    name: str,
) -> Bundle:
    """Assemble a bundle; the same arguments give the same bytes.

    Parameters
    ----------
    tflite_path : Path
        Made by ``kws.training.fit.quantize``.
    features, labels, decision, gate, name
        As ``Bundle.build`` wants them.
    metadata : mapping
        Provenance and measured accuracy, JSON-able and without time stamps.

    Raises
    ------
    ImportModelError, BundleError, ConfigError
        If the network, its front end and its labels do not fit each other.
    """
    return Bundle.build(
        features=features,
        model_section=model_section(import_tflite(tflite_path)),
        labels=labels,
        decision=decision,
        metadata=metadata,
        gate=gate,
        name=name,
    )
