# SPDX-License-Identifier: Apache-2.0
"""Random .tflite graphs of operators that only move values, used in every way the file format allows.

Most of them cannot run row by row. None may be imported and then be wrong: slices of any axis, joins along any axis and
of shapes that are broadcast, reshapes that mix time steps, padding before anything, blocks with any edges.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from tflite_writer import Value, Writer, schema


@dataclasses.dataclass
class _Maker:
    """A graph in the making."""

    writer: Writer
    made: list[Value]
    """Everything so far: any of it may be read again."""

    def number(self, low: int, high: int) -> int:
        return int(self.writer.rng.integers(low, high))

    def one_of(self, *items: object) -> object:
        return items[self.number(0, len(items))]

    def like(self, source: Value, shape: tuple[int, ...]) -> Value:
        return self.writer.value(shape, scale=source.scale, zero_point=source.zero_point)

    def conv(self, source: Value) -> Value:
        if len(source.shape) == 3:
            source = self.writer.reshape(source, (1, 1, *source.shape[1:]))
        _, height, width, _ = source.shape
        kernel = (self.number(1, min(height, 4) + 1), self.number(1, min(width, 4) + 1))
        stride = (self.number(1, 3), self.number(1, 3))
        return self.writer.conv(source, self.number(1, 6), kernel, stride, same=bool(self.one_of(False, True)))

    def pool(self, source: Value) -> Value:
        _, height, width, _ = source.shape
        size = (self.number(1, height + 1), self.number(1, width + 1))
        return self.writer.pool(source, size, size, kind=str(self.one_of("AVERAGE", "MAX")))

    def mean(self, source: Value) -> Value:
        axes = [(1,), (2,), (1, 2)][self.number(0, 3)]
        return self.writer.mean(source, axes[: len(source.shape) - 1], keep=bool(self.one_of(False, True)))

    def reshape(self, source: Value) -> Value:
        _, height, width, channels = source.shape
        shapes = [(height, width * channels), (1, height, width * channels), (height * width, channels),
                  (width, height, channels), (height, channels, width), (height * width * channels,)]  # fmt: skip
        return self.writer.reshape(source, (1, *shapes[self.number(0, len(shapes))]))

    def cut(self, source: Value) -> Value:
        begin, end = [0], [1]
        for length in source.shape[1:]:
            whole = self.one_of(False, True)
            begin.append(0 if whole else self.number(0, length))
            end.append(length if whole else self.number(begin[-1] + 1, length + 1))
        return self.writer.cut(source, begin, end, offset=self.number(0, 9) == 0)

    def pad(self, source: Value) -> Value:
        amounts = np.zeros((len(source.shape), 2), int)
        amounts[1:-1] = self.writer.rng.integers(0, 2, (len(amounts) - 2, 2))
        shape = tuple(n + int(edges.sum()) for n, edges in zip(source.shape, amounts, strict=True))
        target = self.like(source, shape)
        operands = [source.index, self.writer.constant(amounts)]
        self.writer.operator("PAD", operands, [target.index], schema.PadOptionsT())
        return target

    def blocks(self, source: Value) -> Value:
        count = self.number(2, 4)
        kernel = self.number(1, source.shape[1] // count + 1)
        return self.writer.dilated(source, self.number(1, 5), kernel, count, same=self.number(0, 4) == 0)

    def join(self, source: Value) -> Value:
        other = self.made[self.number(0, len(self.made))]
        pair = [source, other] if self.one_of(False, True) else [other, source]
        if self.one_of(False, True):
            return self.writer.add(*pair, shape=np.broadcast_shapes(source.shape, other.shape))
        axis = self.number(1, len(source.shape))
        if np.delete(source.shape, axis).tolist() != np.delete(other.shape, axis).tolist():
            raise ValueError("nothing to join")
        first = pair[0]
        return self.writer.concat(
            [self.writer.requantize(part, first.scale, first.zero_point) for part in pair], axis=axis
        )


def random_idiom_model(seed: int) -> bytes:
    """Return a graph of one to five operators, with a dense layer behind them.

    TFLite itself refuses a few.
    """
    writer = Writer(np.random.default_rng(seed))
    value = writer.source((1, 6 * int(writer.rng.integers(1, 4)), int(writer.rng.integers(1, 7)), 2))
    maker = _Maker(writer, [value])
    steps = [maker.conv, maker.conv, maker.pool, maker.mean, maker.reshape, maker.cut, maker.cut, maker.pad,
             maker.blocks, maker.join, maker.join]  # fmt: skip
    for _ in range(int(writer.rng.integers(1, 6))):
        marks = len(writer.operators)
        try:
            value = steps[maker.number(0, len(steps))](value)
        except (ValueError, IndexError, ZeroDivisionError):  # not for a value of this shape
            del writer.operators[marks:]
            continue
        maker.made.append(value)
    return writer.finish(writer.softmax(writer.dense(value, 4)))
