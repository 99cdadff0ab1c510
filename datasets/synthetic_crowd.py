# SPDX-License-Identifier: Apache-2.0
"""A crowd: the few people an engine was made from, turned into as many speakers as wanted.

Engines that sound like people have few of them. WORLD (``pip install pyworld-prebuilt``) takes a take apart into
melody, spectral envelope and breath, and puts it together again after each was changed on its own: another length
of the vocal tract, another fundamental, another temper and pace. Timbre stays that of speech, because it is speech.

What the engine says is taken apart once and kept, so that many takes of one phrase cost one synthesis each.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from types import ModuleType

import numpy as np
import soxr
from numpy.typing import NDArray

from kws import extras
from kws.audio import SAMPLE_RATE_HZ, to_int16
from kws.datasets.synthetic import (
    CAST,
    Pronunciation,
    SpeechEngine,
    Utterance,
    Voice,
    draw_person,
    trim_silence,
    usual_tract,
)
from kws.datasets.synthetic_espeak import REFERENCE_ACCENT
from kws.errors import SpeechEngineError

_FRAME_MS = 5.0
_HIGHEST_HZ, _LOWEST_HZ = 380.0, 80.0
"""Medians of grown people and children lie between."""
_TRACTS = (0.8, 1.4)
_WHISPERED, _CALLED = 0.03, 0.06
"""Shares of takes."""
_SEARCH_HZ = (60.0, 420.0)
"""Where a fundamental is looked for in an unknown voice."""
_OCTAVE_OFF = 0.7
_VOICED_WITHIN_DB = 15.0
_PACES_WPM = (100, 130, 165)
"""The engine itself speaks slowly, normally and fast; what lies between is stretched."""
_NODES_HZ = (0.0, 600.0, 1600.0, 2700.0, 4000.0, 8000.0)
"""Each formant lies near one of these and moves a little on its own."""
_HIGHEST_SHARE = 0.92
"""Of the band: above, the engine's own low-pass filter was recorded, not its speaker."""
_CALIBRATION = "The quick brown fox jumps over the lazy dog, and nobody minds."
_KEPT_BYTES = 200_000_000
_PEAK = 0.7
_TRIM_DB = 38.0
"""Below what is loudest: where an old recording's hiss begins."""


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """What makes a speaker out of another: factors on what the engine's own speaker does."""

    pitch_hz: float
    """Median of the fundamental."""
    melody: float
    """Spread of the fundamental around it: below 1 flat, above lively."""
    formants: tuple[float, ...]
    """Where the envelope's landmarks go, as factors: above 1 is a shorter vocal tract."""
    breath: float
    """Below 1 more noise in the voice, above less."""
    tilt_db: float
    """Spectrum at 8 kHz against that at 125 Hz: muffled or sharp."""
    ripple: tuple[float, ...]
    """Factors on the low cepstral coefficients: how pronounced formants are."""


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """A take in WORLD's terms, one row per 5 ms."""

    pitch_hz: NDArray[np.float64]
    """0 where unvoiced."""
    log_envelope: NDArray[np.float16]
    """``[frames, bins]``: natural logarithm of power."""
    breath: NDArray[np.float64]
    """``[frames, bands]``: share of noise, as WORLD codes it."""


_ranges_hz: dict[tuple[str, Voice], tuple[float, float, float]] = {}
"""Name of an engine and its own speaker -> lowest, median and highest fundamental, once a process: a second each."""


