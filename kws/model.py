# SPDX-License-Identifier: Apache-2.0
"""Stage 3 of 5: int8 feature frames -> posteriors, computed by the very C code the boards run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.bundle import Bundle
from kws.core import aligned_copy, aligned_new, check, ffi, lib
from kws.errors import BundleError

OPERATION_NAMES = {
    lib.KWS_MODEL_CONV: "conv",
    lib.KWS_MODEL_POINTWISE: "pointwise",
    lib.KWS_MODEL_DEPTHWISE: "depthwise",
    lib.KWS_MODEL_AVERAGE_POOL: "average pool",
    lib.KWS_MODEL_DENSE: "dense",
    lib.KWS_MODEL_SOFTMAX: "softmax",
    lib.KWS_MODEL_MAX_POOL: "max pool",
    lib.KWS_MODEL_MEAN: "mean",
    lib.KWS_MODEL_ADD: "add",
    lib.KWS_MODEL_CONCAT: "concatenate",
    lib.KWS_MODEL_LOOKUP: "lookup",
    lib.KWS_MODEL_SLICE: "slice",
}


@dataclass(frozen=True, kw_only=True)
class LayerInfo:
    """What the layer table says of one layer."""

    operation: str
    input_shape: tuple[int, int, int]
    """Height (time), width, channels for one window, without padding."""
    output_shape: tuple[int, int, int]
    kernel: tuple[int, int]
    """Height, width."""
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    """Top, bottom, left, right."""
    macs: int
    """Multiplications for one window."""
    macs_per_decision: int
    """Multiplications between two decisions: a streaming model computes new rows only."""
    weights_bytes: int
    weight_layout: int
    tables_bytes: int
    """Biases, multipliers and shifts; 0 where the weight layout keeps them among the weights."""


class Model:
    """The network of a bundle, ready to run.

    Not for use by two threads at once: it holds the state of one stream.

    Parameters
    ----------
    source : Bundle or bytes
        A bundle, or a MODL section by itself.

    Raises
    ------
    BundleError
        If the section is malformed (the C reader trusts nothing).
    """

    def __init__(self, source: Bundle | bytes) -> None:
        section = source if isinstance(source, bytes) else source.section("MODL")
        if section is None:
            raise BundleError("the bundle has no model; expected a MODL section")
        pointer, self._section = aligned_copy(section)
        self._config = ffi.new("kws_model_config_t *")
        check(lib.kws_model_read(self._config, {"data": pointer, "size_bytes": len(section)}), "model")
        self.state_bytes = self._count_state()
        """Memory kept between frames."""
        self.scratch_bytes = int(lib.kws_model_scratch_bytes(self._config))
        """Memory used during a frame, shared with the front end."""
        memory, self._memory = aligned_new(self.state_bytes)
        scratch, self._scratch = aligned_new(self.scratch_bytes)
        arena = ffi.new("kws_arena_t *")
        lib.kws_arena_init(arena, memory, self.state_bytes)
        self._model = ffi.new("kws_model_t *")
        check(lib.kws_model_init(self._model, self._config, arena, scratch), "model")

    def _count_state(self) -> int:
        arena, counter = ffi.new("kws_arena_t *"), ffi.new("kws_model_t *")
        lib.kws_arena_init(arena, ffi.NULL, 0)
        check(lib.kws_model_init(counter, self._config, arena, ffi.NULL), "model")
        return int(arena.used_bytes)

    @property
    def num_features(self) -> int:
        """Values per input frame."""
        return int(self._config.num_features)

    @property
    def num_labels(self) -> int:
        """Size of a posterior vector."""
        return int(self._config.num_labels)

    @property
    def window_frames(self) -> int:
        """Frames one decision sees."""
        return int(self._config.window_frames)

    @property
    def decision_frames(self) -> int:
        """Frames from one decision to the next."""
        return int(self._config.decision_frames)

    @property
    def streaming(self) -> bool:
        """Whether each frame is computed once, instead of whole windows."""
        return bool(self._config.streaming)

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        """The layer table."""
        infos, paces = [], list[int]()
        for index, record in enumerate(self._config.layers[0 : self._config.num_layers]):
            source = index - max(1, record.first_back)
            paces.append((paces[source] if source >= 0 else 1) * record.stride_height)
            rows = self.decision_frames // paces[-1] if self.streaming else record.output_height
            infos.append(_layer_info(record, rows))
        return tuple(infos)

    def reset(self) -> None:
        """Forget all frames seen so far."""
        lib.kws_model_reset(self._model)

    def run(self, frames: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
        """Decide on one clip from a clean state.

        Parameters
        ----------
        frames : int8 array, shape [frames, features]
            At least ``window_frames`` of them; the last decision is returned.

        Returns
        -------
        uint8 array, shape [labels]
            0..255 = 0..1 (the int8 output + 128).

        Raises
        ------
        ValueError
            If the frames have another shape or type, or are too few.
        """
        posteriors: npt.NDArray[np.uint8] = self.run_batch(np.asarray(frames)[np.newaxis])[0]
        return posteriors

    def run_batch(self, frames: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
        """Decide on many clips, each from a clean state.

        Parameters
        ----------
        frames : int8 array, shape [clips, frames, features]

        Returns
        -------
        uint8 array, shape [clips, labels]
            The last decision of each clip.

        Raises
        ------
        ValueError
            As in :meth:`run`.
        """
        checked = self._checked(frames, 3)
        num_clips, num_frames, _ = checked.shape
        posteriors = np.zeros((num_clips, self.num_labels), np.uint8)
        decided = lib.kws_door_model_batch(
            self._model,
            ffi.from_buffer("int8_t[]", checked),
            num_clips,
            num_frames,
            ffi.from_buffer("uint8_t[]", posteriors, require_writable=True),
        )
        if not decided:
            raise ValueError(f"{num_frames} frames a clip are too few; expected at least {self.window_frames}")
        return posteriors

    def stream(self, frames: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
        """Go on with the stream: every decision the frames complete.

        Parameters
        ----------
        frames : int8 array, shape [frames, features]
            Any number of them, following those of the last call.

        Returns
        -------
        posteriors : uint8 array, shape [decisions, labels]
        frame_index : uint32 array, shape [decisions]
            Index into ``frames`` of the newest frame each decision has seen.
        """
        checked = self._checked(frames, 2)
        posteriors = np.zeros((len(checked), self.num_labels), np.uint8)
        frame_index = np.zeros(len(checked), np.uint32)
        count = lib.kws_door_model_stream(
            self._model,
            ffi.from_buffer("int8_t[]", checked),
            len(checked),
            ffi.from_buffer("uint8_t[]", posteriors, require_writable=True),
            ffi.from_buffer("uint32_t[]", frame_index, require_writable=True),
        )
        return posteriors[:count], frame_index[:count]

    def tensors(self, frames: npt.NDArray[np.int8]) -> list[npt.NDArray[np.int8]]:
        """Stream frames from a clean state and return every row that every layer emitted.

        Parameters
        ----------
        frames : int8 array, shape [frames, features]

        Returns
        -------
        list of int8 arrays, shape [rows, values]
            One per layer; for a window model the rows of all windows, one after the other.
        """
        rows: list[list[bytes]] = [[] for _ in self._config.layers[0 : self._config.num_layers]]

        def keep(_user: Any, layer: int, row: Any, num_values: int) -> None:
            rows[layer].append(bytes(ffi.buffer(row, num_values)))

        callback = ffi.callback("void(void *, uint32_t, const int8_t *, uint32_t)", keep)
        self.reset()
        self._model.on_row = callback
        try:
            self.stream(frames)
        finally:
            self._model.on_row = ffi.NULL
        return [np.frombuffer(b"".join(layer), np.int8).reshape(len(layer), -1) for layer in rows]

    def _checked(self, frames: npt.NDArray[np.int8], num_axes: int) -> npt.NDArray[np.int8]:
        array = np.ascontiguousarray(frames)
        if array.dtype != np.int8 or array.ndim != num_axes or array.shape[-1] != self.num_features:
            axes = "[clips, frames, " if num_axes == 3 else "[frames, "
            raise ValueError(f"frames: expected int8 {axes}{self.num_features}], got {array.dtype} {list(array.shape)}")
        return array


def _layer_info(record: Any, rows_per_decision: int) -> LayerInfo:
    output = (record.output_height, record.output_width, record.output_channels)
    taps = record.kernel_height * record.kernel_width
    weighted = record.weights_bytes > 0 and record.op != lib.KWS_MODEL_LOOKUP
    inputs = 1 if record.op == lib.KWS_MODEL_DEPTHWISE else record.input_channels
    row_macs = output[1] * output[2] * taps * inputs if weighted else 0
    has_table = record.channels_offset > 0
    entries = {lib.KWS_MODEL_SOFTMAX: 1, lib.KWS_MODEL_MEAN: 1, lib.KWS_MODEL_ADD: 3}
    num_channels = entries.get(record.op, record.output_channels) if has_table else 0
    return LayerInfo(
        operation=OPERATION_NAMES[record.op],
        input_shape=(record.input_height, record.input_width, record.input_channels),
        output_shape=output,
        kernel=(record.kernel_height, record.kernel_width),
        stride=(record.stride_height, record.stride_width),
        padding=(record.pad_top, record.pad_bottom, record.pad_left, record.pad_right),
        macs=row_macs * output[0],
        macs_per_decision=row_macs * rows_per_decision,
        weights_bytes=record.weights_bytes,
        weight_layout=record.weight_layout,
        tables_bytes=num_channels * int(ffi.sizeof("kws_nn_channel_t")),
    )
