# SPDX-License-Identifier: Apache-2.0
"""The pools of clips a batch is drawn from: recordings, synthetic words, continuous speech, chimeras, silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import read_audio
from kws.audio_files import audio_in, find_audio
from kws.errors import DatasetError
from kws.labels import SILENCE, UNKNOWN
from kws.training.clips.dataset import ClipSet, TrainingData
from kws.training.clips.recipe import chimeras, synthetic
from kws.training.clips.recipe.config import RecipeConfig
from kws.training.fit import settings, work

_EVALUATION_STRIDE = 5
"""Every fifth file of continuous speech is never trained on."""
_TRIES = 3
"""Random cuts of continuous speech of which the loudest is kept: pauses teach little."""
_STREAM = {name: number for number, name in enumerate(("continuous", "chimeras", "reversed", "synthetic", "negatives"))}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Clips of one kind."""

    name: str
    audio: NDArray[np.int16]
    """``[clips, samples]``; all zeros for silence."""
    labels: NDArray[np.int64]
    """``[clips]``: label numbers."""
    words: tuple[str, ...]
    """``[clips]``: what is said, or the name of the source."""

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.labels)

    def weights(self) -> NDArray[np.float64]:
        """How often each is drawn, summing to 1: keywords alike, others by the root of how many clips they have."""
        _, word, counts = np.unique(np.array(self.words), return_inverse=True, return_counts=True)
        weights = counts[word] ** (-1.0 if self.name == "keywords" else -0.5)
        return np.asarray(weights / weights.sum(), np.float64)

    def save(self, path: Path) -> None:
        """Write as ``.npz``."""
        np.savez(path, name=self.name, audio=self.audio, labels=self.labels, words=self.words)

    @classmethod
    def load(cls, path: Path) -> Source:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            words = tuple(file["words"].tolist())
            return cls(name=str(file["name"]), audio=file["audio"], labels=file["labels"], words=words)


def continuous_speech(data_folder: Path, folders: Sequence[str], *, evaluation: bool) -> list[NDArray[np.int16]]:
    """Read the recordings of speech without keywords that lie beside the data set.

    Parameters
    ----------
    data_folder : Path
        The data set; ``folders`` are looked for inside it and beside it.
    folders : sequence of str
    evaluation : bool
        The files left for evaluation instead of those to train on.

    Raises
    ------
    DatasetError
        If a folder is missing or has no audio.
    """
    recordings = []
    for name in folders:
        place = next((path for path in (data_folder / name, data_folder.parent / name) if path.is_dir()), None)
        files = audio_in(place) if place else []
        if not files:
            raise DatasetError(
                f"continuous speech: no recordings in {name!r} in or beside {data_folder}; put WAV or FLAC files "
                "without keywords there, or take it out of recipe.continuous_folders"
            )
        recordings += [read_audio(path) for i, path in enumerate(files) if (i % _EVALUATION_STRIDE == 0) == evaluation]
    return recordings


def negative_recordings(data_folder: Path, folders: Sequence[str]) -> list[NDArray[np.int16]]:
    """Read the long recordings of other sounds that lie in or beside the data set, folders searched deep.

    Raises
    ------
    DatasetError
        If a folder is missing or has no audio.
    """
    return [read_audio(path) for name in folders for path in find_audio([_beside(data_folder, name)])]


def _beside(data_folder: Path, name: str) -> Path:
    for place in (data_folder / name, data_folder.parent / name):
        if place.is_dir():
            return place
    raise DatasetError(
        f"negatives: no folder {name!r} in or beside {data_folder}; get it with: kws dataset download negatives, "
        "or take it out of recipe.negative_folders and give the source negatives no share"
    )


