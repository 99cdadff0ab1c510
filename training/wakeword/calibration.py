# SPDX-License-Identifier: Apache-2.0
"""Stage 4 of a word project: validation streams, operating points, the figures of the card.

Streams are heard by the C pipeline itself. What was used here never trained: speakers, files and noises of the
validation side only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from kws.datasets.ambient import in_a_row
from kws.datasets.negatives import Negatives
from kws.training.augment.sounds import draw_sound
from kws.training.wakeword.config import WordDecisionConfig
from kws.training.wakeword.speech import SpeechBank
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, to_int16
from kws.bundle import Bundle
from kws.decision import DecisionConfig
from kws.evaluation.calibration import Promise, promise
from kws.evaluation.det import DetPoint, det_curve, score_tracks
from kws.evaluation.metrics import Proportion, StreamScore
from kws.evaluation.run import NegativeAudio, score_negatives
from kws.evaluation.streams import StreamRecipe, Word, mix_stream
from kws.evaluation.tracks import ScoreTrack, score_recording
from kws.labels import UNKNOWN
from kws.pipeline import Pipeline

SNRS_DB = (20.0, 10.0, 5.0, 0.0)
CARD_SNR_DB = 10.0

_WORDS_PER_STREAM = 200
_NOISE_S = 60
_STREAMS = 41
_USELESS, _MANY = 0.5, 0.1
"""Shares of validation words missed: a point is not stored, a point is stored with a warning."""


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Audio with truth, on the validation side."""

    words: list[Word]
    """Takes of the words, to be mixed over noise."""
    noise: NDArray[np.int16]
    negatives: dict[str, NDArray[np.int16]]
    """Name -> long audio without any of the words."""
    fetched: Negatives | None
    """Hours of speech, music and clatter, each package of them on one side for good."""
    seed: int


@dataclass(frozen=True, kw_only=True)
class PointReport:
    """One operating point, what it promises, and how it does on the spoken words of the validation side."""

    promise: Promise
    score: StreamScore
    """On words over noise at `CARD_SNR_DB` and on the audio the point was chosen on: for misses and latency."""


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """The calibrated bundle and everything measured on the way."""

    bundle: Bundle
    points: tuple[PointReport, ...]
    curve: tuple[DetPoint, ...]
    by_snr: dict[float, Proportion]
    """False-reject rate at the default point."""
    negative_hours: dict[str, float]
    """Name of audio that calibrated -> hours."""
    warnings: tuple[str, ...]
    """What should be known before the bundle is used."""


def make_streams(
    labels: Sequence[str],
    bank: SpeechBank,
    held_out: Sequence[tuple[str, NDArray[np.int16]]],
    ambient: NDArray[np.int16],
    fetched: Negatives | None = None,
    *,
    seed: int,
) -> Streams:
    """Put validation takes, held-out recordings and negatives together.

    Parameters
    ----------
    labels : sequence of str
        Of the bundle; the first is not a word.
    bank : SpeechBank
    held_out : sequence of (label, samples)
        The user's recordings that did not train.
    ambient : int16 [samples]
        Validation side of the user's negatives; may be empty.
    fetched : Negatives, optional
        Their calibration side calibrates and their report side measures.
    seed : int
    """
    rng = np.random.default_rng([seed, _STREAMS])
    takes = bank.find("word", validates=True)
    chosen = rng.permutation(takes)[: _WORDS_PER_STREAM * (len(labels) - 1)]
    words = [Word(samples=bank.take(int(t)), label=labels[bank.labels[t]]) for t in chosen]
    words += [Word(samples=samples, label=label) for label, samples in held_out]
    sentences = [bank.take(int(t)) for t in bank.find("other", validates=True)]
    negatives = {"synthetic speech": in_a_row(sentences)} if sentences else {}
    if ambient.size:
        negatives["ambient"] = ambient
    noise = np.concatenate([to_int16(draw_sound(_NOISE_S * SAMPLE_RATE_HZ, rng)) for _ in range(5)])
    return Streams(words=words, noise=noise, negatives=negatives, fetched=fetched, seed=seed)


