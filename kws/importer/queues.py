# SPDX-License-Identifier: Apache-2.0
"""How many rows wait at each join: found by letting rows flow through the graph as the engine does, without values."""

from __future__ import annotations

from kws.importer.network import FRAMES, JOINS, Layer, Network, Op

Pair = tuple[int, int]


class _Flow:
    """The engine of ``firmware/core/kws_model_rows.c`` with row counters in place of rows."""

    def __init__(self, network: Network, *, streaming: bool) -> None:
        self.network = network
        self.until_output = [_first_wait(layer) for layer in network.layers]
        self.made = [0] * len(network.layers)
        self.streaming = streaming
        self.waiting = {i: [0, 0] for i, layer in enumerate(network.layers) if layer.op in JOINS}
        self.most = {index: [0, 0] for index in self.waiting}
        self.left_over = {index: [False, False] for index in self.waiting}

    def feed(self, start: int, *, padding: bool) -> bool:
        """Run one pass from the layer that gets a row; True when the last layer made one."""
        fresh = [False] * len(self.network.layers)
        for index in range(start, len(fresh)):
            arrived = [
                fresh[source] if source != FRAMES else not padding for source in self.network.sources(index)
            ]  # fmt: skip
            if index in self.waiting:
                fresh[index] = self._join(index, arrived)
            elif arrived[0] or (padding and index == start):
                fresh[index] = self._step(index)
        return fresh[-1]

    def _step(self, index: int) -> bool:
        layer = self.network.layers[index]
        if layer.op is Op.SLICE and not self.streaming and self.made[index] >= layer.output.height:
            return False
        self.until_output[index] -= 1
        if self.until_output[index] > 0:
            return False
        self.until_output[index] = layer.stride[0]
        self.made[index] += 1
        return True

    def _join(self, index: int, arrived: list[bool]) -> bool:
        waiting, most = self.waiting[index], self.most[index]
        for port in (0, 1):
            waiting[port] += arrived[port]
            most[port] = max(most[port], waiting[port])
        fires = min(waiting) > 0
        for port in (0, 1):
            waiting[port] -= fires
            self.left_over[index][port] |= waiting[port] > 0
        return fires


def _first_wait(layer: Layer) -> int:
    return (layer.kernel[0] - 1) * layer.dilation + 1 - layer.padding[0] + layer.skip_rows


def queue_rows(network: Network, *, streaming: bool) -> dict[int, Pair]:
    """Return, for each join, the rows that wait at its two inputs; 0 where none ever does."""
    flow = _Flow(network, streaming=streaming)
    if not flow.waiting:
        return {}
    for _ in range(network.window_frames + (2 * network.time_stride if streaming else 0)):
        if flow.feed(0, padding=False) and not streaming:
            break
    else:
        _finish(flow)
    pairs = {}
    for index, most in flow.most.items():
        first, second = (rows if kept else 0 for rows, kept in zip(most, flow.left_over[index], strict=True))
        pairs[index] = (first, second)
    return pairs


def _finish(flow: _Flow) -> None:
    """Feed the padding below each layer, until the output is there."""
    for index, layer in enumerate(flow.network.layers):
        for _ in range(layer.padding[1]):
            if flow.feed(index, padding=True):
                return
