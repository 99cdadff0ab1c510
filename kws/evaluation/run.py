# SPDX-License-Identifier: Apache-2.0
"""A whole evaluation in one call: what `kws evaluate` and `kws calibrate` run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import Samples, read_audio
from kws.audio_files import find_audio
from kws.bundle import Bundle
from kws.datasets.corpus import NOISE_FOR_TRAINING, SILENCE_SHARE
from kws.errors import EvaluationError, note
from kws.evaluation.clips import ClipScore, evaluate_clips, silence_clips, verdict_of_events
from kws.evaluation.listening import check_one_axis, listening_of, operating_point_index, with_silence
from kws.evaluation.recordings import Recording
from kws.evaluation.streams import StreamRecipe, Word, mix_stream
from kws.evaluation.tracks import ScoreTrack, score_recording
from kws.features import Features
from kws.files import StrPaths, as_paths
from kws.labels import SILENCE, Labels
from kws.pipeline import Pipeline

_CHAIN_S = 600
"""Short recordings without a keyword are chained into streams of up to ten minutes."""

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


def ignore_progress(what: str, done: int, total: int) -> None:
    """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class NegativeAudio:
    """Recordings without a keyword."""

    name: str
    files: tuple[Path, ...]

    @classmethod
    def find(cls, paths: StrPaths) -> NegativeAudio:
        """Find the recordings that files and folders name."""
        return cls(name=", ".join(path.name for path in as_paths(paths)), files=tuple(find_audio(as_paths(paths))))


def score_clips(
    bundle: Bundle,
    recordings: Sequence[Recording],
    noise: Sequence[Path] = (),
    *,
    on_progress: OnProgress = ignore_progress,
) -> ClipScore:
    """Classify labelled clips, with silence clips cut from noise if silence is a label and no clip is labelled so.

    The network alone judges clips, from a clean state, by the last decision within each; those shorter than its window
    are padded with silence. Longer clips are streamed, and the first event is the verdict, as `kws replay` does it.

    Parameters
    ----------
    bundle : Bundle
    recordings : sequence of Recording
        With ``expected`` labels.
    noise : sequence of path
        Noise recordings.

    Returns
    -------
    ClipScore

    Raises
    ------
    AudioError
        If a recording cannot be read.
    EvaluationError
        If no recording has a label.
    """
    labelled = [recording for recording in recordings if recording.expected is not None]
    if not labelled:
        raise EvaluationError(
            "no labelled clip: expected folders named like the bundle's labels "
            f"({', '.join(bundle.labels)}) with recordings in them"
        )
    listening = listening_of(bundle)
    short: list[tuple[Samples, int]] = []
    long: list[tuple[Samples, int]] = []
    for index, recording in enumerate(labelled):
        samples, expected = recording.load(listening.sample_rate_hz), bundle.labels.index(str(recording.expected))
        (long if listening.is_long(samples.size) else short).append((samples, expected))
        on_progress("reading clips", index + 1, len(labelled))
    silence = Labels(bundle.labels).of_role(SILENCE)
    if noise and silence is not None and bundle.labels.index(silence) not in [label for _, label in short + long]:
        quiet = _silence(noise, len(labelled), listening.clip_samples, listening.sample_rate_hz)
        note(f"silence: {len(quiet)} clips cut from {len(noise)} noise recordings are judged beside the recordings")
        short += [(clip, bundle.labels.index(silence)) for clip in quiet]
    parts = []
    if short:
        parts.append(evaluate_clips(bundle, [clip for clip, _ in short], [label for _, label in short]))
    if long:
        parts.append(_score_long_clips(bundle, long, on_progress))
    return ClipScore.joined(parts)


def _score_long_clips(bundle: Bundle, clips: Sequence[tuple[Samples, int]], on_progress: OnProgress) -> ClipScore:
    """Verdicts by the first event, each as if the model were certain of it."""
    listening, pipeline = listening_of(bundle), Pipeline(bundle)
    posteriors = np.zeros((len(clips), len(bundle.labels)), np.uint8)
    for index, (samples, expected) in enumerate(clips):
        pipeline.reset()
        silence = {"lead_samples": listening.lead_samples, "tail_samples": listening.tail_samples}
        events = pipeline.feed(with_silence(samples, **silence).samples)
        verdict = verdict_of_events(events, bundle.labels[expected], listening.labels, listening.keywords)
        if verdict not in bundle.labels:
            raise EvaluationError(
                "no event in a long clip and the bundle has no label for silence or unknown words: such clips "
                "cannot be evaluated; use kws replay"
            )
        posteriors[index, bundle.labels.index(verdict)] = 255
        on_progress("listening to long clips", index + 1, len(clips))
    return ClipScore(
        labels=tuple(bundle.labels),
        expected=np.array([expected for _, expected in clips], np.intp),
        posteriors=posteriors,
        num_by_event=len(clips),
    )


