"""Stage 2 of a word project: takes and negatives become augmented windows of features.

A window ends where a decision would be made. The word ends shortly before, at a place that varies by a few
frames, with silence or other speech around it: what the stream looks like at the moment to wake. Stored windows
are longer than the network's by the jitter, and every batch cuts its own piece out of them.
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
from kws.features import Features
from training.augment import Acoustics, Waveform
from training.wakeword.config import WordProject
from training.wakeword.sounds import draw_sound
from training.wakeword.speech import SpeechBank

Source = Literal["word", "recording", "near", "other", "ambient", "noise"]
Progress = Callable[[int, int], None]

_CHUNK = 64
_CHUNKS_PER_PROCESS = 8
"""Starting a process costs seconds; less work than this is done here."""
_NUM_NOISES = 60
_NOISE_S = 8
_NOISES, _EXAMPLES = 11, 12
_WITH_SPEECH_BEFORE = 0.5
_WITH_SPEECH_BEHIND = 0.3


@dataclass(frozen=True, kw_only=True)
class WindowShape:
    """The audio behind one stored window."""

    window_frames: int
    """What the network sees."""
    jitter_frames: int
    """Stored beyond that."""
    hop_samples: int
    window_samples: int
    """Of one frame."""
    tail_samples: int

    @property
    def num_frames(self) -> int:
        """Stored."""
        return self.window_frames + self.jitter_frames

    @property
    def num_samples(self) -> int:
        """Of the scene behind a stored window."""
        return self.window_samples + (self.num_frames - 1) * self.hop_samples

    @property
    def word_end(self) -> int:
        """Where a word ends in a scene: the earliest piece cut out ends `tail_samples` later."""
        return self.num_samples - self.jitter_frames * self.hop_samples - self.tail_samples


@dataclass(frozen=True, kw_only=True)
class Order:
    """One window to make."""

    source: Source
    take: int
    """Of the speech bank or the recordings; -1 when the source has no takes."""
    label: int


@dataclass(frozen=True, kw_only=True)
class Material:
    """Everything windows are made from."""

    project: WordProject
    shape: WindowShape
    bank: SpeechBank
    recordings: tuple[NDArray[np.int16], ...]
    """The user's own takes, trimmed."""
    ambient: NDArray[np.int16]
    validates: bool
    """Which side of every split this is."""


