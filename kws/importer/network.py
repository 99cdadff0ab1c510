# SPDX-License-Identifier: Apache-2.0
"""What lies between a foreign model file and a MODL section: a graph of quantised layers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from kws.core import lib


class Op(IntEnum):
    """Operations of the engine; the numbers are those of ``kws_model_op_t``."""

    CONV = lib.KWS_MODEL_CONV
    POINTWISE = lib.KWS_MODEL_POINTWISE
    DEPTHWISE = lib.KWS_MODEL_DEPTHWISE
    AVERAGE_POOL = lib.KWS_MODEL_AVERAGE_POOL
    DENSE = lib.KWS_MODEL_DENSE
    SOFTMAX = lib.KWS_MODEL_SOFTMAX
    MAX_POOL = lib.KWS_MODEL_MAX_POOL
    MEAN = lib.KWS_MODEL_MEAN
    ADD = lib.KWS_MODEL_ADD
    CONCAT = lib.KWS_MODEL_CONCAT
    LOOKUP = lib.KWS_MODEL_LOOKUP
    SLICE = lib.KWS_MODEL_SLICE


JOINS = (Op.ADD, Op.CONCAT)
"""Operations with two inputs."""
FRAMES = -1
"""As the input of a layer: the frames themselves."""


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """``real = scale * (q - zero_point)``, one pair for a whole tensor."""

    scale: float
    zero_point: int


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A feature map without its batch axis. Height is time."""

    height: int
    width: int
    channels: int

    @property
    def size(self) -> int:
        """Number of values."""
        return self.height * self.width * self.channels


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer, ready to be written: every figure is final."""

    op: Op
    name: str
    input: Shape
    output: Shape
    kernel: tuple[int, int]
    """Height (time steps), width."""
    stride: tuple[int, int]
    """Height, width; 1 in a direction that the kernel covers at once."""
    padding: tuple[int, int, int, int]
    """Top, bottom, left, right."""
    input_quantization: Quantization
    output_quantization: Quantization
    clamp: tuple[int, int]
    """Fused activation: lowest and highest output, inclusive."""
    weights: npt.NDArray[np.int8] | None
    """Conv [oc, ky, kx, ic], depthwise [ky, kx, channel], dense [oc, inputs], lookup [1 or channels, 256]."""
    channels: npt.NDArray[np.int32] | None
    """[num_channels, 3]: bias with the input zero point folded in, multiplier, shift. Three rows in an addition: of its
    inputs and of the sum; one in a mean and in a softmax."""
    sources: tuple[int, ...] = ()
    """Indices of the layers it reads, ``FRAMES`` for the frames; empty: the layer before it."""
    dilation: int = 1
    """Time steps from one row of the kernel to the next."""
    skip_rows: int = 0
    """Of a slice: rows dropped at the beginning."""
    first_channel: int = 0
    """Of a slice."""
    kept: tuple[int, int] = (1, 1)
    """Of the tensor called ``name`` in the file: every how many-th row and column this layer makes."""

    @property
    def macs(self) -> int:
        """Multiplications for one window, padding included."""
        if self.weights is None or self.op is Op.LOOKUP:
            return 0
        if self.op is Op.DEPTHWISE:
            return self.output.size * self.kernel[0] * self.kernel[1]
        return self.output.height * self.output.width * int(self.weights.size)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A graph of layers from feature frames to posteriors, in order of execution."""

    window_frames: int
    num_features: int
    num_labels: int
    input_quantization: Quantization
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()
    """What the importer did that its user should know."""

    def sources(self, index: int) -> tuple[int, ...]:
        """Return what a layer reads: indices of layers, ``FRAMES`` for the frames."""
        return self.layers[index].sources or (index - 1,)

    @property
    def input_frames(self) -> int:
        """Frames the first layer is made for: a window, or fewer where variables of the file carried the past."""
        return next(layer.input.height for index, layer in enumerate(self.layers) if FRAMES in self.sources(index))

    @property
    def can_stream(self) -> bool:
        """Whether nothing is padded below the newest row (nor a pool at all), so that each frame is computed once.

        Rows that meet at a join must come at one rate, too; and a window must end in one decision: a slice that drops
        its newest rows would go on in a stream.
        """
        paces = (1, *self.frames_per_row)
        return self._streamed_rows()[-1] == 1 and all(
            layer.padding[1] == 0
            and (layer.padding[0] == 0 or layer.op is not Op.AVERAGE_POOL)
            and len({paces[source + 1] for source in self.sources(index)}) == 1
            for index, layer in enumerate(self.layers)
        )

    @property
    def time_stride(self) -> int:
        """Frames between two decisions of the streaming engine."""
        return self.frames_per_row[-1]

    @property
    def frames_per_row(self) -> tuple[int, ...]:
        """Frames from one output row of each layer to the next."""
        paces: list[int] = []
        for index, layer in enumerate(self.layers):
            source = self.sources(index)[0]
            paces.append((1 if source == FRAMES else paces[source]) * layer.stride[0])
        return tuple(paces)

    def _streamed_rows(self) -> list[int]:
        """Return how many rows each layer makes of the frames of one window when nothing ends it."""
        rows: list[int] = []
        for index, layer in enumerate(self.layers):
            arrived = min(self.input_frames if source == FRAMES else rows[source] for source in self.sources(index))
            span = (layer.kernel[0] - 1) * layer.dilation + 1
            rows.append(max(0, (arrived + layer.padding[0] - layer.skip_rows - span) // layer.stride[0] + 1))
        return rows
