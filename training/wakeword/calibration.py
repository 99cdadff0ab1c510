# SPDX-License-Identifier: Apache-2.0
"""Stage 4 of a word project: validation streams, operating points, the figures of the card.

Streams are heard by the C pipeline itself. What was used here never trained: speakers, files and noises of the
validation side only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, to_int16
from kws.bundle import Bundle
from kws.datasets.ambient import in_a_row
from kws.datasets.negatives import Negatives
from kws.evaluation.calibration import Promise, promise
from kws.evaluation.det import DetPoint, det_curve, score_tracks
from kws.evaluation.metrics import Proportion, StreamScore
from kws.evaluation.pitch import median_pitch_hz
from kws.evaluation.run import NegativeAudio, OnProgress, ignore_progress, score_negatives
from kws.evaluation.streams import StreamRecipe, Word, mix_stream
from kws.evaluation.tracks import ScoreTrack, score_recording
from kws.labels import is_quiet
from kws.pipeline import Pipeline
from kws.training.augment.sounds import draw_sound
from kws.training.wakeword.config import WordDecisionConfig
from kws.training.wakeword.speech import SpeechBank

SNRS_DB = (20.0, 10.0, 5.0, 0.0)
BABBLE_SNRS_DB = (10.0, 5.0, 0.0)
PITCHES_HZ = (140, 200)
"""Voices are low up to the first and high from the second on."""
PACES = (1.2, 0.85)
"""Quick words are shorter than the median over the first, slow ones longer than the median over the second."""
CARD_SNR_DB = 10.0

YOUR_RECORDINGS = "your recordings, noise"
_WORDS_PER_STREAM = 200
_NEAR_TAKES = 200
_NOISE_S = 60
_STREAMS = 41
_USELESS, _MANY = 0.5, 0.1
"""Shares of validation words missed: a point is not stored, a point is stored with a warning."""


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Audio with truth, on the validation side."""

    words: list[Word]
    """Synthetic takes of the words, to be mixed over noise."""
    recorded: list[Word]
    """The user's held-out recordings."""
    near: list[NDArray[np.int16]]
    """Takes of what only sounds like the words."""
    noise: NDArray[np.int16]
    babble: NDArray[np.int16]
    """Several synthetic speakers at once; empty without sentences."""
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
    """Synthetic words at `CARD_SNR_DB` against the audio kept aside; without such audio against what calibrated."""
    missed: dict[str, dict[str, Proportion]]
    """What is heard behind the words, how high the voice is, how fast it speaks -> group -> false-reject rate at the
    default point; synthetic words, and the user's held-out recordings as a kind of their own."""
    near_accepted: Proportion | None
    """Share of the takes that only sound like the words at which it wakes, at the default point."""
    negative_hours: dict[str, float]
    """Name of audio that calibrated -> hours."""
    warnings: tuple[str, ...]
    """What should be known before the bundle is used."""

    @property
    def default(self) -> PointReport:
        """The point a board starts with."""
        return self.points[self.bundle.decision.default_operating_point]


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
    chosen = rng.permutation(takes)[: _WORDS_PER_STREAM * len(set(bank.labels[takes]))]
    words = [Word(samples=bank.take(int(t)), label=labels[bank.labels[t]]) for t in chosen]
    recorded = [Word(samples=samples, label=label) for label, samples in held_out]
    near = rng.permutation(bank.find("near", validates=True))[:_NEAR_TAKES]
    sentences = [bank.take(int(t)) for t in bank.find("other", validates=True)]
    negatives = {"synthetic speech": in_a_row(sentences)} if sentences else {}
    if ambient.size:
        negatives["ambient"] = ambient
    noise = np.concatenate([to_int16(draw_sound(_NOISE_S * SAMPLE_RATE_HZ, rng)) for _ in range(5)])
    return Streams(
        words=words,
        recorded=recorded,
        near=[bank.take(int(take)) for take in near],
        noise=noise,
        babble=babble_of(sentences),
        negatives=negatives,
        fetched=fetched,
        seed=seed,
    )


