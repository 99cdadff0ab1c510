# SPDX-License-Identifier: Apache-2.0
"""Batches for `kws.training.fit.train`: scenes drawn by kind and pieces of long negatives, each time in another colour.

Every batch is a function of (seed, step), so an interrupted run goes on exactly where it was.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kws.features import FeaturesConfig
from kws.training.augment.features import MaskConfig, Surroundings, cut_windows, mask_features
from kws.training.fit.speech_trunk import ROW_FRAMES
from kws.training.wakeword.config import ExamplesConfig
from kws.training.wakeword.examples import Examples, WindowShape
from kws.training.wakeword.mining import Mining, draw_starts

AMBIENT, PAUSE = "ambient", "pause"
_BATCH = 21
_SPOKEN_SAMPLES = 3200


class WordBatches:
    """What `kws.training.fit.train.train` asks of batches.

    Parameters
    ----------
    training, validation : Examples
    negatives : int8 [frames, num_features]
        Long audio in which none of the words is said, the babble last.
    babble : int8 [frames, num_features]
        Several people at once, to be heard behind scenes; may be empty.
    features : FeaturesConfig
    shape : WindowShape
    config : ExamplesConfig
    masks : MaskConfig
    mix : mapping of str to float
        Share of each kind of example in a batch, ``ambient`` being the long negatives; kinds without examples give
        theirs to the others.
    num_labels : int
    batch_clips : int
        Scenes in a batch.
    seed : int
    mining : Mining, optional
        Says which moments of the long negatives to draw more often.
    """

    def __init__(
        self,
        training: Examples,
        validation: Examples,
        negatives: NDArray[np.int8],
        babble: NDArray[np.int8],
        features: FeaturesConfig,
        *,
        shape: WindowShape,
        config: ExamplesConfig,
        masks: MaskConfig,
        mix: Mapping[str, float],
        num_labels: int,
        batch_clips: int,
        seed: int,
        mining: Mining | None = None,
    ) -> None:
        self._mining, self._mined_share = mining, config.mined_share
        self._training, self._validation, self._negatives = training, validation, negatives
        self._features, self._shape, self._masks = features, shape, masks
        self._batch_clips, self._seed = batch_clips, seed
        self._targets = decision_targets(training, shape, num_labels)
        self._first_crowd = len(negatives) - len(babble)
        self._surroundings = Surroundings(features, negatives, config, babble)
        members = {kind: np.flatnonzero(training.sources == kind) for kind in mix}
        members[AMBIENT] = np.arange(max(len(negatives) - shape.scene_frames + 1, 0))
        self._kinds = [kind for kind, share in mix.items() if share > 0.0 and members[kind].size]
        self._members = [members[kind] for kind in self._kinds]
        self._shares = np.array([mix[kind] for kind in self._kinds]) / sum(mix[kind] for kind in self._kinds)
        self.steps_per_epoch = max(1, config.per_epoch // batch_clips)

    @property
    def input_shape(self) -> tuple[int, int]:
        """Frames and features of a scene."""
        return self._shape.scene_frames, self._training.features.shape[2]

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Decisions of a scene, labels."""
        return self._targets.shape[1:]

    def batch(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scenes ``[batch, *input_shape]`` and targets as of `decision_targets` of a step."""
        features, targets = self.features(step)
        return self._features.dequantize(features), targets

    def features(self, step: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Features ``[batch, frames, num_features]`` and targets as of `decision_targets` of a step."""
        rng = np.random.default_rng([self._seed, _BATCH, step])
        counts = rng.multinomial(self._batch_clips, self._shares)
        features, targets = [], []
        for kind, members, count in zip(self._kinds, self._members, counts, strict=True):
            rows = members[rng.integers(0, members.size, count)]
            if kind == AMBIENT:
                rows = self._with_mined(rows, step, rng)
                scenes = cut_windows(self._negatives, rows, self._shape.scene_frames)
                targets.append(_negative_targets(rows >= self._first_crowd, self._targets.shape[1:]))
            else:
                scenes = self._training.features[rows]
                targets.append(self._targets[rows])
            features.append(scenes if kind == PAUSE else self._surroundings.surround(scenes, rng))
        return mask_features(np.concatenate(features), self._masks, rng), np.concatenate(targets)

    def _with_mined(self, starts: NDArray[np.int64], step: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Let some of the scenes of the long negatives begin where a bad moment is in them."""
        if self._mining is None or not (moments := self._mining.moments(step // self.steps_per_epoch)).size:
            return starts
        mined = draw_starts(moments, starts.size, self._shape, len(self._negatives), rng)
        return np.where(rng.random(starts.size) < self._mined_share, mined, starts)

    def validation(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """One window of every validation scene: where it should wake, or the middle."""
        shape = self._shape
        middle = np.full(len(self._validation), shape.num_samples)
        ends = np.where(
            self._validation.ends >= 0, self._validation.ends + shape.tail_samples + shape.wake_samples // 2, middle
        )
        starts = (ends - shape.window_samples) // shape.hop_samples + 1 - shape.window_frames
        return self._features.dequantize(self._windows(self._validation.features, starts)), self._validation.labels

    def plain_features(self, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        """Windows from the middle of some training scenes; they set the ranges of the int8 network."""
        middle = (self._shape.scene_frames - self._shape.window_frames) // 2
        return self._windows(self._training.features[positions], np.full(len(positions), middle))

    def _windows(self, scenes: NDArray[np.int8], starts: NDArray[np.int64]) -> NDArray[np.int8]:
        frames = starts[:, None] + np.arange(self._shape.window_frames)
        return np.asarray(scenes[np.arange(len(scenes))[:, None], frames])


def decision_targets(examples: Examples, shape: WindowShape, num_labels: int) -> NDArray[np.float32]:
    """What every decision of a scene may say: ``[examples, decisions, labels]``, 1 for each label that would be right.

    Awake for a while from shortly after the end of a word; asleep before it; between the two, and when the word begins
    to leave the window, anything is fine, and all are 0. Asleep is "silence", the last label, in a pause, "unknown",
    the first, where somebody is heard to speak for 0.2 s, and either of them elsewhere.
    """
    heard = shape.decision_samples(ROW_FRAMES)[None, :]
    since = heard - examples.ends[:, None] - shape.tail_samples
    awake = (examples.ends[:, None] >= 0) & (since >= 0) & (since <= shape.wake_samples)
    targets = np.zeros((*awake.shape, num_labels), dtype=np.float32)
    asleep = heard <= examples.quiet_until[:, None]
    starts, stops = examples.spoken.T[:, :, None]
    spoken = np.minimum(heard, stops) - np.maximum(heard - shape.heard_samples, starts) >= _SPOKEN_SAMPLES
    targets[..., 0] = asleep & (examples.sources != PAUSE)[:, None]
    targets[..., -1] = asleep & ~spoken
    scenes, decisions = np.nonzero(awake)
    targets[scenes, decisions, examples.labels[scenes]] = 1.0
    return targets


def _negative_targets(crowds: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Unknown; a crowd may be silence as well."""
    targets = np.zeros((len(crowds), *shape), dtype=np.float32)
    targets[..., 0] = 1.0
    targets[crowds, :, -1] = 1.0
    return targets
