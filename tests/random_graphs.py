# SPDX-License-Identifier: Apache-2.0
"""Random networks of every operation the engine has, branches and joins among them, made without TensorFlow."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kws.bundle import Bundle
from kws.decision import DecisionConfig, OperatingPoint
from kws.features import FeaturesConfig
from kws.importer.arithmetic import quantize_multiplier
from kws.importer.network import FRAMES, Layer, Network, Op, Quantization, Shape
from kws.importer.section import model_section


@dataclass
class GraphMaker:
    """Adds layers; remembers what the last one made."""

    rng: np.random.Generator
    first: Shape
    streaming: bool
    """Nothing is padded below."""
    layers: list[Layer] = field(default_factory=list)

    def shape(self, source: int) -> Shape:
        return self.first if source == FRAMES else self.layers[source].output

    def add(self, op: Op, sources: tuple[int, ...], **fields: Any) -> int:
        """Add a layer; a sliding one when it has a kernel."""
        rng, source = self.rng, self.shape(sources[0])
        kernel, stride = fields.pop("kernel", (1, 1)), fields.pop("stride", (1, 1))
        padding, dilation = fields.pop("padding", (0, 0, 0, 0)), fields.get("dilation", 1)
        channels = fields.pop("channels", source.channels)
        skip = fields.get("skip_rows", 0) + fields.pop("cut_rows", 0)
        span = (kernel[0] - 1) * dilation + 1
        output = Shape(
            height=(source.height - skip + padding[0] + padding[1] - span) // stride[0] + 1,
            width=(source.width + padding[2] + padding[3] - kernel[1]) // stride[1] + 1,
            channels=channels,
        )
        low = int(rng.integers(-128, 0))
        weights, table = self._numbers(op, source, channels, kernel)
        self.layers.append(
            Layer(
                op=op, name=op.name, input=source, output=output, kernel=kernel, stride=stride, padding=padding,
                input_quantization=Quantization(
                    scale=0.1, zero_point=-128 if op is Op.MAX_POOL else int(rng.integers(-128, 128))
                ),
                output_quantization=Quantization(scale=0.1, zero_point=int(rng.integers(-128, 128))),
                clamp=(low, int(rng.integers(low + 1, 128))) if rng.random() < 0.3 else (-128, 127),
                weights=weights, channels=table, sources=sources, **fields,
            )
        )  # fmt: skip
        return len(self.layers) - 1

    def _numbers(self, op: Op, source: Shape, channels: int, kernel: tuple[int, int]) -> tuple[Any, Any]:
        rng = self.rng
        shapes = {
            Op.CONV: (channels, *kernel, source.channels),
            Op.POINTWISE: (channels, *kernel, source.channels),
            Op.DEPTHWISE: (*kernel, channels),
            Op.DENSE: (channels, source.size),
            Op.LOOKUP: (int(rng.choice([1, source.channels])), 256),
        }
        if op is Op.ADD:
            halves = [(int(rng.integers(-127, 129)), *quantize_multiplier(rng.uniform(0.1, 0.9))) for _ in range(2)]
            return None, np.array([*halves, (0, *quantize_multiplier(rng.uniform(0.5, 2) / 2**20))], np.int32)
        if op is Op.MEAN:
            multiplier = quantize_multiplier(rng.uniform(0.2, 2.0) / (kernel[0] * kernel[1]))
            return None, np.array([(int(rng.integers(-999, 999)), *multiplier)], np.int32)
        if op not in shapes:
            return None, None
        weights = rng.integers(-127, 128, shapes[op]).astype(np.int8)
        if op is Op.LOOKUP:
            return weights, None
        products = weights.size / channels
        scales = rng.uniform(0.4, 1.6, channels) / (70 * np.sqrt(products))
        rows = [(int(rng.normal(0, 70 * 60 * np.sqrt(products))), *quantize_multiplier(scale)) for scale in scales]
        return weights, np.array(rows, np.int32)

    def edges(self, kernel: int, dilation: int = 1) -> tuple[int, int]:
        """Return padding in time that keeps the number of rows."""
        total = (kernel - 1) * dilation
        return (total, 0) if self.streaming else (total // 2, total - total // 2)

    def same(self, source: int, stride: tuple[int, int]) -> int:
        """Add a convolution whose rows go on as those of any other such layer with this stride."""
        rng, kernel = self.rng, (int(self.rng.integers(1, 5)), int(self.rng.integers(1, 4)))
        dilation = int(rng.integers(1, 4))
        padding = (*self.edges(kernel[0], dilation), (kernel[1] - 1) // 2, kernel[1] // 2)
        channels = self.shape(source).channels
        options: dict[str, Any] = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        if rng.random() < 0.5:
            return self.add(Op.DEPTHWISE, (source,), channels=channels * int(rng.integers(1, 3)), **options)
        return self.add(Op.CONV, (source,), channels=int(rng.integers(1, 9)), **options)

    def plain(self, source: int) -> int:
        """Add a layer that changes the shape."""
        rng, shape = self.rng, self.shape(source)
        op = Op(rng.choice([Op.CONV, Op.DEPTHWISE, Op.MAX_POOL, Op.AVERAGE_POOL, Op.LOOKUP, Op.POINTWISE, Op.SLICE]))
        if op is Op.SLICE:
            first = int(rng.integers(0, shape.channels))
            channels = int(rng.integers(1, shape.channels - first + 1))
            skip = int(rng.integers(0, min(3, shape.height)))
            cut = int(rng.integers(0, min(3, shape.height - skip))) * (not self.streaming)
            return self.add(op, (source,), channels=channels, first_channel=first, skip_rows=skip, cut_rows=cut)
        if op in (Op.LOOKUP, Op.POINTWISE):
            return self.add(op, (source,), channels=shape.channels if op is Op.LOOKUP else int(rng.integers(1, 9)))
        kernel = (int(rng.integers(1, min(4, shape.height) + 1)), int(rng.integers(1, min(4, shape.width) + 1)))
        top = int(rng.integers(0, kernel[0])) if op is not Op.AVERAGE_POOL or not self.streaming else 0
        padding = (top, 0 if self.streaming else int(rng.integers(0, kernel[0])), int(rng.integers(0, kernel[1])), 0)
        stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
        channels = int(rng.integers(1, 9)) if op is Op.CONV else shape.channels
        return self.add(op, (source,), kernel=kernel, stride=stride, padding=padding, channels=channels)

    def fork(self, source: int) -> int:
        """Add two or three branches of any depth and join them."""
        rng = self.rng
        stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
        if self.shape(source).height < 6:
            stride = (1, 1)
        if self.shape(source).height > 5 and rng.random() < 0.3:
            return self.cropped_fork(source)
        ends = [self.branch(source, stride) for _ in range(int(rng.integers(2, 4)))]
        end = ends[0]
        for other in ends[1:]:
            if self.shape(end).channels != self.shape(other).channels or rng.random() < 0.3:
                end = self.add(Op.CONCAT, (end, other), channels=self.shape(end).channels + self.shape(other).channels)
            else:
                end = self.add(Op.ADD, (end, other))
        return end

    def cropped_fork(self, source: int) -> int:
        """Add a convolution without padding in time and, around it, the rows in the middle: a residual that waits."""
        rng, shape = self.rng, self.shape(source)
        rows = int(rng.integers(2, 5))
        first = int(rng.integers(0, rows))
        main = self.add(Op.CONV, (source,), kernel=(rows, 1), channels=shape.channels)
        around = self.add(Op.SLICE, (source,), skip_rows=first, cut_rows=rows - 1 - first)
        return self.add(Op.ADD, (main, around) if rng.random() < 0.5 else (around, main))

    def branch(self, source: int, stride: tuple[int, int]) -> int:
        if stride == (1, 1) and self.rng.random() < 0.3:
            return source
        end = self.same(source, stride)
        for _ in range(int(self.rng.integers(0, 3))):
            end = self.same(end, (1, 1))
        if self.rng.random() < 0.5:  # so that additions happen
            end = self.add(Op.POINTWISE, (end,), channels=self.shape(source).channels)
        return end


def random_graph(seed: int, *, streaming: bool) -> Network:
    """Return a network of a few plain layers and forks, a global average or not, and a dense layer."""
    rng = np.random.default_rng(seed)
    first = Shape(height=int(rng.integers(8, 30)), width=int(rng.integers(1, 7)), channels=int(rng.integers(1, 4)))
    maker, end = GraphMaker(rng, first, streaming), FRAMES
    for _ in range(int(rng.integers(1, 4))):
        end = maker.fork(end) if rng.random() < 0.6 else maker.plain(end)
    shape = maker.shape(end)
    if rng.random() < 0.4:
        end = maker.add(Op.MEAN, (end,), kernel=(shape.height, shape.width))
        shape = maker.shape(end)
    maker.add(Op.DENSE, (end,), kernel=(shape.height, 1), channels=int(rng.integers(2, 8)))
    flat = Shape(height=shape.height, width=1, channels=shape.width * shape.channels)
    dense = maker.layers[-1]
    logits = Shape(height=1, width=1, channels=dense.output.channels)
    maker.layers[-1] = dataclasses.replace(dense, input=flat, output=logits)
    return Network(
        window_frames=first.height, num_features=first.width * first.channels, num_labels=logits.channels,
        input_quantization=Quantization(scale=1.0, zero_point=0), layers=tuple(maker.layers),
    )  # fmt: skip


def graph_bundle(seed: int, *, streaming: bool) -> Bundle:
    """Return a whole spotter around a graph, with frames so short that 2000 samples make dozens of them."""
    network = random_graph(seed, streaming=streaming)
    features = FeaturesConfig(window_samples=64, hop_samples=40, fft_length=128, num_mel_bands=20, mel_high_hz=7000.0,
                              num_coefficients=network.num_features)  # fmt: skip
    labels = [f"label {index}" for index in range(network.num_labels)]
    point = OperatingPoint(thresholds=(140,) * network.num_labels)
    decision = DecisionConfig(operating_points=(point,), refractory_frames=9)
    return Bundle.build(features=features, model_section=model_section(network), labels=labels, decision=decision)