def score_streams(
    bundle: Bundle,
    recordings: Sequence[Recording],
    *,
    operating_point: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> list[ScoreTrack]:
    """Run the model over recordings with truth windows; the thresholds come later.

    The operating point, the bundle's default when omitted, says which labels are words that may need a pause.
    """
    pipeline = Pipeline(bundle, operating_point=operating_point)
    tracks = []
    for index, recording in enumerate(recordings):
        samples = recording.load(_sample_rate_hz(bundle))
        tracks.append(score_recording(pipeline, samples, recording.windows or (), name=recording.name))
        on_progress("listening to streams", index + 1, len(recordings))
    return tracks


def score_negatives(
    bundle: Bundle,
    negatives: NegativeAudio,
    *,
    operating_point: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> list[ScoreTrack]:
    """Run the model over recordings without a keyword, short ones chained one after the other; see `score_streams`."""
    pipeline = Pipeline(bundle, operating_point=operating_point)
    tracks: list[ScoreTrack] = []
    rate_hz = _sample_rate_hz(bundle)
    sources = (read_audio(path, sample_rate_hz=rate_hz) for path in negatives.files)
    for done, samples in _chained(sources, _CHAIN_S * rate_hz):
        tracks.append(score_recording(pipeline, samples, name=f"{negatives.name} {len(tracks) + 1}"))
        on_progress("listening to negative audio", done, len(negatives.files))
    return tracks


def score_mixture(
    bundle: Bundle,
    recordings: Sequence[Recording],
    background: NegativeAudio,
    recipe: StreamRecipe,
    *,
    operating_point: int | None = None,
    on_progress: OnProgress = ignore_progress,
) -> ScoreTrack:
    """Mix labelled clips into a background and run the model over the stream; see `mix_stream`, `score_streams`.

    Clips of labels that never fire at the operating point are distractors.
    """
    keywords = keywords_of(bundle, operating_point)
    rate_hz = _sample_rate_hz(bundle)
    words = []
    for index, recording in enumerate(recordings):
        label = recording.expected if recording.expected in keywords else None
        words.append(Word(samples=recording.load(rate_hz), label=label))
        on_progress("reading words", index + 1, len(recordings))
    noise = np.concatenate([read_audio(path, sample_rate_hz=rate_hz) for path in background.files])
    stream = mix_stream(words, noise, recipe, sample_rate_hz=rate_hz)
    name = f"words in {background.name} at {recipe.snr_db:g} dB"
    pipeline = Pipeline(bundle, operating_point=operating_point)
    return score_recording(pipeline, stream.samples, stream.truth.windows, name=name)


def keywords_of(bundle: Bundle, operating_point: int | None = None) -> tuple[str, ...]:
    """Labels that can fire at an operating point; the bundle's default when omitted."""
    point = bundle.decision.operating_points[operating_point_index(bundle, operating_point)]
    return tuple(label for label, limit in zip(bundle.labels, point.thresholds, strict=True) if limit > 0)


def points_by_keywords(bundle: Bundle) -> dict[tuple[str, ...], int]:
    """Each set of labels that can fire at an operating point, with the index of one; most bundles have one set."""
    points = range(len(bundle.decision.operating_points))
    return {keywords_of(bundle, index): index for index in reversed(points)}


def _silence(noise: Sequence[Path], num_others: int, num_samples: int, sample_rate_hz: int) -> NDArray[np.int16]:
    sources = [read_audio(path, sample_rate_hz=sample_rate_hz) for path in noise]
    kept_aside = [source[int(NOISE_FOR_TRAINING * source.size) :] for source in sources]
    count = round(num_others * SILENCE_SHARE / (1.0 - SILENCE_SHARE))
    return silence_clips(kept_aside, count, num_samples)


def _chained(recordings: Iterable[Samples], most_samples: int) -> Iterator[tuple[int, Samples]]:
    """Join recordings as long as they are no more than so many samples; with each stream, how many are used up."""
    waiting: list[Samples] = []
    done = 0
    for recording in recordings:
        if waiting and sum(part.size for part in waiting) + recording.size > most_samples:
            yield done, np.concatenate(waiting)
            waiting = []
        waiting.append(recording)
        done += 1
    if waiting:
        yield done, np.concatenate(waiting)


def _sample_rate_hz(bundle: Bundle) -> int:
    check_one_axis(bundle)
    return Features(bundle.front_end).sample_rate_hz