def calibrate_bundle(bundle: Bundle, config: WordDecisionConfig, streams: Streams) -> CalibrationReport:
    """Choose the operating points of a bundle and measure them."""
    pipeline = Pipeline(bundle)
    chosen_on = {name: [score_recording(pipeline, audio, name=name)] for name, audio in streams.negatives.items()}
    measured_on: dict[str, list[ScoreTrack]] = {}
    if streams.fetched is not None:
        chosen_on |= _hear(bundle, streams.fetched.files["calibration"])
        measured_on = _hear(bundle, streams.fetched.files["report"])
    spoken = {snr_db: _spoken(pipeline, streams, snr_db) for snr_db in SNRS_DB}
    keywords = [label for label in bundle.labels if label != UNKNOWN]
    tracks = [track for kind in chosen_on.values() for track in kind] + [spoken[CARD_SNR_DB]]
    promises = promise(chosen_on, measured_on, keywords, config.refractory_frames, rates_per_hour=config.fa_per_hour)
    reports = [
        PointReport(promise=chosen, score=score_tracks(tracks, chosen.thresholds, config.refractory_frames))
        for chosen in promises
    ]
    points, default, warnings = _kept(reports, config.default_fa_per_hour)
    decision = DecisionConfig(
        operating_points=tuple(report.promise.point for report in points),
        default_operating_point=default,
        smoothing_decisions=config.smoothing_decisions,
        refractory_frames=config.refractory_frames,
    )
    source = ", ".join(chosen_on)
    provenance = {"calibration": [report.promise.to_json(source) for report in points]}
    row = points[default].promise.thresholds
    return CalibrationReport(
        bundle=bundle.replace(decision=decision, metadata=bundle.metadata | provenance),
        points=tuple(points),
        curve=det_curve(tracks, keywords, config.refractory_frames),
        by_snr={
            snr_db: score_tracks([track], row, config.refractory_frames).false_rejects
            for snr_db, track in spoken.items()
        },
        negative_hours={name: sum(track.truth.negative_hours for track in kind) for name, kind in chosen_on.items()},
        warnings=tuple(warnings),
    )


def _hear(bundle: Bundle, kinds: Mapping[str, Sequence[Path]]) -> dict[str, list[ScoreTrack]]:
    return {
        kind: score_negatives(bundle, NegativeAudio(name=kind, files=tuple(files))) for kind, files in kinds.items()
    }


def _spoken(pipeline: Pipeline, streams: Streams, snr_db: float) -> ScoreTrack:
    recipe = StreamRecipe(snr_db=snr_db, seed=streams.seed)
    stream = mix_stream(streams.words, streams.noise, recipe)
    return score_recording(pipeline, stream.samples, stream.truth.windows, name=f"words at {snr_db:g} dB")


def _kept(reports: Sequence[PointReport], default_rate: float) -> tuple[list[PointReport], int, list[str]]:
    """Points worth storing, which of them is the default, and warnings.

    A point at which most of the words go unheard is no choice anyone would make: it is left out, and its absence said.
    """
    kept = [report for report in reports if report.score.false_rejects.value <= _USELESS]
    warnings = [
        f"no operating point for {report.promise.wanted_fa_per_hour:g} false accepts per hour: it would miss "
        f"{report.score.false_rejects.value:.0%} of the validation words"
        for report in reports
        if report not in kept
    ]
    kept = kept or [max(reports, key=lambda report: report.promise.wanted_fa_per_hour)]
    default = min(
        range(len(kept)), key=lambda index: abs(math.log(kept[index].promise.wanted_fa_per_hour / default_rate))
    )
    missed = kept[default].score.false_rejects.value
    if missed > _MANY:
        warnings.append(
            f"the default operating point misses {missed:.0%} of the validation words: choose another, or teach it "
            "with recordings of the word (kws record) and more negatives"
        )
    return kept, default, warnings
