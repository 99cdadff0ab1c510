# SPDX-License-Identifier: Apache-2.0
"""Whoever presses Ctrl-C gets the prompt back, although batches are being made at that moment."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, time
from pathlib import Path
from kws.training.fit.quiet import load_tensorflow
load_tensorflow()
import keras, numpy as np
from kws.training.fit.config import OptimizerConfig
from kws.training.fit.train import train

class Slow:
    steps_per_epoch, input_shape, target_shape = 1000, (4,), (2,)
    def batch(self, step):
        time.sleep(0.05)
        return np.zeros((2, 4), np.float32), np.eye(2, dtype=np.float32)
    def validation(self):
        return np.zeros((2, 4), np.float32), np.arange(2)

def interrupt(standing):
    if standing.steps_done == 12:
        raise KeyboardInterrupt

def network():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])

train(Slow(), network, OptimizerConfig(epochs=1), seed=1, digest="x", folder=Path(sys.argv[1]), show=interrupt)
"""
_PATIENCE_S = 90.0
"""TensorFlow takes seconds to load; a process that waits for its own lock waits for ever."""


def test_an_interrupted_training_ends(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt"), ended.stderr
