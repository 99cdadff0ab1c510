# SPDX-License-Identifier: Apache-2.0
"""The network that scores a moment, computed from statistics instead of trained: layers that the engine has anyway.

    features of a step -> standardised -> mean over blocks -> mean over the moment -> whitened -> squared -> summed
    -> unusualness, 0..255

The mean log-mel spectrum of a moment is its embedding, and the squared Mahalanobis distance to the normal one its
score: a convolution, two means, a pointwise layer, a table, a pointwise layer with one output, and a table with the
logistic curve. So a bundle of it is an ordinary one-label bundle, and its tensors are the same on every target.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.importer import arithmetic
from kws.importer.network import Layer, Network, Op, Quantization, Shape
from kws.importer.tables import UNIT, lookup_layer
from kws.importer.walk import NO_PADDING

FloatArray = npt.NDArray[np.float64]

BLOCK_STEPS = 8
"""Steps (a frame of each axis) under one mean of the first kind: there is a score at the end of every block."""
STEP = Quantization(scale=1 / 8, zero_point=0)
"""Of standardised features, in standard deviations of a step: up to 16."""
MEAN = Quantization(scale=1 / 32, zero_point=0)
"""Of their means: up to 4."""
EMBEDDING = Quantization(scale=1 / 16, zero_point=0)
"""Of whitened means, in standard deviations of a moment: up to 8."""
SQUARE = Quantization(scale=1 / 4, zero_point=-128)
"""Of their squares: up to 64."""
REACH = 5.5
"""Log odds at which a logistic curve of 256 levels is 0 or 1."""
INPUTS = np.arange(-128, 128)


@dataclass(frozen=True, kw_only=True)
class Affine:
    """``weights @ (x - centre)``: around the centre, rounded weights do least harm."""

    weights: FloatArray
    """``[outputs, inputs]``; ``[inputs]``: a factor for each."""
    centre: FloatArray
    """``[inputs]``: usual values."""

    def __call__(self, rows: npt.ArrayLike) -> FloatArray:
        """Apply to rows ``[n, inputs]``."""
        centred = np.asarray(rows, np.float64) - self.centre
        return centred * self.weights if self.weights.ndim == 1 else centred @ self.weights.T


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Squared distance -> unusualness: a logistic curve."""

    middle: float
    """Here it is 0.5."""
    width: float
    """Log odds grow by 1 for so much of squared distance."""

    @property
    def lowest(self) -> float:
        """Where the curve leaves 0, taken away from squared distances before they are stored."""
        return max(0.0, self.middle - REACH * self.width)

    @property
    def quantization(self) -> Quantization:
        """Of squared distances, from ``lowest`` to where the curve reaches 1."""
        return Quantization(scale=(self.middle + REACH * self.width - self.lowest) / 255.0, zero_point=-128)

    def __call__(self, squared: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the unusualness of squared distances, 0..255."""
        odds = np.clip((np.asarray(squared, np.float64) - self.middle) / self.width, -50.0, 50.0)
        return np.asarray(np.rint(255.0 / (1.0 + np.exp(-odds))), np.int64)


class Builder:
    """Adds one part after the other; what is there can be run, and its output is what the next part is computed from.

    Parameters
    ----------
    frames : Quantization
        Of the features.
    axes, num_bands : int
        A step is a frame of each axis.
    blocks : int
        In a moment.
    """

    def __init__(self, frames: Quantization, *, axes: int, num_bands: int, blocks: int) -> None:
        self.layers: list[Layer] = []
        self.frames, self.axes, self.num_bands, self.blocks = frames, axes, num_bands, blocks

    def network(self) -> Network:
        """Return what was built so far as a network of its own."""
        return Network(
            window_frames=self.axes * BLOCK_STEPS * self.blocks,
            num_features=self.num_bands,
            num_labels=self.layers[-1].output.channels,
            input_quantization=self.frames,
            layers=tuple(self.layers),
        )

    def add_means(self, standardise: Affine) -> None:
        """Add everything up to the means; in int8 steps of `MEAN`.

        Parameters
        ----------
        standardise : Affine
            From the real values of a step's features, ``[axes * num_bands]``, a factor for each.
        """
        steps = BLOCK_STEPS * self.blocks
        shape = Shape(height=self.axes * steps, width=1, channels=self.num_bands)
        if self.axes == 1:
            self._affine(Op.DEPTHWISE, standardise.weights[:, np.newaxis], standardise.centre, shape, STEP)
        else:
            self._affine(Op.CONV, np.diag(standardise.weights), standardise.centre, shape, STEP)
        self._mean(BLOCK_STEPS, BLOCK_STEPS)
        self._mean(self.blocks, 1)

    def add_whitening(self, whiten: Affine) -> None:
        """Add the layer from means to uncorrelated values; in int8 steps of `EMBEDDING`."""
        self._affine(Op.POINTWISE, whiten.weights, whiten.centre, self.layers[-1].output, EMBEDDING)

    def add_distance(self, curve: Curve) -> None:
        """Add the sum of squares, and the curve."""
        squares = np.rint((EMBEDDING.scale * INPUTS) ** 2 / SQUARE.scale) + SQUARE.zero_point
        shape = self.layers[-1].output
        self._add(lookup_layer(shape, squares[np.newaxis], **self._from_last(SQUARE)))
        ones = np.ones((1, shape.channels))
        self._affine(Op.POINTWISE, ones, np.full(shape.channels, curve.lowest / shape.channels), shape,
                     curve.quantization)  # fmt: skip
        stored = curve.quantization.scale * (INPUTS - curve.quantization.zero_point)
        table = curve(stored + curve.lowest) + UNIT.zero_point
        table[-1] = INPUTS[-1]  # what is stored there may be anything beyond
        self._add(lookup_layer(self.layers[-1].output, table[np.newaxis], **self._from_last(UNIT)))

    def _affine(self, op: Op, weights: FloatArray, centre: FloatArray, shape: Shape, target: Quantization) -> None:
        """Add a convolution over one row, or over a row of each axis, with a weight scale for each output."""
        source = self._from_last(target)["input_quantization"]
        kernel = self.axes if op is Op.CONV else 1
        scales = np.abs(weights).max(axis=1) / 127.0
        integers = np.rint(weights / scales[:, np.newaxis]).astype(np.int8)
        inputs = source.scale * scales
        moved = integers * (centre / source.scale if op is not Op.DEPTHWISE else (centre / source.scale)[:, np.newaxis])
        biases = -np.rint(moved.sum(axis=1) + source.zero_point * integers.sum(axis=1, dtype=np.int64))
        rows = [
            (int(bias), *arithmetic.quantize_multiplier(float(step / target.scale)))
            for bias, step in zip(biases, inputs, strict=True)
        ]
        stored = integers.reshape(1, 1, -1) if op is Op.DEPTHWISE else integers.reshape(len(rows), kernel, 1, -1)
        output = Shape(height=shape.height // kernel, width=1, channels=len(rows))
        layer = _layer(op, shape, output, weights=stored, channels=rows, **self._from_last(target))
        self._add(replace(layer, kernel=(kernel, 1), stride=(kernel, 1)))

    def _mean(self, rows: int, stride: int) -> None:
        source, shape = self.layers[-1].output_quantization, self.layers[-1].output
        entry = (-source.zero_point * rows, *arithmetic.mean_multiplier(source.scale, MEAN.scale, rows))
        output = Shape(height=shape.height // rows, width=1, channels=shape.channels)
        layer = _layer(Op.MEAN, shape, output, channels=[entry], **self._from_last(MEAN))
        self._add(replace(layer, kernel=(rows, 1), stride=(stride, 1)))

    def _from_last(self, target: Quantization) -> dict[str, Any]:
        source = self.layers[-1].output_quantization if self.layers else self.frames
        return {"name": str(len(self.layers)), "input_quantization": source, "output_quantization": target,
                "clamp": (-128, 127)}  # fmt: skip

    def _add(self, layer: Layer) -> None:
        self.layers.append(layer)


def _layer(op: Op, shape: Shape, output: Shape, *, channels: Any, weights: Any = None, **fields: Any) -> Layer:
    return Layer(op=op, input=shape, output=output, kernel=(1, 1), stride=(1, 1), padding=NO_PADDING, weights=weights,
                 channels=np.array(channels, np.int64).astype(np.int32), **fields)  # fmt: skip