def gather(
    data: TrainingData,
    speech: Sequence[NDArray[np.int16]],
    negatives: Sequence[NDArray[np.int16]],
    recipe: RecipeConfig,
    *,
    seed: int,
    out: Path,
) -> tuple[Source, ...]:
    """Make every source that has a share.

    Parameters
    ----------
    data : TrainingData
        The data set's own clips.
    speech : sequence of int16 arrays
        Continuous speech without keywords.
    negatives : sequence of int16 arrays
        Long recordings of other sounds.
    recipe : RecipeConfig
    seed : int
    out : Path
        What is spoken is kept in ``work/`` there.
    """
    clips, number = data.training, {label: i for i, label in enumerate(data.labels)}
    spoken, samples = [label for label in data.labels if label not in (SILENCE, UNKNOWN)], clips.audio.shape[1]

    def rng(name: str) -> np.random.Generator:
        return np.random.default_rng([seed, 0x50, _STREAM[name]])

    def other(name: str, audio: NDArray[np.int16], words: tuple[str, ...] | None = None) -> Source:
        labels = np.full(len(audio), number[UNKNOWN])
        return Source(name=name, audio=audio, labels=labels, words=words or (name,) * len(audio))

    def speak(maker: Callable[..., tuple[NDArray[np.int16], tuple[str, ...]]], name: str) -> Source:
        def say() -> Source:
            audio, words = maker(spoken, recipe.synthetic, samples, seed=seed)
            labels = np.array([number.get(word, number[UNKNOWN]) for word in words])
            return Source(name=name, audio=audio, labels=labels, words=words)

        said = settings.to_dict(recipe.synthetic), spoken, synthetic.other_words(spoken), list(data.labels), samples
        return work.once(work.place(out, "speech", *said, seed) / f"{name}.npz", Source, say)

    makers: dict[str, Callable[[], Source]] = {
        "keywords": lambda: _recorded("keywords", clips, clips.labels != number[UNKNOWN]),
        "unknown": lambda: _recorded("unknown", clips, clips.labels == number[UNKNOWN]),
        "synthetic_keywords": lambda: speak(synthetic.speak_keywords, "synthetic_keywords"),
        "synthetic_unknown": lambda: speak(synthetic.speak_unknown, "synthetic_unknown"),
        "continuous": lambda: other(
            "continuous", cut_loud(speech, recipe.continuous_clips, samples, rng("continuous"))
        ),
        "chimeras": lambda: other(
            "chimeras", chimeras.chimeras(clips.clips(), clips.words, recipe.chimera_clips, rng("chimeras"))
        ),
        "reversed": lambda: other(
            "reversed", chimeras.backwards(clips.clips(), clips.words, recipe.reversed_clips, rng("reversed"))
        ),
        "negatives": lambda: other("negatives", cut_loud(negatives, recipe.negative_clips, samples, rng("negatives"))),
        "silence": lambda: Source(
            name="silence",
            audio=np.zeros((recipe.silence_clips, samples), np.int16),
            labels=np.full(recipe.silence_clips, number[SILENCE]),
            words=(SILENCE,) * recipe.silence_clips,
        ),
    }
    return tuple(make() for name, make in makers.items() if recipe.shares.get(name, 0.0) > 0.0)


def cut_loud(
    recordings: Sequence[NDArray[np.int16]], count: int, num_samples: int, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Cut ``[count, num_samples]`` of recordings at random, preferring places where somebody talks."""
    usable = [recording for recording in recordings if recording.size > num_samples]
    if not usable:
        raise DatasetError(f"continuous speech: expected a recording longer than {num_samples} samples, got none")
    pieces = np.empty((count, num_samples), np.int16)
    for piece in pieces:
        recording = usable[rng.integers(len(usable))]
        starts = rng.integers(recording.size - num_samples, size=_TRIES)
        cuts = [recording[start : start + num_samples] for start in starts]
        piece[:] = max(
            cuts, key=lambda cut: float(np.square(cut[num_samples // 4 : -num_samples // 4], dtype=float).sum())
        )
    return pieces


def _recorded(name: str, clips: ClipSet, chosen: NDArray[np.bool_]) -> Source:
    positions = np.flatnonzero(chosen)
    words = tuple(clips.words[position] for position in positions)
    return Source(name=name, audio=clips.clips(positions), labels=clips.labels[positions], words=words)
