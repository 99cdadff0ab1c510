# SPDX-License-Identifier: Apache-2.0
"""Rescaling constants: TFLite's roundings, zero point and clamp as one multiplication.

The kernels for Armv7E-M turn an accumulator into an output with (``firmware/core/nn/layout.h``)

    output = saturate_int8(((256 * accumulator + start) * multiplier >> 32) >> KWS_NN_RESCALE_SHIFT)

which is a line rounded down. TFLite's arithmetic is another one wherever its roundings all go the same way. Both are
steps that rise with the accumulator, so they are equal for *every* accumulator as soon as their 255 steps are at the
same places. :func:`rescaling_constants` looks for a start and a multiplier that achieve it, and returns None rather
than constants that are wrong once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from kws.core import lib
from kws.importer.arithmetic import requantize_once, requantize_twice
from kws.importer.network import Layer, Op

Int64Array = npt.NDArray[np.int64]
ONE = 256
"""Of an accumulator: its fraction bits make ``start`` fine enough."""
SHIFT = 32 + int(lib.KWS_NN_RESCALE_SHIFT)
STEPS = np.arange(-127, 128, dtype=np.int64)
"""Outputs above a step."""
INT32 = np.iinfo(np.int32)
WILD_BIAS = 1 << 22
FAR = np.int64(1) << 60
STEEPEST = 2.0 ** (31 - SHIFT) * ONE
"""Outputs per accumulator that no int32 multiplier reaches."""
LIKELY = 8
"""Candidates that are tried before all others: one of them does for nearly every channel."""


def rescaling_constants(layer: Layer) -> npt.NDArray[np.int32] | None:
    """Return start (with the bias in it) and multiplier per channel, int32 [channels, 2].

    Parameters
    ----------
    layer : Layer
        With weights.

    Returns
    -------
    array, or None
        None when a channel has no constants that reproduce TFLite for every accumulator.
    """
    pairs = []
    for pair in channel_constants(layer):
        if pair is None:
            return None
        pairs.append(pair)
    constants = np.array(pairs, np.int64)
    if np.abs(constants).max() > INT32.max:
        return None
    return constants.astype(np.int32)


def channel_constants(layer: Layer) -> Iterator[tuple[int, int] | None]:
    """Yield start (with the bias in it) and multiplier of each channel, None where there are none."""
    assert layer.channels is not None
    lowest, highest = accumulator_range(layer)
    for (bias, multiplier, shift), low, high in zip(layer.channels.tolist(), lowest, highest, strict=True):
        if layer.op is not Op.DENSE and shift > 0:
            yield None  # TFLite shifts such accumulators to the left and lets them wrap: no steps that rise
            continue
        step = _output(layer, multiplier, shift)
        pair = find_constants(step, multiplier * 2.0 ** (shift - 31), int(low), int(high))
        yield pair and (pair[0] + ONE * bias, pair[1])


def settle_dead_channels(layer: Layer) -> Layer:
    """Return the layer with tame numbers in channels whose output never changes; the same bits.

    Converters give a channel that training has killed a scale near zero and a bias of up to 2**30, which no fast layout
    can hold.
    """
    assert layer.weights is not None
    assert layer.channels is not None
    lowest, highest = accumulator_range(layer)
    wild = np.abs(layer.channels[:, 0].astype(np.int64)) > WILD_BIAS
    weights, table = layer.weights.copy(), layer.channels.copy()
    for index in np.flatnonzero(wild):
        multiplier, shift = int(table[index, 1]), int(table[index, 2])
        ends = np.array([lowest[index], highest[index]])
        low, high = _output(layer, multiplier, shift)(ends).tolist() if shift <= 0 else (0, 1)
        if low == high:
            table[index] = (256 * (low - layer.output_quantization.zero_point), 1 << 30, -7)  # times 2**-8
            weights[(..., index) if layer.op is Op.DEPTHWISE else index] = 0
    return dataclasses.replace(layer, weights=weights, channels=table) if wild.any() else layer


def accumulator_range(layer: Layer) -> tuple[Int64Array, Int64Array]:
    """Return the lowest and the highest accumulator of each channel over all int8 inputs, bias included."""
    assert layer.weights is not None
    assert layer.channels is not None
    weights = layer.weights.astype(np.int64)
    depthwise = layer.op is Op.DEPTHWISE
    rows = weights.reshape(-1, weights.shape[-1]).T if depthwise else weights.reshape(len(weights), -1)
    ends = np.stack([-128 * rows, 127 * rows])
    bias = layer.channels[:, 0].astype(np.int64)
    return bias + ends.min(axis=0).sum(axis=1), bias + ends.max(axis=0).sum(axis=1)


def find_constants(
    step: Callable[[Int64Array], Int64Array], slope: float, lowest: int, highest: int
) -> tuple[int, int] | None:
    """Return ``(start, multiplier)`` that give what ``step`` gives, for every accumulator in a range.

    Parameters
    ----------
    step : callable
        What has to be reproduced: int8 outputs that never fall as the accumulator rises.
    slope : float
        Outputs per accumulator: where to look.
    lowest, highest : int
        Of the accumulators that can occur, bias included. ``start`` is without it.
    """
    first = _first_at_or_above_each_step(step, lowest, highest)[:, np.newaxis]
    candidates = _candidates(slope, lowest, highest)
    for multipliers in (candidates[:LIKELY], candidates[LIKELY:]):
        # 256 * accumulator + start must reach these numbers where the output is to reach the step, and no earlier.
        needed = -((-STEPS[:, np.newaxis] << SHIFT) // multipliers)
        least = np.where(first <= highest, needed - ONE * first, -FAR).max(axis=0)
        most = np.where(first > lowest, needed - 1 - ONE * (first - 1), FAR).min(axis=0)
        least = np.maximum(least, INT32.min - ONE * lowest)
        most = np.minimum(most, INT32.max - ONE * highest)
        found = np.flatnonzero(least <= most)
        if len(found):
            best = found[0]
            return int(least[best] + most[best]) // 2, int(multipliers[best])
    return None


def _first_at_or_above_each_step(step: Callable[[Int64Array], Int64Array], lowest: int, highest: int) -> Int64Array:
    """Return, for each step, the first accumulator whose output reaches it; ``highest + 1`` when none does."""
    below = np.full(len(STEPS), lowest - 1, np.int64)
    reached = np.full(len(STEPS), highest + 1, np.int64)
    while np.any(reached - below > 1):
        middle = (below + reached) // 2
        up = step(middle) >= STEPS
        reached, below = np.where(up, middle, reached), np.where(up, below, middle)
    return reached


def _candidates(slope: float, lowest: int, highest: int) -> Int64Array:
    """Return multipliers worth trying, the likeliest first.

    Next to the slope's own, those of lines that end up to one accumulator higher or lower; and steep ones, for channels
    that reach few outputs.
    """
    nominal = min(round(slope * 2.0**SHIFT / ONE), int(INT32.max))  # a file may say any scale
    nearby = np.arange(-64, 65)
    span = max(1, nominal // max(1, min(highest - lowest, round(255 / slope)))) if slope > 0 else 1
    spread = np.linspace(-span, span, 257).astype(np.int64)
    offsets = np.concatenate([nearby[np.argsort(np.abs(nearby), kind="stable")], spread])
    steep = np.int64(1) << np.arange(20, 31)
    multipliers = np.concatenate([nominal + offsets, steep])
    return multipliers[(multipliers > 0) & (multipliers <= INT32.max)]


def _output(layer: Layer, multiplier: int, shift: int) -> Callable[[Int64Array], Int64Array]:
    """Return the outputs of a channel as TFLite computes them."""
    rescale = requantize_once if layer.op is Op.DENSE else requantize_twice

    def step(accumulators: Int64Array) -> Int64Array:
        scaled = rescale(accumulators, multiplier, shift)
        return np.clip(scaled + layer.output_quantization.zero_point, *layer.clamp)

    return step
