# SPDX-License-Identifier: Apache-2.0
"""Keeps TensorFlow's start-up chatter off the screen; what it says is shown only if it fails."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Hold back what native code and warnings write to stderr; release it if the block raises.

    TensorFlow's C++ side writes before any of its log levels is read, so the file descriptor itself is diverted.
    """
    sys.stderr.flush()
    kept = os.dup(_STDERR)
    with tempfile.TemporaryFile() as diverted, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(diverted.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            _restore(kept)
            diverted.seek(0)
            os.write(_STDERR, diverted.read())
            raise
        _restore(kept)


def load_tensorflow(*, threads: int | None = None) -> None:
    """Import TensorFlow and let it look for devices, without a word; one of several workers must join them first.

    Parameters
    ----------
    threads : int, optional
        How many compute; as many as there are cores when not given.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # several processes may train on one
    with quiet_tensorflow():
        import tensorflow as tf

        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        if "TF_CONFIG" not in os.environ:
            tf.config.list_logical_devices()


def _restore(kept: int) -> None:
    sys.stderr.flush()
    os.dup2(kept, _STDERR)
    os.close(kept)
