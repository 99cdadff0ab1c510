# SPDX-License-Identifier: Apache-2.0
"""Stage 2 of a word project: takes become augmented scenes of features.

A scene is a few seconds of what a microphone might hear: a word or a near-miss somewhere in it, silence or other
speech around, a room, noise. It is longer than the network's window, so it holds dozens of decisions: some should
wake, some must not, and those in between do not count.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ
from kws.features import Features, FeaturesConfig
from kws.levels import ratio, rms
from kws.training.augment.acoustics import Acoustics, AcousticsConfig, Waveform
from kws.training.augment.sounds import draw_pause, draw_sound
from kws.training.wakeword.config import ScenesConfig
from kws.training.wakeword.speech import SpeechBank

Source = Literal["word", "accent", "recording", "heard", "near", "other", "noise", "pause"]
Progress = Callable[[int, int], None]
WORD_SOURCES: tuple[Literal["word", "accent"], ...] = ("word", "accent")
"""Of the synthetic words."""

_CHUNK = 64
_CHUNKS_PER_PROCESS = 8
"""Starting a process costs seconds; less work than this is done here."""
_NUM_NOISES = 60
_NOISE_S = 8
_NOISES, _EXAMPLES = 11, 12
_CROWD_SHARE = 0.25
"""Of the pauses, where there are crowds: a room full of guests is one, unless somebody speaks up."""
_BESIDE_CROWD_DB = (0.0, 30.0)
"""So far below a crowd is what else is heard."""
_WITH_SPEECH_BEFORE = 0.5
_WITH_SPEECH_BEHIND = 0.4
_QUIETEST = 1e-9
_MAY_WAKE_EARLY_S = 0.3
"""Waking this long before the end of a word, or in the second half of a short one, is neither asked for nor wrong."""


@dataclass(frozen=True, kw_only=True)
class WindowShape:
    """Lengths of windows and scenes."""

    window_frames: int
    """What the network sees."""
    scene_frames: int
    """What is stored."""
    hop_samples: int
    window_samples: int
    """Of one frame."""
    tail_samples: int
    """Earliest moment to wake: so long after the end of a word."""
    wake_samples: int
    """Length of the time in which it should be awake."""

    @property
    def num_samples(self) -> int:
        """Of the scene behind a stored example."""
        return self._samples(self.scene_frames)

    @property
    def word_ends(self) -> tuple[int, int]:
        """First and last place where a word may end in a scene: every decision that should wake lies in it."""
        return self._samples(self.window_frames) - self.tail_samples, (
            self.num_samples - self.tail_samples - self.wake_samples
        )

    @property
    def heard_samples(self) -> int:
        """Of a window."""
        return self._samples(self.window_frames)

    def decision_samples(self, decision_frames: int) -> NDArray[np.int64]:
        """One past the last sample that each decision of a scene has heard."""
        frames = np.arange(self.window_frames, self.scene_frames + 1, decision_frames)
        return (frames - 1) * self.hop_samples + self.window_samples

    def _samples(self, frames: int) -> int:
        return self.window_samples + (frames - 1) * self.hop_samples


@dataclass(frozen=True, kw_only=True)
class Order:
    """One scene to make."""

    source: Source
    take: int
    """Of the speech bank or the recordings; -1 when the source has no takes."""
    label: int


@dataclass(frozen=True, kw_only=True)
class Material:
    """Everything scenes are made from."""

    features: FeaturesConfig
    acoustics: AcousticsConfig
    shape: WindowShape
    seed: int
    bank: SpeechBank
    recordings: tuple[NDArray[np.int16], ...]
    """The user's own takes, trimmed."""
    ambient: NDArray[np.int16]
    babble: NDArray[np.int16]
    """Several people at once; may be empty."""
    validates: bool
    """Which side of every split this is."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a microphone hears, and what should be made of it."""

    samples: NDArray[np.int16]
    end: int
    """Where the word ends; -1 without one."""
    quiet_until: int
    """Nothing may wake at decisions that have heard less than this many samples."""
    spoken: tuple[int, int] = (0, 0)
    """From where to where somebody surely speaks; elsewhere somebody may."""


