# SPDX-License-Identifier: Apache-2.0
"""Writes int8 .tflite files directly, layer by layer: hundreds a second, of any shape, with random weights.

The converter takes seconds for one network. Scales are chosen so that the outputs of every layer fill int8 without
flattening against its ends; nothing is trained.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import flatbuffers
from tensorflow.lite.python import schema_py_generated as schema

ACTIVATION_SPREAD = 60.0
"""Standard deviation the writer expects of an activation around its zero point, in int8 steps."""
WEIGHT_SPREAD = 127 / np.sqrt(3)
TYPES = {"int8": schema.TensorType.INT8, "int32": schema.TensorType.INT32, "uint8": schema.TensorType.UINT8,
         "float32": schema.TensorType.FLOAT32, "int16": schema.TensorType.INT16,
         "resource": schema.TensorType.RESOURCE}  # fmt: skip
ACTIVATIONS = schema.ActivationFunctionType
CODES = schema.BuiltinOperator


@dataclass(frozen=True)
class Value:
    """An activation of the network that is being written."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int


def slide(cells: int, kernel: int, stride: int, same: bool, dilation: int = 1) -> int:
    return -(-cells // stride) if same else (cells - (kernel - 1) * dilation - 1) // stride + 1


@dataclass
class Writer:
    """One network in the making; every method adds a layer and returns its output."""

    rng: np.random.Generator
    tensors: list[schema.TensorT] = field(default_factory=list)
    operators: list[schema.OperatorT] = field(default_factory=list)
    buffers: list[schema.BufferT] = field(default_factory=lambda: [schema.BufferT()])
    codes: list[int] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    custom_codes: dict[int, str] = field(default_factory=dict)
    """Names of custom operations, by index into ``codes``."""
    variables: list[Value] = field(default_factory=list)
    """What each variable keeps: rows of the past."""

    def tensor(self, shape: Sequence[int], kind: str, scales: Sequence[float] = (), zero_points: Sequence[int] = (),
               data: npt.NDArray[np.generic] | None = None, axis: int = 0) -> int:  # fmt: skip
        made = schema.TensorT()
        made.name = f"tensor_{len(self.tensors)}"
        made.shape, made.type = list(shape), TYPES[kind]
        if len(scales):
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = list(map(float, scales)), list(zero_points)
            made.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.buffers.append(buffer)
            made.buffer = len(self.buffers) - 1
        self.tensors.append(made)
        return len(self.tensors) - 1

    def value(self, shape: Sequence[int], *, scale: float = 0.05, zero_point: int | None = None,
              kind: str = "int8") -> Value:  # fmt: skip
        point = int(self.rng.integers(-128, 128)) if zero_point is None else zero_point
        scale = float(np.float32(scale))
        return Value(self.tensor(shape, kind, (scale,), (point,)), tuple(shape), scale, point)

    def source(self, shape: Sequence[int]) -> Value:
        """Return the input of the network."""
        made = self.value(shape, scale=float(self.rng.uniform(0.01, 0.5)))
        self.inputs.append(made.index)
        return made

    def constant(self, values: Sequence[int] | npt.NDArray[np.generic]) -> int:
        data = np.asarray(values, np.int32)
        return self.tensor(data.shape, "int32", data=data)

    def operator(self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: object = None) -> None:
        code = getattr(CODES, name)
        if code not in self.codes:
            self.codes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = self.codes.index(code), list(inputs), list(outputs)
        if options is not None:
            made.builtinOptions = options
            made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.operators.append(made)

    def _target(self, shape: Sequence[int], activation: str) -> Value:
        """Return an output: with a ReLU its zero point is mostly the lowest value, as converters choose it."""
        rectified = activation in ("RELU", "RELU6") and self.rng.random() < 0.8
        return self.value(shape, zero_point=-128 if rectified else None)

    def _filter(self, source: Value, target: Value, shape: Sequence[int], axis: int, products: int,
                bias_count: int, *, per_tensor: bool = False) -> list[int]:  # fmt: skip
        """Return weights and bias whose products spread over the outputs."""
        spread = np.sqrt(products) * WEIGHT_SPREAD * ACTIVATION_SPREAD
        count = 1 if per_tensor else bias_count
        steps = ACTIVATION_SPREAD / spread * self.rng.uniform(0.4, 1.6, count)
        scales = np.maximum(steps * target.scale / source.scale, 1e-9).astype(np.float32)
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.normal(0, spread / 2, bias_count).astype(np.int32)
        return [
            self.tensor(shape, "int8", scales, [0] * count, weights, axis),
            self.tensor((bias_count,), "int32", scales * np.float32(source.scale), [0] * count, bias),
        ]

    def conv(self, source: Value, filters: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1), *,
             same: bool = False, activation: str = "NONE", dilation: tuple[int, int] = (1, 1)) -> Value:  # fmt: skip
        _, height, width, channels = source.shape
        rows = slide(height, kernel[0], stride[0], same, dilation[0])
        shape = (1, rows, slide(width, kernel[1], stride[1], same, dilation[1]), filters)
        target = self._target(shape, activation)
        products = kernel[0] * kernel[1] * channels
        weights = self._filter(source, target, (filters, *kernel, channels), 0, products, filters)
        options = schema.Conv2DOptionsT()
        self._slide_options(options, stride, same, activation, dilation)
        self.operator("CONV_2D", [source.index, *weights], [target.index], options)
        return target

    def depthwise(self, source: Value, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1), *,
                  same: bool = False, activation: str = "NONE", dilation: tuple[int, int] = (1, 1),
                  multiplier: int = 1) -> Value:  # fmt: skip
        _, height, width, channels = source.shape
        filters = channels * multiplier
        rows = slide(height, kernel[0], stride[0], same, dilation[0])
        shape = (1, rows, slide(width, kernel[1], stride[1], same, dilation[1]), filters)
        target = self._target(shape, activation)
        weights = self._filter(source, target, (1, *kernel, filters), 3, kernel[0] * kernel[1], filters)
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = multiplier
        self._slide_options(options, stride, same, activation, dilation)
        self.operator("DEPTHWISE_CONV_2D", [source.index, *weights], [target.index], options)
        return target

    def pool(self, source: Value, size: tuple[int, int], stride: tuple[int, int], *, same: bool = False,
             kind: str = "AVERAGE", activation: str = "NONE") -> Value:  # fmt: skip
        _, height, width, channels = source.shape
        shape = (1, slide(height, size[0], stride[0], same), slide(width, size[1], stride[1], same), channels)
        target = self.value(shape, scale=source.scale, zero_point=source.zero_point)
        options = schema.Pool2DOptionsT()
        options.filterHeight, options.filterWidth = size
        self._slide_options(options, stride, same, activation, None)
        self.operator(f"{kind}_POOL_2D", [source.index], [target.index], options)
        return target

    def _slide_options(self, options: object, stride: tuple[int, int], same: bool, activation: str,
                       dilation: tuple[int, int] | None) -> None:  # fmt: skip
        options.strideH, options.strideW = stride  # type: ignore[attr-defined]
        options.padding = schema.Padding.SAME if same else schema.Padding.VALID  # type: ignore[attr-defined]
        options.fusedActivationFunction = getattr(ACTIVATIONS, activation)  # type: ignore[attr-defined]
        if dilation is not None:
            options.dilationHFactor, options.dilationWFactor = dilation  # type: ignore[attr-defined]

    def reshape(self, source: Value, shape: Sequence[int]) -> Value:
        target = self.value(shape, scale=source.scale, zero_point=source.zero_point)
        self.operator("RESHAPE", [source.index, self.constant(shape)], [target.index], schema.ReshapeOptionsT())
        return target

    def flatten(self, source: Value) -> Value:
        return self.reshape(source, (1, int(np.prod(source.shape))))

    def dense(self, source: Value, count: int, *, activation: str = "NONE") -> Value:
        flat = source if len(source.shape) == 2 else self.flatten(source)
        target = self._target((1, count), activation)
        weights = self._filter(flat, target, (count, flat.shape[1]), 0, flat.shape[1], count,
                               per_tensor=bool(self.rng.random() < 0.5))  # fmt: skip
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = getattr(ACTIVATIONS, activation)
        self.operator("FULLY_CONNECTED", [flat.index, *weights], [target.index], options)
        return target

    def softmax(self, source: Value) -> Value:
        target = self.value(source.shape, scale=1 / 256, zero_point=-128)
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        self.operator("SOFTMAX", [source.index], [target.index], options)
        return target

    def unary(self, name: str, source: Value, *, options: object = None, scale: float | None = None,
              zero_point: int | None = None) -> Value:  # fmt: skip
        """Add an operation on every value by itself."""
        fixed = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(name)
        target_scale, point = fixed or (scale or source.scale * float(self.rng.uniform(0.4, 1.5)), zero_point)
        target = self.value(source.shape, scale=target_scale, zero_point=point)
        self.operator(name, [source.index], [target.index], options)
        return target

    def leaky_relu(self, source: Value, alpha: float) -> Value:
        options = schema.LeakyReluOptionsT()
        options.alpha = alpha
        return self.unary("LEAKY_RELU", source, options=options)

    def requantize(self, source: Value, scale: float, zero_point: int) -> Value:
        return self.unary("QUANTIZE", source, scale=scale, zero_point=zero_point)

    def mean(self, source: Value, axes: Sequence[int] = (1, 2), *, keep: bool = False, rescale: bool = True) -> Value:
        """Add a global average; with ``rescale`` to a scale of its own."""
        shape = [n if axis not in axes else 1 for axis, n in enumerate(source.shape) if keep or axis not in axes]
        factor = float(self.rng.uniform(0.2, 1.0)) if rescale else 1.0
        target = self.value(shape, scale=source.scale * factor, zero_point=None if rescale else source.zero_point)
        options = schema.ReducerOptionsT()
        options.keepDims = keep
        self.operator("MEAN", [source.index, self.constant(list(axes))], [target.index], options)
        return target

    def add(self, first: Value, second: Value, *, activation: str = "NONE", name: str = "ADD",
            shape: Sequence[int] = ()) -> Value:  # fmt: skip
        target = self._target(shape or first.shape, activation)
        options = getattr(schema, {"ADD": "AddOptionsT", "SUB": "SubOptionsT", "MUL": "MulOptionsT"}[name])()
        options.fusedActivationFunction = getattr(ACTIVATIONS, activation)
        self.operator(name, [first.index, second.index], [target.index], options)
        return target

    def parameter(self, shape: Sequence[int]) -> Value:
        """Return a constant int8 tensor, as a normalisation has it."""
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        scale, point = float(np.float32(self.rng.uniform(0.01, 0.05))), int(self.rng.integers(-128, 128))
        return Value(self.tensor(shape, "int8", (scale,), (point,), data), tuple(shape), scale, point)

    def concat(self, parts: Sequence[Value], axis: int = 3) -> Value:
        """Concatenate values of one scale."""
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        target = self.value(shape, scale=parts[0].scale, zero_point=parts[0].zero_point)
        options = schema.ConcatenationOptionsT()
        options.axis = axis
        self.operator("CONCATENATION", [part.index for part in parts], [target.index], options)
        return target

    def cut(self, source: Value, begin: Sequence[int], end: Sequence[int], *, offset: bool = False) -> Value:
        """Add a STRIDED_SLICE; with ``offset`` the file counts its ends from its begin."""
        shape = [b - a for a, b in zip(begin, end, strict=True)]
        target = self.value(shape, scale=source.scale, zero_point=source.zero_point)
        options = schema.StridedSliceOptionsT()
        options.offset = offset
        bounds = [self.constant(begin), self.constant(shape if offset else end), self.constant([1] * len(shape))]
        self.operator("STRIDED_SLICE", [source.index, *bounds], [target.index], options)
        return target

    def dilated(self, source: Value, filters: int, kernel: int, blocks: int, *, same: bool = False) -> Value:
        """Add a convolution over time between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND; the rows fill the blocks."""
        _, height, width, channels = source.shape
        edges, count = self.constant([[0, 0], [0, 0]]), self.constant([blocks, 1])
        split = self.value(
            (blocks, height // blocks, width, channels), scale=source.scale, zero_point=source.zero_point
        )
        self.operator("SPACE_TO_BATCH_ND", [source.index, count, edges], [split.index], schema.SpaceToBatchNDOptionsT())
        made = self.conv(split, filters, (kernel, 1), same=same)
        made = dataclasses.replace(made, shape=(blocks, *made.shape[1:]))
        self.tensors[made.index].shape = list(made.shape)
        target = self.value((1, made.shape[1] * blocks, width, filters), scale=made.scale, zero_point=made.zero_point)
        self.operator("BATCH_TO_SPACE_ND", [made.index, count, edges], [target.index], schema.BatchToSpaceNDOptionsT())
        return target

    def below_past(self, source: Value, num_rows: int) -> Value:
        """Add what keeps the last rows of the calls before in a variable, and puts them above the new ones."""
        past = self.value((1, num_rows, *source.shape[2:]), scale=source.scale, zero_point=source.zero_point)
        handle = self._handle(len(self.variables))
        self.variables.append(past)
        self.operator("READ_VARIABLE", [handle], [past.index], schema.ReadVariableOptionsT())
        whole = self.concat([past, source], axis=1)
        first = (0, source.shape[1], *(0 for _ in source.shape[2:]))
        self.operator("ASSIGN_VARIABLE", [handle, self.cut(whole, first, whole.shape).index], [],
                      schema.AssignVariableOptionsT())  # fmt: skip
        return whole

    def _handle(self, number: int) -> int:
        options = schema.VarHandleOptionsT()
        options.container, options.sharedName = "", f"past_{number}"
        handle = self.tensor((), "resource")
        self.operator("VAR_HANDLE", [], [handle], options)
        return handle

    def _graphs(self, outputs: Sequence[Value]) -> list[schema.SubGraphT]:
        """Return the network, and what fills its variables at the first call."""
        graph, fills = schema.SubGraphT(), schema.SubGraphT()
        if self.variables:
            options = schema.CallOnceOptionsT()
            options.initSubgraphIndex = 1
            self.operator("CALL_ONCE", [], [], options)
            self.operators.insert(0, self.operators.pop())
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = self.inputs, [value.index for value in outputs]
        self.tensors, self.operators = [], []
        for number, past in enumerate(self.variables):
            silence = np.full(past.shape, past.zero_point, np.int8)
            start = self.tensor(past.shape, "int8", (past.scale,), (past.zero_point,), silence)
            self.operator("ASSIGN_VARIABLE", [self._handle(number), start], [], schema.AssignVariableOptionsT())
        fills.tensors, fills.operators, fills.inputs, fills.outputs = self.tensors, self.operators, [], []
        return [graph, fills] if self.variables else [graph]

    def finish(self, *outputs: Value) -> bytes:
        """Return the file."""
        model = schema.ModelT()
        model.version, model.subgraphs, model.operatorCodes = 3, self._graphs(outputs), []
        model.buffers = self.buffers
        for index, number in enumerate(self.codes):
            code = schema.OperatorCodeT()
            code.customCode = self.custom_codes.get(index)
            code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
