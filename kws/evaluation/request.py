# SPDX-License-Identifier: Apache-2.0
"""What `kws evaluate` was asked for, turned into clips, streams and negative audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.bundle import Bundle
from kws.errors import ConfigError, EvaluationError, note
from kws.evaluation.listening import listening_of
from kws.evaluation.recordings import Recording, find_recordings
from kws.evaluation.run import (
    NegativeAudio,
    OnProgress,
    ignore_progress,
    keywords_of,
    points_by_keywords,
    score_clips,
    score_mixture,
    score_negatives,
    score_streams,
)
from kws.evaluation.streams import StreamRecipe
from kws.evaluation.summary import Evaluation, judge
from kws.evaluation.tracks import ScoreTrack
from kws.files import StrPath, StrPaths, as_paths
from kws.labels import SILENCE, Labels, role_of
from kws.phrases import counted, first_few

SPLITS = ("training", "validation", "testing")


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest:
    """Recordings, and how to hear them."""

    paths: StrPaths
    """Folders of labelled clips; or streams, with ``truth``; or audio without a keyword."""
    truth: StrPath | None = None
    truth_label: str | None = None
    other_words: bool = False
    """Whether the truth may hold words that the bundle has no label for: nothing may fire in them."""
    split: str | None = None
    """Only this split of a Speech Commands folder."""
    mix: StrPath | None = None
    """Background to mix labelled clips into: they are judged as one stream then."""
    snr_db: float | None = None
    """Level of the words over that background; 10 dB when omitted."""
    seed: int | None = None
    """Seed of the words' order and gaps; 1 when omitted."""
    negatives: StrPaths = ()
    """More audio without a keyword."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", as_paths(self.paths))
        object.__setattr__(self, "negatives", as_paths(self.negatives))

    @property
    def recipe(self) -> StreamRecipe:
        """How words and background are mixed."""
        return StreamRecipe(
            snr_db=10.0 if self.snr_db is None else self.snr_db, seed=1 if self.seed is None else self.seed
        )

    def describe(self) -> str:
        """One phrase for reports."""
        parts = [_names(self.paths)]
        if self.split is not None:
            parts.append(f"{self.split} split")
        if self.mix is not None:
            parts.append(f"mixed into {Path(self.mix).name} at {self.recipe.snr_db:g} dB SNR (seed {self.recipe.seed})")
        if self.negatives:
            parts.append(f"negative audio: {_names(self.negatives)}")
        return "; ".join(parts)


def _names(paths: StrPaths) -> str:
    return ", ".join(path.name or str(path) for path in as_paths(paths))


def evaluate_request(
    bundle: Bundle, request: EvaluationRequest, *, on_progress: OnProgress = ignore_progress
) -> Evaluation:
    """Run an evaluation.

    Raises
    ------
    AudioError, EvaluationError, DatasetError
        If a recording, the truth or the data set cannot be read.
    ConfigError
        If options contradict each other.

    Examples
    --------
    >>> import kws
    >>> bundle = kws.Bundle.load("models/speech_commands_12.kws")
    >>> evaluation = kws.evaluate_request(bundle, kws.EvaluationRequest(paths="examples/clips"))
    >>> print(evaluation.clips.accuracy)
    100.0% (10 of 10, 95 % 69.2%-100.0%)
    """
    _check(request)
    recordings, noise = _split(bundle, request) if request.split is not None else (_found(bundle, request), [])
    labelled = [recording for recording in recordings if recording.expected is not None]
    streams = [recording for recording in recordings if recording.windows is not None]
    others = [recording for recording in recordings if recording.expected is None and recording.windows is None]
    clips = None
    if labelled and request.mix is None:
        clips = score_clips(bundle, labelled, noise, on_progress=on_progress)
    if others and (labelled or streams):
        names = first_few(recording.name for recording in others)
        note(f"{counted(len(others), 'recording')} without a label or truth left out ({names})")
    elif others:
        note(
            f"{_names(request.paths)}: no folder is named like a label of {bundle.name}, so all "
            f"{len(others)} recordings are audio in which nothing may fire"
        )
    words = _words_to_mix(bundle, labelled) if request.mix is not None and labelled else []
    tracks = {
        keywords: _tracks(bundle, point, request, recordings, words, on_progress)
        for keywords, point in points_by_keywords(bundle).items()
    }
    return judge(bundle, clips, tracks)


def _tracks(
    bundle: Bundle,
    operating_point: int,
    request: EvaluationRequest,
    recordings: Sequence[Recording],
    words: Sequence[Recording],
    on_progress: OnProgress,
) -> list[ScoreTrack]:
    """Hear everything but clips, with the labels that can fire at an operating point for words."""
    heard: list[ScoreTrack] = []
    if request.mix is not None and words:
        background = NegativeAudio.find([request.mix])
        heard.append(
            score_mixture(
                bundle, words, background, request.recipe, operating_point=operating_point, on_progress=on_progress
            )
        )
    if request.truth is not None and keywords_of(bundle, operating_point) != keywords_of(bundle):
        recordings = _found(bundle, request, operating_point)
    streams = [recording for recording in recordings if recording.windows is not None]
    heard += score_streams(bundle, streams, operating_point=operating_point, on_progress=on_progress)
    negatives = []
    if all(recording.expected is None and recording.windows is None for recording in recordings):
        files = tuple(recording.path for recording in recordings)
        negatives.append(NegativeAudio(name=_names(request.paths), files=files))
    if request.negatives:
        negatives.append(NegativeAudio.find(request.negatives))
    for audio in negatives:
        heard += score_negatives(bundle, audio, operating_point=operating_point, on_progress=on_progress)
    return heard


def _check(request: EvaluationRequest) -> None:
    for_streams = request.truth is not None or request.truth_label is not None or request.other_words
    if for_streams and (request.mix is not None or request.split is not None):
        raise ConfigError("--truth is for streams, --mix and --split are for labelled clips; give one or the other")
    if request.mix is None and (request.snr_db is not None or request.seed is not None):
        raise ConfigError("--snr-db and --seed say how words are mixed into a background; add --mix BACKGROUND")
    if request.seed is not None and request.seed < 0:
        raise ConfigError(f"--seed: expected a whole number from 0 on and got {request.seed}")
    if request.split is not None and request.split not in SPLITS:
        raise ConfigError(f"--split: expected one of {', '.join(SPLITS)} and got {request.split!r}")


def _words_to_mix(bundle: Bundle, labelled: Sequence[Recording]) -> list[Recording]:
    """What is mixed into the background; recordings of silence hold no word."""
    words = [recording for recording in labelled if role_of(str(recording.expected)) != SILENCE]
    if not any(recording.expected in keywords for recording in words for keywords in points_by_keywords(bundle)):
        raise EvaluationError("--mix: expected folders of keyword clips and found none; name them like the labels")
    if len(words) < len(labelled):
        note(f"--mix: {counted(len(labelled) - len(words), 'recording')} of silence left out, there is no word in it")
    return words


def _found(bundle: Bundle, request: EvaluationRequest, operating_point: int | None = None) -> list[Recording]:
    return find_recordings(
        request.paths,
        listening_of(bundle, operating_point),
        truth=request.truth,
        truth_label=request.truth_label,
        other_words=request.other_words,
    )


def _split(bundle: Bundle, request: EvaluationRequest) -> tuple[list[Recording], list[Path]]:
    from kws.datasets.speech_commands import open_folder

    recordings: list[Recording] = []
    noise: list[Path] = []
    labels = Labels(bundle.labels)
    for path in as_paths(request.paths):
        corpus = open_folder(Path(path))
        noise += corpus.noise
        for clip in corpus.clips:
            label = labels.of_word(clip.word)
            if clip.split == request.split and label is not None:
                name = f"{clip.word}/{clip.path.name}"
                recordings.append(Recording(path=clip.path, name=name, expected=label))
    labels.tell_respelled("folders")
    return _non_empty(recordings, request), noise


def _non_empty(recordings: Sequence[Recording], request: EvaluationRequest) -> list[Recording]:
    if not recordings:
        raise EvaluationError(f"--split {request.split}: no clip of this split here; give the whole data set's folder")
    return list(recordings)
