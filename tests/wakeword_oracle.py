# SPDX-License-Identifier: Apache-2.0
"""microWakeWord's own runner (package pymicro-wakeword), as it comes and over TFLite's reference kernels."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pymicro_wakeword
import soundfile
import soxr
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

Int16Array = npt.NDArray[np.int16]
MODELS = Path(pymicro_wakeword.__file__).parent / "models"
NAMES = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")


@dataclass(frozen=True)
class Run:
    """What the runner said, at each step of the network."""

    outputs: npt.NDArray[np.int64]
    """Of the network: uint8."""
    means: npt.NDArray[np.float64]
    """Of the sliding window."""
    fired: npt.NDArray[np.bool_]


def run_published(name: str, audio: Int16Array, *, reference_kernels: bool) -> Run:
    """Run the package over a recording.

    Parameters
    ----------
    name : one of NAMES
    audio : int16, 16 kHz
    reference_kernels : bool
        Put TFLite's reference kernels in place of the package's own library; all else is the package's code.
    """
    runner = MicroWakeWord.from_config(MODELS / f"{name}.json")
    if reference_kernels:
        runner.lib = _ReferenceKernels(MODELS / f"{name}.tflite")
    outputs, means, fired = [], [], []
    for number, features in enumerate(MicroWakeWordFeatures().process_streaming(audio.tobytes())):
        mean = runner.process_streaming_prob(features)
        if number % runner.stride == runner.stride - 1:
            outputs.append(round(runner._probabilities[-1] * 256))
            means.append(mean)
            fired.append(mean > runner.probability_cutoff)
    if reference_kernels:
        runner.interpreter = runner.model = None  # theirs to delete is only what is theirs
    return Run(np.array(outputs, np.int64), np.array(means), np.array(fired, bool))


class _ReferenceKernels:
    """The part of TFLite's C interface that the runner calls at each step, over the reference kernels."""

    def __init__(self, model: Path) -> None:
        import tensorflow as tf

        self._interpreter = tf.lite.Interpreter(
            str(model), experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF
        )
        self._interpreter.allocate_tensors()
        (self._input,), (self._output,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()

    def TfLiteTensorCopyFromBuffer(self, _tensor: Any, pointer: Any, num_bytes: int) -> None:
        values = np.frombuffer(ctypes.string_at(pointer, num_bytes), np.int8)
        self._interpreter.set_tensor(self._input["index"], values.reshape(self._input["shape"]))

    def TfLiteInterpreterInvoke(self, _interpreter: Any) -> None:
        self._interpreter.invoke()

    def TfLiteTensorByteSize(self, _tensor: Any) -> int:
        return 1

    def TfLiteTensorCopyToBuffer(self, _tensor: Any, pointer: Any, num_bytes: int) -> None:
        ctypes.memmove(pointer, self._interpreter.get_tensor(self._output["index"]).tobytes(), num_bytes)


def spoken(folder: Path, phrases: dict[str, str]) -> Int16Array:
    """Return phrases said by eSpeak NG in the given voices, with a second of faint noise around each."""
    rng = np.random.default_rng(1)
    parts = [rng.integers(-20, 21, 16000)]
    for phrase, voice in phrases.items():
        path = folder / "phrase.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", path, phrase], check=True)
        samples, rate = soundfile.read(path, dtype="float32")
        parts += [np.round(soxr.resample(samples, rate, 16000) * 20000), rng.integers(-20, 21, 16000)]
    return np.concatenate(parts).astype(np.int16)