class SceneMaker:
    """Makes scenes of samples; every one is a function of (seed, side, its number)."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._shape = material.shape
        rng = np.random.default_rng([material.seed, _NOISES, material.validates])
        noises = [draw_sound(_NOISE_S * SAMPLE_RATE_HZ, rng) for _ in range(_NUM_NOISES)]
        for recorded in (material.ambient, material.babble):
            if recorded.size:
                noises += [_cut(recorded, _NOISE_S * SAMPLE_RATE_HZ, rng) for _ in range(_NUM_NOISES)]
        self._acoustics = Acoustics(material.acoustics, noises, seed=material.seed)
        self._others = material.bank.find("other", validates=material.validates)

    def make(self, order: Order, number: int) -> Scene:
        """Return one scene."""
        rng = np.random.default_rng([self._material.seed, _EXAMPLES, self._material.validates, number])
        if order.source == "pause":
            heard = self._acoustics.hear(self._pause(rng), rng)
            return Scene(samples=heard, end=-1, quiet_until=self._shape.num_samples)
        dry, end, spoken = self._dry(order, rng)
        early = min(round(_MAY_WAKE_EARLY_S * SAMPLE_RATE_HZ), (spoken[1] - spoken[0]) // 2)
        return Scene(
            samples=self._acoustics.record(dry, rng),
            end=end,
            quiet_until=self._shape.num_samples if end < 0 else end - early,
            spoken=spoken,
        )

    def _dry(self, order: Order, rng: np.random.Generator) -> tuple[Waveform, int, tuple[int, int]]:
        """Return samples, where the word ends (-1 without one), and where somebody surely speaks."""
        num_samples = self._shape.num_samples
        if order.source == "noise":
            return draw_sound(num_samples, rng), -1, (0, 0)
        if order.source == "other":
            return self._piece(_float(self._material.bank.take(order.take)), rng)
        takes = self._material.recordings if order.source in ("recording", "heard") else None
        take = _float(takes[order.take] if takes is not None else self._material.bank.take(order.take))
        take = self._acoustics.another_speaker(take, rng)
        first, last = self._shape.word_ends
        if order.source == "near":  # it may also be cut off, or be over for a while
            first, last = first // 2, last + take.size // 2
        end = int(rng.integers(first, last + 1))
        scene = np.zeros(num_samples, dtype=np.float32)
        _put(scene, take, end - take.size)
        self._surround(scene, end - take.size, end, rng)
        return scene, end if order.label else -1, (end - take.size, end)

    def _pause(self, rng: np.random.Generator) -> Waveform:
        """What is heard while nobody speaks but, at most, everybody."""
        sound = draw_pause(self._shape.num_samples, rng)
        crowds = self._material.babble
        if not crowds.size or rng.random() >= _CROWD_SHARE:
            return sound
        crowd, beside = _cut(crowds, sound.size, rng), ratio(-rng.uniform(*_BESIDE_CROWD_DB))
        return crowd + sound * np.float32(beside * rms(crowd) / max(rms(sound), _QUIETEST))

    def _surround(self, scene: Waveform, start: int, end: int, rng: np.random.Generator) -> None:
        """Other speech before and behind the take, so that quiet around it is no sign of anything."""
        if not self._others.size:
            return
        if start > 0 and rng.random() < _WITH_SPEECH_BEFORE:
            before = self._other_take(rng)
            gap = int(rng.uniform(0.03, 0.5) * SAMPLE_RATE_HZ)
            _put(scene, before, start - gap - before.size)
        if rng.random() < _WITH_SPEECH_BEHIND:
            gap = int(rng.uniform(0.03, 0.3) * SAMPLE_RATE_HZ)
            _put(scene, self._other_take(rng), end + gap)

    def _other_take(self, rng: np.random.Generator) -> Waveform:
        return _float(self._material.bank.take(int(rng.choice(self._others)))) * rng.uniform(0.3, 1.2)

    def _piece(self, speech: Waveform, rng: np.random.Generator) -> tuple[Waveform, int, tuple[int, int]]:
        """Cut a piece out of a sentence, anywhere; return what `_dry` returns."""
        speech = self._acoustics.another_speaker(speech, rng)
        num_samples = self._shape.num_samples
        scene = np.zeros(num_samples, dtype=np.float32)
        start = int(rng.integers(min(num_samples - speech.size, 0) - 1, num_samples // 3))
        _put(scene, speech, start)
        return scene, -1, (start, start + speech.size)


def plan(config: ScenesConfig, bank: SpeechBank, *, validates: bool) -> list[Order]:
    """List the scenes of one side; validation gets an eighth of what training gets."""
    share = 8 if validates else 1
    orders: list[Order] = []
    variants = 1 if validates else config.variants_per_take
    for said in WORD_SOURCES:
        takes = [int(take) for take in bank.find(said, validates=validates) for _ in range(variants)]
        orders += [Order(source=said, take=take, label=int(bank.labels[take])) for take in takes]
    for source, count in (("near", config.near), ("other", config.other)):
        there = bank.find(source, validates=validates)  # type: ignore[arg-type]
        chosen = [int(there[i % there.size]) for i in range(count // share if there.size else 0)]
        orders += [Order(source=source, take=take, label=0) for take in chosen]  # type: ignore[arg-type]
    orders += [Order(source="noise", take=-1, label=0)] * (config.noise // share)
    orders += [Order(source="pause", take=-1, label=0)] * (config.pauses // share)
    return orders


def plan_recordings(labels: Sequence[int], variants: int) -> list[Order]:
    """List the scenes made from the user's own takes; without a word (label 0) they are what it woke at wrongly."""
    return [
        Order(source="recording" if label else "heard", take=take, label=label)
        for take, label in enumerate(labels)
        for _ in range(variants)
    ]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Stored scenes."""

    features: NDArray[np.int8]
    """``[examples, scene_frames, num_features]``."""
    labels: NDArray[np.int64]
    ends: NDArray[np.int64]
    """As in `Scene`."""
    quiet_until: NDArray[np.int64]
    spoken: NDArray[np.int64]
    """``[examples, 2]``."""
    sources: NDArray[np.str_]

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.labels)

    def save(self, path: Path) -> None:
        """Write as ``.npz``."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Examples:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in file.files})

    @classmethod
    def join(cls, sets: Sequence[Examples]) -> Examples:
        """Put sets together."""
        return cls(**{name: np.concatenate([vars(examples)[name] for examples in sets]) for name in vars(sets[0])})