class Crowd:
    """Many speakers from an engine's few.

    Parameters
    ----------
    engine : SpeechEngine
        Says everything first.

    Raises
    ------
    ToolMissingError
        If WORLD is not installed.
    """

    def __init__(self, engine: SpeechEngine) -> None:
        self._engine = engine
        self._world = _import_world()
        self._kept: OrderedDict[Utterance, _Parts] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The engine and WORLD, with versions."""
        return f"{self._engine.name} x WORLD {self._world.__version__}, cast {CAST}"

    def voices(self, count: int, *, seed: int) -> list[Voice]:
        """Return `count` different speakers, made from each of the engine's own as often as from any other."""
        rng = np.random.default_rng([seed, 0xC206D])
        return [self._new_voice(original, rng) for original in self._engine.voices(count, seed=seed)]

    def pronounce(self, text: str) -> Pronunciation:
        """Return how the engine reads a text."""
        return self._engine.pronounce(text)

    def synthesize(self, utterance: Utterance) -> NDArray[np.int16]:
        """Speak one utterance: int16 at 16 kHz, trimmed."""
        original, speaker = _read_definition(utterance.voice)
        rng = np.random.default_rng(_digest(utterance))
        speaker, whispered = _in_a_manner(speaker, rng)
        wanted_wpm = float(utterance.rate_wpm)
        pace_wpm = min(_PACES_WPM, key=lambda pace: abs(np.log(pace / wanted_wpm)))
        parts = self._take_apart(Utterance(text=utterance.text, voice=original, rate_wpm=pace_wpm))
        if len(parts.pitch_hz) == 0:
            return np.zeros(0, dtype=np.int16)
        places = _draw_timing(len(parts.pitch_hz), wanted_wpm / pace_wpm, rng)
        pitch_hz = np.zeros_like(parts.pitch_hz)
        if not whispered:
            pitch_hz = _draw_melody(parts.pitch_hz, speaker, utterance.pitch, rng)
        nearest = np.rint(places).astype(int)
        envelope = np.exp(reshape_envelope(parts.log_envelope[nearest].astype(np.float64), speaker))
        fft_length = 2 * (envelope.shape[1] - 1)
        breath = self._world.decode_aperiodicity(parts.breath[nearest], SAMPLE_RATE_HZ, fft_length) ** speaker.breath
        samples = self._world.synthesize(
            np.ascontiguousarray(pitch_hz[nearest]),
            np.ascontiguousarray(envelope),
            np.clip(breath, 0.0, 1.0),
            SAMPLE_RATE_HZ,
            _FRAME_MS,
        )
        return trim_silence(to_int16(_loudness(samples, utterance.amplitude)), within_db=_TRIM_DB)

    def _new_voice(self, original: Voice, rng: np.random.Generator) -> Voice:
        speaker = draw_speaker(self._pitch_range_hz(original)[1], rng)
        definition = json.dumps({"voice": asdict(original), "speaker": asdict(speaker)})
        identity = hashlib.sha1(definition.encode()).hexdigest()[:8]
        return replace(original, name=f"{original.name}~{identity}", speaker=identity, definition=definition)

    def _pitch_range_hz(self, voice: Voice) -> tuple[float, float, float]:
        """Find lowest, median and highest fundamental of the engine's own speaker, once; later searches stay there."""
        voice = replace(voice, accent=REFERENCE_ACCENT)
        known = self._engine.name, voice
        if known not in _ranges_hz:
            samples = self._engine.synthesize(Utterance(text=_CALIBRATION, voice=voice)) / 32768.0
            pitch_hz, _ = self._world.harvest(samples, SAMPLE_RATE_HZ, *_SEARCH_HZ, _FRAME_MS)
            if not (pitch_hz > 0.0).any():
                raise SpeechEngineError(f"{self._engine.name}: no voice was found in speech by {voice.name}")
            low, median, high = np.percentile(pitch_hz[pitch_hz > 0.0], [5, 50, 95])
            _ranges_hz[known] = (max(0.75 * low, _SEARCH_HZ[0]), float(median), min(1.35 * high, _SEARCH_HZ[1]))
        return _ranges_hz[known]

    def _take_apart(self, utterance: Utterance) -> _Parts:
        with self._lock:
            if utterance in self._kept:
                self._kept.move_to_end(utterance)
                return self._kept[utterance]
        samples = self._engine.synthesize(utterance) / 32768.0
        parts = self._analyse(samples, self._pitch_range_hz(utterance.voice))
        with self._lock:
            if utterance not in self._kept:
                self._kept[utterance] = parts
                self._kept_bytes += parts.log_envelope.nbytes
            while self._kept_bytes > _KEPT_BYTES:
                self._kept_bytes -= self._kept.popitem(last=False)[1].log_envelope.nbytes
        return parts

    def _analyse(self, samples: NDArray[np.float64], range_hz: tuple[float, float, float]) -> _Parts:
        if len(samples) < SAMPLE_RATE_HZ // 50:
            return _Parts(pitch_hz=np.zeros(0), log_envelope=np.zeros((0, 0), np.float16), breath=np.zeros((0, 0)))
        lowest_hz, median_hz, highest_hz = range_hz
        found_hz, times_s = self._world.dio(samples, SAMPLE_RATE_HZ, lowest_hz, highest_hz, frame_period=_FRAME_MS)
        found_hz = self._world.stonemask(samples, found_hz, times_s, SAMPLE_RATE_HZ)
        pitch_hz = mend_pitch(found_hz, _low_level_db(samples, len(found_hz)), median_hz)
        envelope = self._world.cheaptrick(samples, pitch_hz, times_s, SAMPLE_RATE_HZ)
        breath = self._world.d4c(samples, pitch_hz, times_s, SAMPLE_RATE_HZ)
        return _Parts(
            pitch_hz=pitch_hz,
            log_envelope=np.log(np.maximum(envelope, 1e-12)).astype(np.float16),
            breath=self._world.code_aperiodicity(breath, SAMPLE_RATE_HZ),
        )


