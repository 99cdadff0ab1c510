# SPDX-License-Identifier: Apache-2.0
"""A thin view of a TFLite flatbuffer: operators and tensors as plain Python, every access checked.

The generated accessors come from the small ``tflite`` package; TensorFlow is not needed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    "CALL_ONCE": "CallOnceOptions",
    "VAR_HANDLE": "VarHandleOptions",
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
    signature: tuple[int, ...]
    """The shape with -1 for every axis that the file leaves open; empty when it leaves none."""
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
    """The main subgraph of a model file."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    input_index: int
    output_index: int
    initial: Mapping[str, Tensor] = field(default_factory=dict)
    """What an initialisation subgraph puts into each variable, by the variable's name."""


def variable_name(operator: Operator) -> str:
    """Return the name of the variable behind a ``VAR_HANDLE``."""
    parts = operator.options.Container(), operator.options.SharedName()
    return "/".join(part.decode("utf-8", "replace") for part in parts if part)


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
    model, budget = tflite.Model.GetRootAs(data, 0), _Budget(len(data))
    main = model.Subgraphs(0)
    if main is None or main.InputsLength() != 1 or main.OutputsLength() != 1:
        count = (0, 0) if main is None else (main.InputsLength(), main.OutputsLength())
        raise ImportModelError(f"{path}: {count[0]} inputs and {count[1]} outputs; expected one of each")
    tensors, operators = _contents(model, main, budget)
    calls = {operator.options.InitSubgraphIndex() for operator in operators if operator.name == "CALL_ONCE"}
    if model.SubgraphsLength() != 1 + len(calls):
        raise ImportModelError(
            f"{path}: {model.SubgraphsLength()} subgraphs; expected one, and if it has variables one that fills them"
        )
    initial: dict[str, Tensor] = {}
    for index in calls:
        initial |= _assigned(*_contents(model, model.Subgraphs(index), budget))
    return Graph(
        tensors=tensors, operators=operators, input_index=int(main.Inputs(0)), output_index=int(main.Outputs(0)),
        initial=initial,
    )  # fmt: skip


def _contents(model: Any, subgraph: Any, budget: _Budget) -> tuple[tuple[Tensor, ...], tuple[Operator, ...]]:
    tensors = tuple(_tensor(model, subgraph.Tensors(i), budget) for i in budget.range(subgraph.TensorsLength()))
    operators = (_operator(model, subgraph.Operators(i), budget) for i in budget.range(subgraph.OperatorsLength()))
    return tensors, tuple(operators)


def _assigned(tensors: tuple[Tensor, ...], operators: tuple[Operator, ...]) -> dict[str, Tensor]:
    """Return what a subgraph assigns to variables."""
    handles = {operator.outputs[0]: variable_name(operator) for operator in operators if operator.name == "VAR_HANDLE"}
    assignments = [operator for operator in operators if operator.name == "ASSIGN_VARIABLE"]
    return {handles[operator.inputs[0]]: tensors[operator.inputs[1]] for operator in assignments}


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


def _text(name: bytes | None) -> str:
    """Return a name of the file, fit for a message."""
    text = (name or b"").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _tensor(model: Any, tensor: Any, budget: _Budget) -> Tensor:
    if max(tensor.ShapeLength(), tensor.ShapeSignatureLength()) > MAX_AXES:
        raise ValueError(f"a tensor with {max(tensor.ShapeLength(), tensor.ShapeSignatureLength())} axes")
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
        name=_text(tensor.Name()),
        shape=shape,
        signature=tuple(int(tensor.ShapeSignature(i)) for i in range(tensor.ShapeSignatureLength())),
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
        name = f"CUSTOM {_text(code.CustomCode())}"
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
