# SPDX-License-Identifier: Apache-2.0
"""Same seed, same bits, on any backend of Keras."""

from __future__ import annotations

import keras


def make_deterministic(seed: int) -> None:
    """Seed everything, and forbid operations whose result depends on timing where the backend can."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
