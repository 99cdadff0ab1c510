"""What lies between a foreign model file and a MODL section: a chain of quantised layers."""

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
    """Conv [oc, ky, kx, ic], depthwise [ky, kx, channel], dense [oc, inputs]."""
    channels: npt.NDArray[np.int32] | None
    """[num_channels, 3]: bias with the input zero point folded in, multiplier, shift."""
    kept: tuple[int, int] = (1, 1)
    """Of the tensor called ``name`` in the file: every how many-th row and column this layer makes."""

    @property
    def macs(self) -> int:
        """Multiplications for one window, padding included."""
        if self.weights is None:
            return 0
        if self.op is Op.DEPTHWISE:
            return self.output.size * self.kernel[0] * self.kernel[1]
        return self.output.height * self.output.width * int(self.weights.size)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A chain of layers from feature frames to posteriors."""

    window_frames: int
    num_features: int
    num_labels: int
    input_quantization: Quantization
    layers: tuple[Layer, ...]

    @property
    def can_stream(self) -> bool:
        """Whether nothing is padded below the newest row (nor a pool at all), so that each frame is computed once."""
        return all(
            layer.padding[1] == 0 and (layer.padding[0] == 0 or layer.op is not Op.AVERAGE_POOL)
            for layer in self.layers
        )

    @property
    def time_stride(self) -> int:
        """Frames between two decisions of the streaming engine."""
        return int(np.prod([layer.stride[0] for layer in self.layers]))
