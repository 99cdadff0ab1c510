# SPDX-License-Identifier: Apache-2.0
"""Variables of a streaming TFLite model -> padding above, which is what our rings hold after a reset.

microWakeWord (and Google's ``kws_streaming``, which it comes from) writes a network that carries its past in variables:
each convolution over time reads ``concat(variable, new rows)``, and the last rows of that go back into the variable. An
initialisation subgraph fills them. That is a ring of the last rows, which every layer of our engine has anyway, so here
the variables go and a pseudo-operator ``STATE`` stays, which says how many rows lie above the new ones.

Depthwise convolutions of several kernel sizes side by side (MixConv: split, keep the last rows, convolve, concatenate)
become one, with zero weights where the shorter kernels do not reach: the same sums.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from kws.errors import ImportModelError
from kws.importer.flatbuffer import Graph, Operator, Tensor, variable_name
from kws.importer.network import Layer
from kws.importer.walk import MAX_KERNEL, Walk, quantization_of, require_int8

STATE = "STATE"
"""Of a pseudo-operator: its output is its input below ``options`` rows of the past."""
TIME_AXIS = 1
PLUMBING = frozenset({"CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"})


def without_variables(graph: Graph) -> Graph:
    """Return the graph with its variables turned into ``STATE`` operators; a graph without any as it is.

    Raises
    ------
    ImportModelError
        If a variable is used in another way, or starts with anything but zeros (the zero point).
    """
    if not any(operator.name in PLUMBING for operator in graph.operators):
        return graph
    return _Rewriting(graph).result()


class _Rewriting:
    """The graph while it is taken apart."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = list(graph.tensors)
        self.producer = {output: operator for operator in graph.operators for output in operator.outputs}
        self.readers: dict[int, list[Operator]] = {}
        for operator in graph.operators:
            for index in operator.inputs:
                self.readers.setdefault(index, []).append(operator)
        self.gone: set[int] = {id(operator) for operator in graph.operators if operator.name in PLUMBING}
        self.instead: dict[int, Operator] = {}

    def result(self) -> Graph:
        assigned = {self._variable(operator) for operator in self._named("ASSIGN_VARIABLE")}
        for operator in self._named("CONCATENATION"):
            if self._made_by(operator.inputs[0]) == "READ_VARIABLE":
                assigned.discard(self._state(operator))
        if assigned:
            raise ImportModelError(f"variable '{sorted(assigned)[0]}' is not the past rows of a layer; {_EXPECTED}")
        for operator in self._named("SPLIT_V") + self._named("SPLIT"):
            self._mixed(operator)
        kept = [self.instead.get(id(operator), operator) for operator in self.graph.operators]
        kept = [operator for operator in kept if id(operator) not in self.gone]
        return dataclasses.replace(self.graph, tensors=tuple(self.tensors), operators=tuple(kept))

    def _named(self, name: str) -> list[Operator]:
        return [operator for operator in self.graph.operators if operator.name == name]

    def _made_by(self, tensor: int) -> str:
        return self.producer[tensor].name if tensor in self.producer else ""

    def _variable(self, operator: Operator) -> str:
        """Return the name of the variable that an operator reads or writes."""
        handle = self.producer.get(operator.inputs[0])
        if handle is None or handle.name != "VAR_HANDLE":
            raise ImportModelError(f"{operator.name} without a VAR_HANDLE; {_EXPECTED}")
        return variable_name(handle)

    def _state(self, join: Operator) -> str:
        """Turn ``concat(variable, new rows)`` into a ``STATE``; return the variable's name."""
        name = self._variable(self.producer[join.inputs[0]])
        past, new, whole = (self.tensors[index] for index in (*join.inputs[:2], join.outputs[0]))
        num_rows = past.shape[TIME_AXIS]
        fits = len(join.inputs) == 2 and whole.shape[TIME_AXIS] == num_rows + new.shape[TIME_AXIS]
        if not fits or not quantization_of(past) == quantization_of(new) == quantization_of(whole):
            raise ImportModelError(f"variable '{name}' is not joined to new rows of the same kind; {_EXPECTED}")
        self._check_start(name, whole)
        self._drop_update(name, join.outputs[0], num_rows)
        self.instead[id(join)] = Operator(name=STATE, inputs=join.inputs[1:2], outputs=join.outputs, options=num_rows)
        return name

    def _check_start(self, name: str, whole: Tensor) -> None:
        start = self.graph.initial.get(name)
        if start is None or start.data is None:
            raise ImportModelError(f"variable '{name}' has no constant to start from; {_EXPECTED}")
        if np.any(start.data != quantization_of(whole).zero_point):
            raise ImportModelError(f"variable '{name}' does not start as zeros; only silence can lie before the start")

    def _drop_update(self, name: str, whole: int, num_rows: int) -> None:
        """Take out the slice of the last rows that is written back."""
        for reader in self.readers.get(whole, []):
            kept = self._last_rows(reader)
            if kept != num_rows:
                continue
            uses = self.readers.get(reader.outputs[0], [])
            if len(uses) == 1 and uses[0].name == "ASSIGN_VARIABLE" and self._variable(uses[0]) == name:
                self.gone.add(id(reader))
                return
        raise ImportModelError(f"variable '{name}' is not given the last {num_rows} rows; {_EXPECTED}")

    def _last_rows(self, operator: Operator) -> int | None:
        """Return how many of its last rows a slice keeps; None for any other operator."""
        if operator.name != "STRIDED_SLICE":
            return None
        source, result = self.tensors[operator.inputs[0]], self.tensors[operator.outputs[0]]
        begin, _end, steps = (self.tensors[index].data for index in operator.inputs[1:4])
        rows = result.shape[TIME_AXIS] if len(result.shape) == len(source.shape) == 4 else 0
        same = source.shape[2:] == result.shape[2:]
        if begin is None or steps is None or not same or np.any(steps != 1):
            return None
        starts = begin[TIME_AXIS] in (-rows, source.shape[TIME_AXIS] - rows)
        return rows if starts and not np.any(np.delete(begin, TIME_AXIS)) else None

    def _mixed(self, split: Operator) -> None:
        """Turn parallel depthwise convolutions of one tensor's channels into one, if that is what follows."""
        whole = split.inputs[0] if split.name == "SPLIT_V" else split.inputs[1]
        branches, joined = [], set()
        for output in split.outputs:
            (reader,) = self.readers.get(output, [None]) if len(self.readers.get(output, [])) == 1 else (None,)
            if reader is not None and self._last_rows(reader) is not None:
                self.gone.add(id(reader))
                uses = self.readers.get(reader.outputs[0], [])
                reader = uses[0] if len(uses) == 1 else None
            if reader is None or reader.name != "DEPTHWISE_CONV_2D":
                raise ImportModelError(f"{split.name} is not followed by depthwise convolutions; {_EXPECTED}")
            branches.append(reader)
            joined |= {id(use) for use in self.readers.get(reader.outputs[0], [])}
        joins = [operator for operator in self._named("CONCATENATION") if id(operator) in joined]
        if len(joined) != 1 or joins[0].inputs != tuple(branch.outputs[0] for branch in branches):
            raise ImportModelError(f"convolutions behind {split.name} are not joined in their order; {_EXPECTED}")
        self.gone |= {id(split), *(id(branch) for branch in branches)}
        self.instead[id(joins[0])] = self._one_depthwise(whole, branches, joins[0])

    def _one_depthwise(self, whole: int, branches: list[Operator], join: Operator) -> Operator:
        rows = self.tensors[whole].shape[TIME_AXIS]
        output = quantization_of(self.tensors[join.outputs[0]])
        weights, biases, scales = [], [], []
        for branch in branches:
            if len(branch.inputs) < 3 or min(branch.inputs) < 0:
                raise ImportModelError(f"a parallel depthwise convolution without a bias; {_EXPECTED}")
            part, kernel, bias = (self.tensors[index] for index in branch.inputs[:3])
            require_int8(kernel, "depthwise weights")
            alike = quantization_of(self.tensors[branch.outputs[0]]) == output and _same_options(branch, branches[0])
            if (
                kernel.data is None
                or bias.data is None
                or not alike
                or (kernel.shape[TIME_AXIS], kernel.shape[-1]) != (part.shape[TIME_AXIS], part.shape[-1])
                or not kernel.shape[TIME_AXIS] <= rows <= MAX_KERNEL
            ):
                raise ImportModelError(f"parallel depthwise convolutions that differ in kind; {_EXPECTED}")
            weights.append(np.pad(kernel.data, ((0, 0), (rows - kernel.shape[TIME_AXIS], 0), (0, 0), (0, 0))))
            biases.append(bias.data)
            scales.append(np.broadcast_to(kernel.scales, kernel.shape[3:]))
        data = np.concatenate(weights, axis=3)
        inputs = (
            whole,
            self._new_tensor(branches[0].inputs[1], data, np.concatenate(scales)),
            self._new_tensor(branches[0].inputs[2], np.concatenate(biases), None),
        )
        return Operator(name="DEPTHWISE_CONV_2D", inputs=inputs, outputs=join.outputs, options=branches[0].options)

    def _new_tensor(self, like: int, data: np.ndarray, scales: np.ndarray | None) -> int:
        source = self.tensors[like]
        scales = source.scales if scales is None else scales.astype(np.float32)
        zeros = np.zeros(len(scales), np.int64)
        self.tensors.append(dataclasses.replace(source, shape=data.shape, data=data, scales=scales, zero_points=zeros))
        return len(self.tensors) - 1


def take_state(walk: Walk, operator: Operator) -> None:
    """Remember that the rows of an activation are the last of more: converters see all of them as new."""
    view = walk.view(operator)
    if view.swapped or view.past_rows or any(view.padding):
        raise ImportModelError(f"a variable where time is not the first axis, or padded; {_EXPECTED}")
    height = view.shape.height + operator.options
    walk.views[operator.outputs[0]] = dataclasses.replace(
        view, shape=dataclasses.replace(view.shape, height=height), past_rows=operator.options
    )


def frames_seen(layers: Sequence[Layer]) -> int:
    """Return how many frames an output row of a chain depends on, through all kernels."""
    rows = 1
    for layer in reversed(layers):
        rows = (rows - 1) * layer.stride[0] + layer.kernel[0]
    return rows


def _same_options(one: Operator, other: Operator) -> bool:
    names = ("StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "Padding", "FusedActivationFunction")
    valid = one.options.Padding() == 1
    return valid and all(getattr(one.options, name)() == getattr(other.options, name)() for name in names)


_EXPECTED = "expected the streaming networks that microWakeWord and kws_streaming write"