def babble_of(sentences: Sequence[NDArray[np.int16]], *, speakers: int = 5) -> NDArray[np.int16]:
    """Several of the speakers at once: the sentences in a row, over themselves from other places on."""
    row = in_a_row(sentences).astype(np.float64)
    if not sentences:
        return row.astype(np.int16)
    together = sum(np.roll(row, index * row.size // speakers) for index in range(speakers))
    return to_int16(together / (32768.0 * speakers**0.5))


def calibrate_bundle(
    bundle: Bundle, config: WordDecisionConfig, streams: Streams, on_progress: OnProgress = ignore_progress
) -> CalibrationReport:
    """Choose the operating points of a bundle and measure them."""
    pipeline, refractory_frames = Pipeline(bundle), bundle.decision.refractory_frames
    chosen_on = {name: [score_recording(pipeline, audio, name=name)] for name, audio in streams.negatives.items()}
    measured_on: dict[str, list[ScoreTrack]] = {}
    if streams.fetched is not None:
        chosen_on |= _hear(bundle, streams.fetched.files["calibration"], on_progress)
        measured_on = _hear(bundle, streams.fetched.files["report"], on_progress)
    spoken = _spoken(pipeline, streams.words, streams.noise, CARD_SNR_DB, streams.seed)
    keywords = [label for label in bundle.labels if not is_quiet(label)]
    tracks = [track for kind in chosen_on.values() for track in kind] + [spoken]
    promises = promise(chosen_on, measured_on, keywords, refractory_frames, rates_per_hour=config.fa_per_hour)
    reports = [
        PointReport(promise=chosen, score=score_tracks(tracks, chosen.thresholds, refractory_frames))
        for chosen in promises
    ]
    points, default, warnings = _kept(reports, config.default_fa_per_hour)
    decision = replace(
        bundle.decision,
        operating_points=tuple(report.promise.point for report in points),
        default_operating_point=default,
    )
    source = ", ".join(chosen_on)
    provenance = {"calibration": [report.promise.to_json(source) for report in points]}
    row = points[default].promise.thresholds
    aside = [track for kind in measured_on.values() for track in kind]
    return CalibrationReport(
        bundle=bundle.replace(decision=decision, metadata=bundle.metadata | provenance),
        points=tuple(points),
        curve=det_curve([*aside, spoken] if aside else tracks, keywords, refractory_frames),
        missed=_missed(pipeline, streams, row, refractory_frames, on_progress),
        near_accepted=_near_accepted(pipeline, streams, row, refractory_frames),
        negative_hours={name: sum(track.truth.negative_hours for track in kind) for name, kind in chosen_on.items()},
        warnings=tuple(warnings),
    )


def _hear(bundle: Bundle, kinds: Mapping[str, Sequence[Path]], show: OnProgress) -> dict[str, list[ScoreTrack]]:
    def show_kind(kind: str) -> OnProgress:
        return lambda _, done, total: show(f"listening to {kind}", done, total)

    return {
        kind: score_negatives(bundle, NegativeAudio(name=kind, files=tuple(files)), on_progress=show_kind(kind))
        for kind, files in kinds.items()
    }


def _spoken(
    pipeline: Pipeline, words: Sequence[Word], background: NDArray[np.int16], snr_db: float, seed: int
) -> ScoreTrack:
    stream = mix_stream(words, background, StreamRecipe(snr_db=snr_db, seed=seed))
    return score_recording(pipeline, stream.samples, stream.truth.windows, name=f"words at {snr_db:g} dB")


def _missed(
    pipeline: Pipeline, streams: Streams, row: Sequence[int], refractory_frames: int, show: OnProgress
) -> dict[str, dict[str, Proportion]]:
    """What `CalibrationReport.missed` holds; every group is a stream of its own."""
    groups = {
        **{("noise", f"{snr:g} dB"): (streams.words, streams.noise, snr) for snr in SNRS_DB},
        **{("babble", f"{snr:g} dB"): (streams.words, streams.babble, snr) for snr in BABBLE_SNRS_DB},
        **{("pitch", name): (words, streams.noise, CARD_SNR_DB) for name, words in by_pitch(streams.words).items()},
        **{("pace", name): (words, streams.noise, CARD_SNR_DB) for name, words in by_pace(streams.words).items()},
        **{(YOUR_RECORDINGS, f"{snr:g} dB"): (streams.recorded, streams.noise, snr) for snr in SNRS_DB},
    }
    missed: dict[str, dict[str, Proportion]] = {}
    for done, ((kind, name), (words, background, snr_db)) in enumerate(groups.items()):
        show("listening to words", done, len(groups))
        if words and background.size:
            track = _spoken(pipeline, words, background, snr_db, streams.seed)
            rate = score_tracks([track], row, refractory_frames).false_rejects
            missed.setdefault(kind, {})[name] = rate
    return missed


def by_pitch(words: Sequence[Word]) -> dict[str, list[Word]]:
    """Words by how high they are spoken; those without a voice (whispered) are a group of their own."""
    low, high = PITCHES_HZ
    groups: dict[str, list[Word]] = {f"below {low} Hz": [], f"{low} to {high} Hz": [], f"above {high} Hz": []}
    for word in words:
        pitch_hz = median_pitch_hz(word.samples)
        name = "whispered" if pitch_hz is None else list(groups)[int(pitch_hz > low) + int(pitch_hz > high)]
        groups.setdefault(name, []).append(word)
    return groups


def by_pace(words: Sequence[Word]) -> dict[str, list[Word]]:
    """Words by their length against the median of their label."""
    usual = {
        label: float(np.median([word.samples.size for word in words if word.label == label]))
        for label in {word.label for word in words}
    }
    quick, slow = PACES
    groups: dict[str, list[Word]] = {"quick": [], "usual pace": [], "slow": []}
    for word in words:
        length = word.samples.size / usual[word.label]
        groups[list(groups)[int(length > 1.0 / quick) + int(length > 1.0 / slow)]].append(word)
    return groups


def _near_accepted(
    pipeline: Pipeline, streams: Streams, row: Sequence[int], refractory_frames: int
) -> Proportion | None:
    """Every like-sounding take is alone in a second and a half of silence on either side."""
    if not streams.near:
        return None
    quiet = np.zeros(SAMPLE_RATE_HZ * 3 // 2, np.int16)
    tracks = [score_recording(pipeline, np.concatenate([quiet, take, quiet]), name="near") for take in streams.near]
    woken = sum(bool(score_tracks([track], row, refractory_frames).false_accepts.count) for track in tracks)
    return Proportion(count=woken, total=len(tracks))


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
