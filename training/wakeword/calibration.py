# SPDX-License-Identifier: Apache-2.0
"""Stage 4 of a word project: validation streams, operating points, the figures of the card.

Streams are heard by the C pipeline itself. What was used here never trained: speakers, files and noises of the
validation side only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from kws.datasets.ambient import in_a_row
from kws.training.augment.sounds import draw_sound
from kws.training.wakeword.config import WordDecisionConfig
from kws.training.wakeword.speech import SpeechBank
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, to_int16
from kws.bundle import Bundle
from kws.decision import DecisionConfig, OperatingPoint
from kws.errors import EvaluationError
from kws.evaluation.det import DetPoint, det_curve, score_tracks
from kws.evaluation.metrics import Proportion, StreamScore
from kws.evaluation.operating_point import calibrate, estimate, hours_needed
from kws.evaluation.streams import StreamRecipe, Word, mix_stream
from kws.evaluation.tracks import ScoreTrack, score_recording
from kws.labels import UNKNOWN
from kws.pipeline import Pipeline

SNRS_DB = (20.0, 10.0, 5.0, 0.0)
CARD_SNR_DB = 10.0

_WORDS_PER_STREAM = 200
_NOISE_S = 60
_STREAMS = 41


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Audio with truth, on the validation side."""

    words: list[Word]
    """Takes of the words, to be mixed over noise."""
    noise: NDArray[np.int16]
    negatives: dict[str, NDArray[np.int16]]
    """Name -> long audio without any of the words."""
    seed: int


@dataclass(frozen=True, kw_only=True)
class PointReport:
    """One operating point and how it does on the validation streams."""

    wanted_fa_per_hour: float
    thresholds: tuple[int, ...]
    measured: bool
    """False: there was too little audio to promise the rate; `remark` says how much is needed."""
    remark: str
    score: StreamScore


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """The calibrated bundle and everything measured on the way."""

    bundle: Bundle
    points: tuple[PointReport, ...]
    curve: tuple[DetPoint, ...]
    by_snr: dict[float, Proportion]
    """False-reject rate at the default point."""
    negative_hours: dict[str, float]


def make_streams(
    labels: Sequence[str],
    bank: SpeechBank,
    held_out: Sequence[tuple[str, NDArray[np.int16]]],
    ambient: NDArray[np.int16],
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
    return Streams(words=words, noise=noise, negatives=negatives, seed=seed)


def calibrate_bundle(bundle: Bundle, config: WordDecisionConfig, streams: Streams) -> CalibrationReport:
    """Choose the operating points of a bundle and measure them."""
    pipeline = Pipeline(bundle)
    negative = [score_recording(pipeline, samples, name=name) for name, samples in streams.negatives.items()]
    spoken = {snr_db: _spoken(pipeline, streams, snr_db) for snr_db in SNRS_DB}
    keywords = [label for label in bundle.labels if label != UNKNOWN]
    thresholds = choose_thresholds(negative, keywords, config)
    tracks = [*negative, spoken[CARD_SNR_DB]]
    points = tuple(
        PointReport(
            wanted_fa_per_hour=rate,
            thresholds=row,
            measured=not remark,
            remark=remark,
            score=score_tracks(tracks, row, config.refractory_frames),
        )
        for rate, (row, remark) in zip(config.fa_per_hour, thresholds, strict=True)
    )
    default = config.fa_per_hour.index(config.default_fa_per_hour)
    decision = DecisionConfig(
        operating_points=tuple(_operating_point(point, negative, config) for point in points),
        default_operating_point=default,
        smoothing_decisions=config.smoothing_decisions,
        refractory_frames=config.refractory_frames,
    )
    row = points[default].thresholds
    return CalibrationReport(
        bundle=bundle.replace(decision=decision),
        points=points,
        curve=det_curve(tracks, keywords, config.refractory_frames),
        by_snr={
            snr_db: score_tracks([track], row, config.refractory_frames).false_rejects
            for snr_db, track in spoken.items()
        },
        negative_hours={track.name: track.truth.negative_hours for track in negative},
    )


def _spoken(pipeline: Pipeline, streams: Streams, snr_db: float) -> ScoreTrack:
    recipe = StreamRecipe(snr_db=snr_db, seed=streams.seed)
    stream = mix_stream(streams.words, streams.noise, recipe)
    return score_recording(pipeline, stream.samples, stream.truth.windows, name=f"words at {snr_db:g} dB")


def choose_thresholds(
    negative: Sequence[ScoreTrack], keywords: Sequence[str], config: WordDecisionConfig
) -> list[tuple[tuple[int, ...], str]]:
    """Thresholds for every wanted rate, and why they are no promise (empty when they are).

    Rates that the audio cannot support are estimated from its loudest moments.
    """
    chosen: dict[float, tuple[tuple[int, ...], str]] = {}
    hours = sum(track.truth.negative_hours for track in negative)
    looser = (0,) * len(negative[0].labels)
    for rate in sorted(config.fa_per_hour, reverse=True):
        try:
            thresholds, remark = (
                calibrate(negative, keywords, config.refractory_frames, fa_per_hour=rate).thresholds,
                "",
            )
        except EvaluationError as error:
            needed = hours_needed(rate)
            remark = f"needs {needed:.1f} h without the words, had {hours:.2f} h" if hours < needed else str(error)
            thresholds = estimate(negative, keywords, config.refractory_frames, fa_per_hour=rate)
        looser = tuple(max(pair) for pair in zip(thresholds, looser, strict=True))
        chosen[rate] = looser, remark
    return [chosen[rate] for rate in config.fa_per_hour]


def _operating_point(point: PointReport, negative: Sequence[ScoreTrack], config: WordDecisionConfig) -> OperatingPoint:
    if not point.measured:
        return OperatingPoint(thresholds=point.thresholds)
    measured = score_tracks(negative, point.thresholds, config.refractory_frames).false_accepts
    return OperatingPoint(thresholds=point.thresholds, false_accepts_per_hour=measured.per_hour)