def mend_pitch(
    found_hz: NDArray[np.float64], low_level_db: NDArray[np.float64], median_hz: float
) -> NDArray[np.float64]:
    """Mend a quick search for the fundamental: octaves it missed, and voice it took for noise.

    Parameters
    ----------
    found_hz : [frames]
        0 where unvoiced.
    low_level_db : [frames]
        Level below 1 kHz, where voices are loud and fricatives are not.
    median_hz : float
        The speaker's usual fundamental.
    """
    voiced = found_hz > 0.0
    if voiced.sum() < 4:
        return np.zeros_like(found_hz)
    level = np.median(low_level_db[voiced])
    pitch_hz = found_hz[voiced]
    usual_hz = float(np.median(pitch_hz))
    if abs(np.log2(usual_hz / median_hz)) > _OCTAVE_OFF:
        usual_hz = median_hz
    pitch_hz = pitch_hz / np.exp2(np.rint(np.log2(pitch_hz / usual_hz)))
    filled_hz = np.interp(np.arange(len(found_hz)), np.flatnonzero(voiced), pitch_hz)
    return np.where(low_level_db > level - _VOICED_WITHIN_DB, filled_hz, 0.0)


def _low_level_db(samples: NDArray[np.float64], num_frames: int) -> NDArray[np.float64]:
    """Level below 1 kHz around each frame."""
    low = soxr.resample(samples, SAMPLE_RATE_HZ, 2000, quality="QQ")
    hop = round(_FRAME_MS * 2)
    power = np.convolve(low**2, np.hanning(4 * hop), mode="same")[::hop]
    power = np.pad(power, (0, max(num_frames - len(power), 0)), mode="edge")[:num_frames]
    return np.asarray(10.0 * np.log10(power + 1e-10))


def draw_speaker(median_hz: float, rng: np.random.Generator) -> Speaker:
    """Draw a man, a woman or a child from one whose fundamental has this median; the vocal tract goes with it."""
    pitch_hz, tract = draw_person(rng)
    tract = float(np.clip(tract / usual_tract(median_hz), *_TRACTS))
    return Speaker(
        pitch_hz=float(np.clip(pitch_hz, _LOWEST_HZ, _HIGHEST_HZ)),
        melody=float(rng.uniform(0.5, 1.6)),
        formants=tuple(float(value) for value in np.clip(tract * rng.normal(1.0, 0.025, len(_NODES_HZ)), *_TRACTS)),
        breath=float(np.exp(rng.uniform(np.log(0.45), np.log(1.4)))),
        tilt_db=float(rng.normal(0.0, 5.5)),
        ripple=tuple(float(value) for value in rng.uniform(0.6, 1.25, 12)),
    )


def _in_a_manner(speaker: Speaker, rng: np.random.Generator) -> tuple[Speaker, bool]:
    """Most takes are spoken; some are called out: high, sharp, mouth wide open; some are whispered: True."""
    manner = rng.random()
    if manner < _WHISPERED:
        return replace(speaker, tilt_db=speaker.tilt_db + rng.uniform(4.0, 10.0)), True
    if manner < _WHISPERED + _CALLED:
        first, second, *others = speaker.formants
        return replace(
            speaker,
            pitch_hz=speaker.pitch_hz * rng.uniform(1.25, 1.8),
            formants=(first, second * rng.uniform(1.05, 1.15), *others),
            tilt_db=speaker.tilt_db + rng.uniform(3.0, 9.0),
        ), False
    return speaker, False


