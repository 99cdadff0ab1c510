# SPDX-License-Identifier: Apache-2.0
"""What the last values of a model are: posteriors already, logits that lack their softmax, or neither."""

from __future__ import annotations

from collections.abc import Set

from kws.errors import ImportModelError
from kws.importer import tables
from kws.importer.flatbuffer import ACTIVATION_NAMES, Graph, Operator
from kws.importer.network import Layer, Op, Shape
from kws.importer.operators import softmax_layer
from kws.importer.walk import View, Walk

POSTERIORS, LOGITS = "posteriors", "logits"
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN")
SUMS = ("ADD", "SUB", "MUL")
FUNCTIONS = (*set(tables.FUNCTIONS) - {"QUANTIZE"}, "LEAKY_RELU")


def end_in_posteriors(walk: Walk, view: View) -> None:
    """Give logits at the end the activation they are meant for, and posteriors of another scale steps of 1/256.

    Raises
    ------
    ImportModelError
        If it ends in neither.
    """
    last = walk.layers[-1]
    source = last.output_quantization
    if last.op is Op.SOFTMAX or source == tables.UNIT:
        return
    shape = Shape(height=1, width=1, channels=last.output.width * last.output.channels)
    fields = {"name": "posteriors", "input_quantization": source, "output_quantization": tables.UNIT,
              "clamp": (-128, 127)}  # fmt: skip
    layer: Layer
    kind = _ending(walk.graph)
    if kind == POSTERIORS:
        layer = tables.lookup_layer(shape, tables.rescaled(source, tables.UNIT)[None], **fields)
        walk.notes.append(f"the posteriors had steps of {source.scale:.4g}: they were rescaled to 1/256")
    elif kind != LOGITS:
        raise ImportModelError(f"the model ends in {kind}; expected a softmax, sigmoids, or logits without activation")
    elif shape.channels == 1:
        layer = tables.lookup_layer(shape, tables.sigmoid(source, tables.UNIT)[None], **fields)
        walk.notes.append("the model ends in logits: a sigmoid was added, so that posteriors are 0 .. 1")
    else:
        layer = softmax_layer(shape, 1.0, **fields)
        walk.notes.append("the model ends in logits: a softmax was added, so that posteriors are 0 .. 1")
    walk.append(layer, view)


def _ending(graph: Graph) -> str:
    """Return ``POSTERIORS``, ``LOGITS`` or what else the output is."""
    kinds = {graph.input_index: LOGITS}
    for operator in graph.operators:
        read = {kinds[index] for index in operator.inputs if index in kinds}
        kinds.update(dict.fromkeys(operator.outputs, _kind(operator, read)))
    return kinds[graph.output_index]


def _kind(operator: Operator, read: Set[str]) -> str:
    if operator.name in ("SOFTMAX", "LOGISTIC"):
        return POSTERIORS
    if operator.name in FUNCTIONS:
        return operator.name
    if operator.name in (*WEIGHTED, *SUMS):
        activation = ACTIVATION_NAMES.get(operator.options.FusedActivationFunction(), "")
        if activation != "NONE" or (operator.name in SUMS and read != {LOGITS}):
            return operator.name if activation == "NONE" else activation
        return LOGITS
    if operator.name in POOLS and POSTERIORS not in read:
        return LOGITS  # the mean of rectified maps is what a softmax is trained on as well
    return " and ".join(sorted(read))
