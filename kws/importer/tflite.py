# SPDX-License-Identifier: Apache-2.0
"""An int8 TFLite model -> a :class:`~kws.importer.network.Network`, bit for bit.

What comes in must be one graph of layers from one input to one output, quantised to int8 inside, the way
``tf.lite.TFLiteConverter`` writes a small convolutional network (input ``[1, frames, features, 1]``,
``[1, frames, 1, features]`` or ``[1, frames, features]``); the input and the output may be float or uint8.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kws.core import lib
from kws.errors import ImportModelError
from kws.importer import joins, shaping, tables
from kws.importer.endings import end_in_posteriors
from kws.importer.flatbuffer import DAMAGE, Graph, Operator, read_graph
from kws.importer.folding import fold_strides, without_unread
from kws.importer.network import Network, Quantization, Shape
from kws.importer.operators import CONVERTERS
from kws.importer.states import STATE, frames_seen, take_state, without_variables
from kws.importer.walk import (
    View,
    Walk,
    input_view,
    quantization_of,
    require_int8,
    require_shape_of_file,
    require_unpadded,
)

RESHAPES = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE")
OPERATORS: dict[str, Callable[[Walk, Operator], None]] = {
    **CONVERTERS,
    **dict.fromkeys((*tables.FUNCTIONS, "LEAKY_RELU"), tables.convert_function),
    **dict.fromkeys(RESHAPES, shaping.reshape),
    "PAD": shaping.pad,
    "SPACE_TO_BATCH_ND": shaping.space_to_batch,
    "BATCH_TO_SPACE_ND": shaping.batch_to_space,
    "ADD": joins.add,
    "CONCATENATION": joins.concatenate,
    "STRIDED_SLICE": joins.cut,
    "SLICE": joins.cut,
    "SPLIT": joins.split,
    "SPLIT_V": joins.split,
    STATE: take_state,
}
WITH_CONSTANT = ("ADD", "SUB", "MUL")
LSTM = "recurrent layers are not supported: use convolutions over time, which stream as well"
ADVICE = {
    "MUL": "only with a constant; fold batch normalisation into the convolution before it",
    "SUB": "only with a constant",
    "DEQUANTIZE": "a part of the model is float: quantise all of it (TFLITE_BUILTINS_INT8)",
    "TRANSPOSE": "feed time first, or tell which axis is time with --time-axis 2",
    "TRANSPOSE_CONV": "only layers that keep or shrink the time axis run row by row",
    "RESIZE_NEAREST_NEIGHBOR": "only layers that keep or shrink the time axis run row by row",
    "BATCH_MATMUL": "attention is not supported: every output would need all time steps at once",
    **dict.fromkeys(
        ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "RNN",
         "BIDIRECTIONAL_SEQUENCE_RNN", "WHILE", "SVDF"), LSTM),
    "CUSTOM ethos-u": "the model was compiled by Vela for an Ethos-U: import the .tflite that went into it",
    "CUSTOM edgetpu-custom-op": "the model was compiled for an Edge TPU: import the .tflite that went into it",
}  # fmt: skip


def import_tflite(path: str | Path, *, time_axis: int | None = None, scores: bool = True) -> Network:
    """Read an int8 TFLite model.

    Parameters
    ----------
    path : path of a ``.tflite`` file
    time_axis : 1 or 2, optional
        Which axis of the input is time; by default the first one after the batch.
    scores : bool
        End in posteriors in steps of 1/256: logits get the softmax (one output: the sigmoid) they were trained with.

    Returns
    -------
    Network
        Ready for :func:`kws.importer.section.model_section`; ``notes`` say what was added or passed over.

    Raises
    ------
    ImportModelError
        If the file is not a TFLite model, not int8, or uses an operation or a shape the engine lacks.
    """
    graph = read_graph(Path(path))
    try:
        return _network(without_variables(graph), time_axis, scores=scores)
    except ImportModelError as error:
        raise ImportModelError(f"{path}: {error}") from error
    except DAMAGE as error:
        raise ImportModelError(f"{path}: damaged TFLite model ({error}); export it again") from error


def _network(graph: Graph, time_axis: int | None, *, scores: bool) -> Network:
    if time_axis not in (None, 1, 2):
        raise ImportModelError(f"time axis {time_axis}; expected 1 or 2")
    walk = Walk(graph=graph)
    source = walk.tensor(graph.input_index)
    if source.type_name not in ("FLOAT32", "UINT8"):
        require_int8(source, "input")
    view = input_view(source, time_axis)
    walk.views[graph.input_index] = view
    quantization: Quantization | None = quantization_of(source) if source.type_name == "INT8" else None
    for operator in graph.operators:
        if quantization is None:
            quantization = _entered(walk, operator)
        else:
            _follow(walk, operator)
        require_shape_of_file(walk, operator)
    if quantization is None or not walk.layers:
        raise ImportModelError("the model has no layers; expected a small quantised network")
    return _finished(walk, _frames(walk, view), quantization, scores=scores)


def _entered(walk: Walk, operator: Operator) -> Quantization | None:
    """Take the operators in front of the quantised network."""
    if operator.name in RESHAPES:
        shaping.reshape(walk, operator)
        return None
    if shaping.shape_arithmetic(walk, operator):
        return None
    if operator.name != "QUANTIZE" or not shaping.enter(walk, operator):
        require_int8(walk.source(operator), "input")
    return quantization_of(walk.target(operator))


def _follow(walk: Walk, operator: Operator) -> None:
    """Take one operator: append its layer, or only change how an activation is seen."""
    if shaping.shape_arithmetic(walk, operator):
        return
    if operator.name in ("QUANTIZE", "DEQUANTIZE") and shaping.leave(walk, operator):
        return
    if operator.name in WITH_CONSTANT and tables.has_constant(walk, operator):
        tables.convert_with_constant(walk, operator)
        return
    convert = OPERATORS.get(operator.name)
    if convert is None:
        advice = f"; {ADVICE[operator.name]}" if operator.name in ADVICE else ""
        raise ImportModelError(
            f"operation {operator.name} is not supported{advice} (supported: {', '.join(sorted(OPERATORS))})"
        )
    convert(walk, operator)


def _frames(walk: Walk, view: View) -> Shape:
    """Return the shape of the frames: what a RESHAPE of a flat input said, or the input's own."""
    first = next((layer for index, layer in enumerate(walk.layers) if -1 in (layer.sources or (index - 1,))), None)
    return first.input if view.undecided and first is not None else view.shape


def _finished(walk: Walk, frames: Shape, quantization: Quantization, *, scores: bool) -> Network:
    output = walk.views.get(walk.graph.output_index)
    if output is None or output.layer != len(walk.layers) - 1:
        raise ImportModelError("the output is not what the last layer makes; expected one graph from input to output")
    last = walk.layers[-1]
    if last.output.height != 1:
        raise ImportModelError(
            f"the last layer has {last.output.height} time steps left; expected 1 (pool over all of them)"
        )
    if frames.height > lib.KWS_MODEL_MAX_FRAMES:
        raise ImportModelError(f"a window of {frames.height} frames; expected at most {lib.KWS_MODEL_MAX_FRAMES}")
    require_unpadded(output, Operator(name="the output", inputs=(), outputs=(), options=None))
    if scores:
        end_in_posteriors(walk, output)
    last = walk.layers[-1]
    return Network(
        window_frames=max(frames.height, frames_seen(walk.layers) if walk.graph.initial else 0),
        num_features=frames.width * frames.channels,
        num_labels=last.output.width * last.output.channels,
        input_quantization=quantization,
        layers=tuple(fold_strides(without_unread(walk.layers))),
        notes=tuple(walk.notes),
    )