def _import_world() -> ModuleType:
    try:
        import pyworld
    except ImportError as error:
        raise extras.not_installed("making many speakers of an engine's few", "pyworld") from error
    return pyworld


def _read_definition(voice: Voice) -> tuple[Voice, Speaker]:
    values = json.loads(voice.definition)
    speaker = values["speaker"]
    speaker = {key: tuple(value) if isinstance(value, list) else value for key, value in speaker.items()}
    return Voice(**values["voice"]), Speaker(**speaker)


def _digest(utterance: Utterance) -> list[int]:
    """Seed of what is drawn for one take: the same utterance always sounds the same, in whatever order."""
    content = json.dumps(asdict(utterance), sort_keys=True)
    return list(hashlib.sha256(content.encode()).digest())


def _draw_timing(num_frames: int, speed: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """For each frame to make, which one to read: stretched as a whole, and a little more here than there."""
    bumps = np.exp(np.clip(rng.normal(0.0, 0.16, 6), -0.35, 0.35))
    lengths = np.interp(np.linspace(0, 5, num_frames), np.arange(6), bumps) / speed
    ends = np.cumsum(lengths)
    wanted = np.arange(max(int(ends[-1]), 2)) + 0.5
    return np.clip(np.interp(wanted, ends, np.arange(num_frames)), 0, num_frames - 1)


def _draw_melody(
    pitch_hz: NDArray[np.float64], speaker: Speaker, pitch: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    voiced = pitch_hz > 0.0
    if not voiced.any():
        return pitch_hz
    log_pitch = np.log(pitch_hz[voiced])
    semitone = np.log(2.0) / 12.0
    place = np.linspace(-1.0, 1.0, len(pitch_hz))[voiced]
    slope, arch, end = rng.normal(0.0, 1.0), rng.normal(0.0, 0.8), rng.choice([0.0, 0.0, -3.0, 4.0])
    drawn = slope * place + arch * (1.0 - 3.0 * place**2) / 2.0 + end * np.clip(place - 0.3, 0.0, None)
    level = np.log(speaker.pitch_hz) + semitone * (pitch - 50) / 50.0 * 3.0
    new = level + (log_pitch - np.median(log_pitch)) * speaker.melody + semitone * drawn
    result = np.zeros_like(pitch_hz)
    result[voiced] = np.clip(np.exp(new), 60.0, 600.0)
    return result


def _warp(rows: NDArray[np.float64], speaker: Speaker) -> NDArray[np.float64]:
    """Move the envelope's landmarks; beyond what was recorded the last value stays."""
    num_bins = rows.shape[1]
    nodes = np.array(_NODES_HZ) * num_bins / _NODES_HZ[-1]
    moved = np.maximum.accumulate(nodes * np.array(speaker.formants))
    source = np.interp(np.arange(num_bins), moved, nodes)
    source = np.minimum(source, _HIGHEST_SHARE * num_bins)
    low = np.clip(np.floor(source).astype(int), 0, num_bins - 2)
    share = np.clip(source - low, 0.0, 1.0)
    return np.asarray(rows[:, low] * (1.0 - share) + rows[:, low + 1] * share)


def reshape_envelope(log_rows: NDArray[np.float64], speaker: Speaker) -> NDArray[np.float64]:
    """Give spectral envelopes another vocal tract, tilt and depth of formants.

    Parameters
    ----------
    log_rows : [frames, bins]
        Natural logarithms of power, from 0 Hz to half the sample rate.
    speaker : Speaker
    """
    rows = _warp(log_rows, speaker)
    num_bins = rows.shape[1]
    order = np.arange(1, 1 + len(speaker.ripple))
    basis = np.cos(np.pi * np.outer(order, np.arange(num_bins) + 0.5) / num_bins)
    cepstrum = rows @ basis.T * (2.0 / num_bins)
    rows = rows + (cepstrum * (np.array(speaker.ripple) - 1.0)) @ basis
    octaves = np.log2(np.maximum(np.arange(num_bins), num_bins / 64.0) / (num_bins / 64.0)) / 6.0
    return np.asarray(rows + octaves * speaker.tilt_db * np.log(10.0) / 10.0)


def _loudness(samples: NDArray[np.float64], amplitude: int) -> NDArray[np.float64]:
    peak = float(np.abs(samples).max(initial=1e-9))
    return samples * (min(amplitude / 100.0, 1.0 / _PEAK) * _PEAK / peak)