class SceneMaker:
    """Makes windows of samples; every one is a function of (project seed, side, its number)."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._shape = material.shape
        rng = np.random.default_rng([material.project.seed, _NOISES, material.validates])
        noises = [draw_sound(_NOISE_S * SAMPLE_RATE_HZ, rng) for _ in range(_NUM_NOISES)]
        if material.ambient.size:
            noises += [self._ambient(_NOISE_S * SAMPLE_RATE_HZ, rng) for _ in range(_NUM_NOISES)]
        self._acoustics = Acoustics(material.project.acoustics, noises, seed=material.project.seed)
        self._others = material.bank.find("other", validates=material.validates)

    def make(self, order: Order, number: int) -> NDArray[np.int16]:
        """Return one window ``[num_samples]``."""
        rng = np.random.default_rng([self._material.project.seed, _EXAMPLES, self._material.validates, number])
        return self._acoustics.record(self._scene(order, rng), rng)

    def _scene(self, order: Order, rng: np.random.Generator) -> Waveform:
        num_samples = self._shape.num_samples
        if order.source == "noise":
            return draw_sound(num_samples, rng)
        if order.source == "ambient":
            return self._ambient(num_samples, rng)
        if order.source == "other":
            return self._piece(_float(self._material.bank.take(order.take)), rng)
        if order.source == "recording":
            take = _float(self._material.recordings[order.take])
        else:
            take = _float(self._material.bank.take(order.take))
        take = self._acoustics.another_speaker(take, rng)
        end = self._shape.word_end
        if order.source == "near":  # it may also be cut off, or be over for a while
            end += int(rng.integers(-num_samples // 3, self._shape.tail_samples * 4))
        scene = np.zeros(num_samples, dtype=np.float32)
        _put(scene, take, end - take.size)
        self._surround(scene, end - take.size, end, rng)
        return scene

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

    def _ambient(self, num_samples: int, rng: np.random.Generator) -> Waveform:
        ambient = self._material.ambient
        start = int(rng.integers(max(ambient.size - num_samples, 1)))
        piece = _float(ambient[start : start + num_samples])
        return np.pad(piece, (0, num_samples - piece.size))

    def _piece(self, speech: Waveform, rng: np.random.Generator) -> Waveform:
        """Cut a piece out of a sentence, anywhere."""
        speech = self._acoustics.another_speaker(speech, rng)
        num_samples = self._shape.num_samples
        scene = np.zeros(num_samples, dtype=np.float32)
        _put(scene, speech, int(rng.integers(min(num_samples - speech.size, 0) - 1, num_samples // 3)))
        return scene


def plan(material: Material) -> list[Order]:
    """List the windows of one side; validation gets an eighth of what training gets."""
    config, bank, validates = material.project.examples, material.bank, material.validates
    share = 8 if validates else 1
    orders: list[Order] = []
    words = bank.find("word", validates=validates)
    variants = 1 if validates else config.variants_per_take
    orders += [Order(source="word", take=int(t), label=int(bank.labels[t])) for t in words for _ in range(variants)]
    for source, count in (("near", config.near), ("other", config.other)):
        takes = bank.find(source, validates=validates)  # type: ignore[arg-type]
        chosen = [int(takes[i % takes.size]) for i in range(count // share if takes.size else 0)]
        orders += [Order(source=source, take=take, label=0) for take in chosen]  # type: ignore[arg-type]
    if material.ambient.size:
        orders += [Order(source="ambient", take=-1, label=0)] * (config.ambient // share)
    orders += [Order(source="noise", take=-1, label=0)] * (config.noise // share)
    return orders


def plan_recordings(labels: Sequence[int], variants: int) -> list[Order]:
    """List the windows made from the user's own takes."""
    return [
        Order(source="recording", take=take, label=label) for take, label in enumerate(labels) for _ in range(variants)
    ]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Stored windows of features."""

    features: NDArray[np.int8]
    """``[examples, frames + jitter, num_features]``."""
    labels: NDArray[np.int64]
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
        return cls(
            features=np.concatenate([examples.features for examples in sets]),
            labels=np.concatenate([examples.labels for examples in sets]),
            sources=np.concatenate([examples.sources for examples in sets]),
        )


def make_examples(
    material: Material, orders: Sequence[Order], *, first_number: int = 0, on_progress: Progress | None = None
) -> Examples:
    """Make every window that is ordered, in order, on all cores."""
    chunks = [(first_number + start, list(orders[start : start + _CHUNK])) for start in range(0, len(orders), _CHUNK)]
    features: list[NDArray[np.int8]] = []
    for batch in _map_chunks(material, chunks):
        features.append(batch)
        if on_progress is not None:
            on_progress(min(len(features) * _CHUNK, len(orders)), len(orders))
    return Examples(
        features=np.concatenate(features),
        labels=np.array([order.label for order in orders], dtype=np.int64),
        sources=np.array([order.source for order in orders]),
    )


def _map_chunks(material: Material, chunks: Sequence[tuple[int, list[Order]]]) -> Iterator[NDArray[np.int8]]:
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
    _worker = SceneMaker(material), Features(material.project.features)


def _make_chunk(chunk: tuple[int, list[Order]]) -> NDArray[np.int8]:
    assert _worker is not None
    scenes, features = _worker
    first, orders = chunk
    audio = np.stack([scenes.make(order, first + i) for i, order in enumerate(orders)])
    return features.compute_batch(audio)


def _float(samples: NDArray[np.int16]) -> Waveform:
    return samples.astype(np.float32) / np.float32(32768.0)


def _put(scene: Waveform, take: Waveform, start: int) -> None:
    """Add a take to a scene at a place that may lie partly or wholly outside."""
    begin, stop = max(start, 0), min(start + take.size, scene.size)
    if begin < stop:
        scene[begin:stop] += take[begin - start : stop - start]
