# SPDX-License-Identifier: Apache-2.0
"""A small word project, its windows, and networks to hear them."""

import numpy as np

from kws.training.augment.acoustics import AcousticsConfig
from kws.training.fit.speech_trunk import Trunk, TrunkConfig, build
from kws.training.wakeword import network
from kws.training.wakeword.config import (
    ExamplesConfig,
    SpeechConfig,
    WordConfig,
    WordProject,
)
from kws.training.wakeword.examples import WindowShape

SMALL = WordProject(
    name="hey_nova",
    words=(WordConfig(label="hey nova"),),
    speech=SpeechConfig(
        engines={"espeak-ng": 1.0},
        num_voices=30,
        takes_per_word=30,
        near_takes=20,
        sentences=20,
        near_words=10,
        near_mutations=10,
    ),
    acoustics=AcousticsConfig(num_rooms=2),
    examples=ExamplesConfig(variants_per_take=1, near=20, other=16, noise=8, pauses=8, crowds=1),
)
PLAIN = AcousticsConfig(
    speed_probability=0.0,
    stretch_probability=0.0,
    pitch_probability=0.0,
    room_probability=0.0,
    num_rooms=1,
    equalizer_probability=0.0,
    band_limit_probability=0.0,
    noise_probability=0.0,
    clipping_probability=0.0,
    level_dbfs=(-20.0, -20.0),
)
"""What is said is what is heard."""
SHAPE = WindowShape(
    window_frames=58, scene_frames=98, hop_samples=320, window_samples=480, tail_samples=640, wake_samples=2560
)


TRUNK = TrunkConfig()


def a_trunk() -> Trunk:
    rng = np.random.default_rng(0)
    weights = [
        (rng.uniform(0.1, 1.0, weight.shape) - 0.5 * (weight.ndim > 1)).astype(np.float32)
        for weight in build(TRUNK, seed=1).get_weights()
    ]
    return Trunk(config=TRUNK, weights=tuple(weights[:-2]), head=tuple(weights[-2:]))


def a_network(anchor: float) -> network.WordNetwork:
    return network.WordNetwork(
        trunk=a_trunk(), window_frames=SHAPE.window_frames, num_labels=3, anchor=anchor, seed=SMALL.seed
    )
