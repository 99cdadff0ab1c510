"""A thin view of a TFLite flatbuffer: operators and tensors as plain Python, every access checked.

The generated accessors come from the small ``tflite`` package; TensorFlow is not needed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from kws.errors import ImportModelError

DAMAGE = (struct.error, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MemoryError)
"""What reading a damaged flatbuffer can end in: the generated accessors check nothing."""
OPTION_CLASSES = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "SOFTMAX": "SoftmaxOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
}
NEEDS_OPTIONS = frozenset(OPTION_CLASSES)
MAX_AXES = 8
DTYPES: dict[int, type[np.generic]] = {tflite.TensorType.INT8: np.int8, tflite.TensorType.INT32: np.int32}


def _names(enum: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


OPERATOR_NAMES = _names(tflite.BuiltinOperator)
TYPE_NAMES = _names(tflite.TensorType)
ACTIVATION_NAMES = _names(tflite.ActivationFunctionType)


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor of the graph."""

    name: str
    shape: tuple[int, ...]
    type_name: str
    scales: npt.NDArray[np.float32]
    """One per tensor, one per channel, or none."""
    zero_points: npt.NDArray[np.int64]
    data: npt.NDArray[Any] | None
    """Constant contents, None for activations."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of the graph; tensors by index, -1 for an optional one left out."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any
    """The generated options object of this operator, None for those of no interest."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The one subgraph of a model file."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    input_index: int
    output_index: int


def read_graph(path: Path) -> Graph:
    """Read the graph of a ``.tflite`` file.

    Raises
    ------
    ImportModelError
        If the file cannot be read, is not a TFLite flatbuffer, is damaged, or has several inputs, outputs or subgraphs.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImportModelError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise ImportModelError(f"{path}: not a TFLite model (no 'TFL3' mark); expected a .tflite flatbuffer")
    try:
        return _parse(data, path)
    except DAMAGE as error:
        raise ImportModelError(f"{path}: damaged TFLite model ({error}); export it again") from error


def _parse(data: bytes, path: Path) -> Graph:
    model = tflite.Model.GetRootAs(data, 0)
    if model.SubgraphsLength() != 1:
        raise ImportModelError(f"{path}: {model.SubgraphsLength()} subgraphs; expected a model with exactly one")
    subgraph = model.Subgraphs(0)
    if subgraph.InputsLength() != 1 or subgraph.OutputsLength() != 1:
        raise ImportModelError(
            f"{path}: {subgraph.InputsLength()} inputs and {subgraph.OutputsLength()} outputs; expected one of each"
        )
    budget = _Budget(len(data))
    tensors = tuple(_tensor(model, subgraph.Tensors(i), budget) for i in budget.range(subgraph.TensorsLength()))
    operators = tuple(_operator(model, subgraph.Operators(i), budget) for i in budget.range(subgraph.OperatorsLength()))
    return Graph(
        tensors=tensors,
        operators=operators,
        input_index=int(subgraph.Inputs(0)),
        output_index=int(subgraph.Outputs(0)),
    )


class _Budget:
    """Bounds the work that lengths in a damaged file can ask for: vectors may overlap, and claim anything."""

    def __init__(self, file_bytes: int) -> None:
        self.left = 4 * file_bytes + 4096

    def range(self, length: int) -> range:
        """Return the indices of a vector."""
        self.left -= length
        if self.left < 0:
            raise ValueError("more items than the file can hold")
        return range(length)


def _vector(length: int, item: Any, dtype: Any, budget: _Budget) -> npt.NDArray[Any]:
    return np.array([item(i) for i in budget.range(length)], dtype=dtype)


def _tensor(model: Any, tensor: Any, budget: _Budget) -> Tensor:
    if tensor.ShapeLength() > MAX_AXES:
        raise ValueError(f"a tensor with {tensor.ShapeLength()} axes")
    shape = tuple(int(tensor.Shape(i)) for i in range(tensor.ShapeLength()))
    quantization = tensor.Quantization()
    has_scales = quantization is not None and quantization.ScaleLength() > 0
    buffer = model.Buffers(tensor.Buffer())
    contents = None
    if buffer is not None and buffer.DataLength() > 0 and tensor.Type() in DTYPES:
        # ascontiguous copy: offsets in a flatbuffer are not aligned for numpy's own types
        budget.range(buffer.DataLength())
        contents = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[tensor.Type()]).reshape(shape)
    return Tensor(
        name=(tensor.Name() or b"").decode("utf-8", "replace"),
        shape=shape,
        type_name=TYPE_NAMES.get(tensor.Type(), str(tensor.Type())),
        scales=_vector(quantization.ScaleLength(), quantization.Scale, np.float32, budget)
        if has_scales
        else np.zeros(0, np.float32),
        zero_points=_vector(quantization.ZeroPointLength(), quantization.ZeroPoint, np.int64, budget)
        if has_scales
        else np.zeros(0, np.int64),
        data=contents,
    )


def _operator(model: Any, operator: Any, budget: _Budget) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Files before schema 3a keep the code in a byte; later ones write both when it fits.
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = OPERATOR_NAMES.get(number, f"operator {number}")
    if name == "CUSTOM":
        name = f"CUSTOM {(code.CustomCode() or b'').decode('utf-8', 'replace')}"
    options = None
    if name in OPTION_CLASSES and operator.BuiltinOptions() is not None:
        table = operator.BuiltinOptions()
        options = getattr(tflite, OPTION_CLASSES[name])()
        options.Init(table.Bytes, table.Pos)
    if options is None and name in NEEDS_OPTIONS:
        raise ValueError(f"{name} without options")
    return Operator(
        name=name,
        inputs=tuple(int(operator.Inputs(i)) for i in budget.range(operator.InputsLength())),
        outputs=tuple(int(operator.Outputs(i)) for i in budget.range(operator.OutputsLength())),
        options=options,
    )
