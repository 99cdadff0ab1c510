# SPDX-License-Identifier: Apache-2.0
"""The same clips through float, TFLite int8 and the C core, side by side: what quantisation cost, and where it errs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from kws.bundle import Bundle
from kws.evaluation.clips import ClipScore, evaluate_clips
from kws.features import FeaturesConfig
from kws.training.clips.batches import compute_features
from kws.training.clips.dataset import ClipSet
from kws.training.fit.callbacks import predict
from kws.training.fit.quantize import run_tflite


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Predictions of three implementations of one network for the same clips."""

    labels: tuple[str, ...]
    float_predicted: NDArray[np.int64]
    """``[clips]``: highest logit of the float network."""
    tflite_posteriors: NDArray[np.uint8]
    """``[clips, labels]``: TFLite's int8 reference kernels, 0..255."""
    core: ClipScore
    """The C core, on the finished bundle."""

    @property
    def float_accuracy(self) -> float:
        """Share of clips the float network gets right."""
        return float((self.float_predicted == self.core.expected).mean())

    @property
    def tflite_accuracy(self) -> float:
        """Share of clips TFLite int8 gets right."""
        return float((self.tflite_posteriors.argmax(axis=1) == self.core.expected).mean())

    @property
    def core_accuracy(self) -> float:
        """Share of clips the C core gets right."""
        return float((self.core.predicted == self.core.expected).mean())

    @property
    def core_equals_tflite(self) -> bool:
        """Whether every posterior of every clip is the same in C and in TFLite."""
        return np.array_equal(self.core.posteriors, self.tflite_posteriors)

    def to_dict(self) -> dict[str, Any]:
        """Figures for JSON."""
        return {
            "clips": len(self.core.expected),
            "float_accuracy": round(self.float_accuracy, 5),
            "tflite_int8_accuracy": round(self.tflite_accuracy, 5),
            "c_int8_accuracy": round(self.core_accuracy, 5),
            "quantisation_loss_points": round(100 * (self.float_accuracy - self.core_accuracy), 3),
            "c_equals_tflite": self.core_equals_tflite,
            "labels": list(self.labels),
            "confusion": self.core.confusion.tolist(),
        }

    def table(self) -> Table:
        """Side by side, overall and per label."""
        table = Table(title=f"accuracy on {len(self.core.expected)} clips")
        table.add_column("label")
        for name in ("clips", "float", "TFLite int8", "C int8"):
            table.add_column(name, justify="right")
        expected = self.core.expected
        columns = (self.float_predicted, self.tflite_posteriors.argmax(axis=1), self.core.predicted)
        for index, label in enumerate(self.labels):
            of_label = expected == index
            if of_label.any():
                shares = [f"{(column[of_label] == index).mean():.1%}" for column in columns]
                table.add_row(label, str(of_label.sum()), *shares)
        table.add_section()
        total = [f"{(column == expected).mean():.2%}" for column in columns]
        table.add_row("all", str(len(expected)), *total, style="bold")
        return table


def compare(model: keras.Model, tflite: bytes, bundle: Bundle, clips: ClipSet, config: FeaturesConfig) -> Comparison:
    """Run the clips through all three.

    Parameters
    ----------
    model : keras.Model
        Float, to logits.
    tflite : bytes
        The int8 network made from it.
    bundle : Bundle
        The bundle made from that.
    clips : ClipSet
    config : FeaturesConfig
        Of the bundle.
    """
    features = compute_features(clips, config)
    return Comparison(
        labels=bundle.labels,
        float_predicted=predict(model, config.dequantize(features)[..., None]).argmax(axis=1),
        tflite_posteriors=run_tflite(tflite, features),
        core=evaluate_clips(bundle, clips.clips(), clips.labels.tolist()),
    )


def plot_confusion(score: ClipScore, path: Path, *, title: str) -> None:
    """Write a confusion matrix as an image: rows are what was said, columns what was heard."""
    from matplotlib.figure import Figure

    counts = score.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.0 + 0.5 * len(score.labels)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    places = range(len(score.labels))
    axes.set_xticks(places, score.labels, rotation=60, ha="right")
    axes.set_yticks(places, score.labels)
    axes.set(xlabel="heard", ylabel="said", title=title)
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=8)
    figure.savefig(path, dpi=120)