def make_examples(
    material: Material, orders: Sequence[Order], *, first_number: int = 0, on_progress: Progress | None = None
) -> Examples:
    """Make every scene that is ordered, in order, on all cores."""
    chunks = [(first_number + start, list(orders[start : start + _CHUNK])) for start in range(0, len(orders), _CHUNK)]
    made: list[Examples] = []
    for examples in _map_chunks(material, chunks):
        made.append(examples)
        if on_progress is not None:
            on_progress(min(len(made) * _CHUNK, len(orders)), len(orders))
    return Examples.join(made)


def _map_chunks(material: Material, chunks: Sequence[tuple[int, list[Order]]]) -> Iterator[Examples]:
    """Processes, not threads: most of the work is Python. Spawned, because TensorFlow does not survive a fork."""
    workers = min(os.cpu_count() or 1, len(chunks) // _CHUNKS_PER_PROCESS)
    if workers < 2:
        _start_worker(material)
        yield from map(_make_chunk, chunks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(material,)) as pool:
        yield from pool.map(_make_chunk, chunks)


_worker: tuple[SceneMaker, Features] | None = None
"""Of this process; made once, because rooms and noises take seconds."""


def _start_worker(material: Material) -> None:
    global _worker
    _worker = SceneMaker(material), Features(material.features)


def _make_chunk(chunk: tuple[int, list[Order]]) -> Examples:
    assert _worker is not None
    maker, features = _worker
    first, orders = chunk
    scenes = [maker.make(order, first + i) for i, order in enumerate(orders)]
    return Examples(
        features=features.compute_batch(np.stack([scene.samples for scene in scenes])),
        labels=np.array([order.label for order in orders], dtype=np.int64),
        ends=np.array([scene.end for scene in scenes], dtype=np.int64),
        quiet_until=np.array([scene.quiet_until for scene in scenes], dtype=np.int64),
        spoken=np.array([scene.spoken for scene in scenes], dtype=np.int64),
        sources=np.array([order.source for order in orders]),
    )


def _float(samples: NDArray[np.int16]) -> Waveform:
    return samples.astype(np.float32) / np.float32(32768.0)


def _cut(recorded: NDArray[np.int16], num_samples: int, rng: np.random.Generator) -> Waveform:
    start = int(rng.integers(max(recorded.size - num_samples, 1)))
    piece = _float(recorded[start : start + num_samples])
    return np.pad(piece, (0, num_samples - piece.size))


def _put(scene: Waveform, take: Waveform, start: int) -> None:
    """Add a take to a scene at a place that may lie partly or wholly outside."""
    begin, stop = max(start, 0), min(start + take.size, scene.size)
    if begin < stop:
        scene[begin:stop] += take[begin - start : stop - start]
