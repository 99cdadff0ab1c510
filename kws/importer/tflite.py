"""An int8 TFLite model -> a :class:`~kws.importer.network.Network`, bit for bit.

What comes in must be one chain of layers from one input to one output, quantised to int8 throughout, the way
``tf.lite.TFLiteConverter`` writes a small convolutional network (input ``[1, frames, features, 1]`` or
``[1, frames, 1, features]``).
"""

from __future__ import annotations

from pathlib import Path

from kws.errors import ImportModelError
from kws.importer.chain import (
    NO_PADDING,
    Chain,
    input_shape,
    map_shape,
    quantization_of,
    require_int8,
    require_same_quantization,
    shape_text,
)
from kws.importer.flatbuffer import DAMAGE, Graph, Operator, read_graph
from kws.importer.folding import fold_strides
from kws.importer.network import Network
from kws.importer.operators import CONVERTERS

SUPPORTED = "CONV_2D, DEPTHWISE_CONV_2D, AVERAGE_POOL_2D, FULLY_CONNECTED, SOFTMAX, RESHAPE, PAD before a convolution"
ADVICE = {
    "MEAN": "use AveragePooling2D instead of GlobalAveragePooling2D or reduce_mean",
    "QUANTIZE": "convert with inference_input_type and inference_output_type tf.int8",
    "DEQUANTIZE": "convert with inference_input_type and inference_output_type tf.int8",
    "LOGISTIC": "end the network with a softmax",
    "MAX_POOL_2D": "use AveragePooling2D or a strided convolution",
    "ADD": "only chains without skip connections can run row by row",
    "MUL": "batch normalisation must be folded into a convolution before it",
}


def import_tflite(path: str | Path) -> Network:
    """Read an int8 TFLite model.

    Parameters
    ----------
    path : path of a ``.tflite`` file

    Returns
    -------
    Network
        Ready for :func:`kws.importer.section.model_section`.

    Raises
    ------
    ImportModelError
        If the file is not a TFLite model, not int8, not a chain, or uses an operation or a shape the engine lacks.
    """
    graph = read_graph(Path(path))
    try:
        return _network(graph, path)
    except DAMAGE as error:
        raise ImportModelError(f"{path}: damaged TFLite model ({error}); export it again") from error


def _network(graph: Graph, path: str | Path) -> Network:
    source = graph.tensors[graph.input_index]
    require_int8(source, "input")
    chain = Chain(graph=graph, tensor_index=graph.input_index, shape=map_shape(source.shape), layers=[])
    for operator in graph.operators:
        _follow(chain, operator)
    if chain.tensor_index != graph.output_index or not chain.layers:
        raise ImportModelError(f"{path}: the graph is not one chain of layers from its input to its output")
    first, last = chain.layers[0], chain.layers[-1]
    if last.output.height != 1:
        raise ImportModelError(
            f"{path}: the last layer has {last.output.height} time steps left; expected 1 (pool over all of them)"
        )
    return Network(
        window_frames=first.input.height,
        num_features=first.input.width * first.input.channels,
        num_labels=last.output.width * last.output.channels,
        input_quantization=quantization_of(source),
        layers=tuple(fold_strides(chain.layers)),
    )


def _follow(chain: Chain, operator: Operator) -> None:
    """Take one operator: append its layer, or only change how the current tensor is seen."""
    if operator.inputs[:1] != (chain.tensor_index,):
        raise ImportModelError(
            f"{operator.name} does not read the output of the operator before it; expected one chain of layers"
        )
    if operator.name == "RESHAPE":
        _reshape(chain, operator)
    elif operator.name == "PAD":
        _pad(chain, operator)
    else:
        convert = CONVERTERS.get(operator.name)
        if convert is None:
            advice = f"; {ADVICE[operator.name]}" if operator.name in ADVICE else ""
            raise ImportModelError(f"operation {operator.name} is not supported (supported: {SUPPORTED}){advice}")
        if chain.padding != NO_PADDING and operator.name not in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
            raise ImportModelError(f"PAD before {operator.name} is not supported; pad before convolutions only")
        layer = convert(chain, operator)
        chain.layers.append(layer)
        chain.shape, chain.padding = layer.output, NO_PADDING
    chain.tensor_index = operator.outputs[0]


def _reshape(chain: Chain, operator: Operator) -> None:
    """Accept what moves no value in memory and no value to another time step."""
    if chain.padding != NO_PADDING:
        raise ImportModelError("PAD before RESHAPE is not supported; pad before convolutions only")
    target = map_shape(chain.graph.tensors[operator.outputs[0]].shape)
    if not chain.layers:
        chain.shape = target  # frames may arrive flat, [1, frames * features]
        return
    if target is None:
        return  # flattened for a dense layer, which remembers how many time steps it covers
    assert chain.shape is not None
    if target.height != chain.shape.height or target.size != chain.shape.size:
        raise ImportModelError(
            f"RESHAPE from {shape_text(chain.shape)} to {shape_text(target)} mixes time steps; "
            "only the width and channels of time x width x channels may be regrouped"
        )
    chain.shape = target


def _pad(chain: Chain, operator: Operator) -> None:
    """Remember the padding for the convolution behind it: both fill with the zero point, so the bits are the same."""
    shape = input_shape(chain, operator)
    amounts = chain.graph.tensors[operator.inputs[1]].data
    if amounts is None or amounts.shape != (4, 2) or amounts[[0, 3]].any() or amounts.min() < 0:
        raise ImportModelError("PAD: expected constant amounts for time and features only, as ZeroPadding2D writes it")
    if chain.padding != NO_PADDING or len(chain.graph.tensors[operator.outputs[0]].shape) != 4:
        raise ImportModelError(f"PAD of {shape_text(shape)} twice in a row; pad once")
    require_same_quantization(chain, operator)
    (top, bottom), (left, right) = amounts[1:3].tolist()
    chain.padding = (top, bottom, left, right)
