# SPDX-License-Identifier: Apache-2.0
"""What need not be computed: layers nobody reads, and what a strided 1 x 1 convolution skips.

TensorFlow has no depthwise convolution with unequal strides, so networks stride in the 1 x 1 convolution behind it. The
stride moves into the layer before, which then makes only the rows and columns that are read, each with the bits it had.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from kws.importer.network import FRAMES, Layer, Op

SLIDING = (Op.CONV, Op.POINTWISE, Op.DEPTHWISE)
MAX_STRIDE = 255


def without_unread(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers that the last one depends on: a SPLIT makes parts that nobody may read."""
    sources = [layer.sources or (index - 1,) for index, layer in enumerate(layers)]
    read = {len(layers) - 1}
    for index in range(len(layers) - 1, -1, -1):
        if index in read:
            read.update(sources[index])
    kept = sorted(read - {FRAMES})
    places = {FRAMES: FRAMES, **{old: new for new, old in enumerate(kept)}}
    moved = [(layers[old], tuple(places[source] for source in sources[old])) for old in kept]
    return [
        dataclasses.replace(layer, sources=() if reads == (index - 1,) else reads)
        for index, (layer, reads) in enumerate(moved)
    ]


def fold_strides(layers: Sequence[Layer]) -> list[Layer]:
    """Return the same network without strided 1 x 1 convolutions, but where others read the layer before too."""
    folded = list(layers)
    readers = [0] * len(folded)
    for index, layer in enumerate(folded):
        for source in layer.sources or (index - 1,):
            if source >= 0:
                readers[source] += 1
    for index in range(len(folded) - 1, 0, -1):
        layer = folded[index]
        source = (layer.sources or (index - 1,))[0]
        if source < 0 or readers[source] != 1:
            continue
        before = folded[source]
        stride = (before.stride[0] * layer.stride[0], before.stride[1] * layer.stride[1])
        if _skips(layer) and before.op in SLIDING and before.output == layer.input and max(stride) <= MAX_STRIDE:
            kept = dataclasses.replace(before.output, height=layer.output.height, width=layer.output.width)
            op = before.op if before.op is Op.DEPTHWISE else Op.CONV
            folded[source] = dataclasses.replace(before, op=op, stride=stride, output=kept, kept=layer.stride)
            folded[index] = dataclasses.replace(layer, op=Op.POINTWISE, stride=(1, 1), input=kept)
    return folded


def _skips(layer: Layer) -> bool:
    unit = layer.kernel == (1, 1) and not any(layer.padding)
    return layer.op is Op.CONV and unit and layer.stride != (1, 1)
