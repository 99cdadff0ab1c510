# SPDX-License-Identifier: Apache-2.0
"""What the page of a replay knows of each recording, as plain JSON values; the page's own script draws it.

Times are seconds from the beginning of the recording, so the silence streamed before it is negative.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import soundfile

from kws.audio import Samples
from kws.evaluation.listening import Listening, Streamed
from kws.evaluation.recordings import Recording
from kws.harness.mistakes import timed_mistakes
from kws.harness.replay import Outcome, surround
from kws.harness.result import ReplayResult
from kws.pipeline import Scores
from kws.report.figures import hue_number

SHOWN_POSTERIOR = 26
"""Labels that never reach 0.1 are not drawn."""
MAX_RIGHT_HEARD = 8
"""Recordings without a mistake that can be played, evenly chosen; every mistake can."""
WHOLE_S = 20.0
"""Recordings up to this length are embedded whole, longer ones around their mistakes."""
BEFORE_S, AFTER_S = 4.0, 3.0
"""Sound around a mistake in a long recording."""
MAX_SOUND_S = 1800.0
"""Sound in one page, about 40 MB; what comes after has pictures only, and says so."""
_COLUMN_S = 0.01
_MAX_COLUMNS = 60_000

Entry = Mapping[str, Any]


@dataclass
class SoundBudget:
    """Room for sound in a page."""

    left_s: float

    def take(self, seconds: float) -> bool:
        """Whether there is room for so much more."""
        if seconds > self.left_s:
            return False
        self.left_s -= seconds
        return True


def page_data(result: ReplayResult, *, audio: bool, baseline: Entry | None = None) -> dict[str, Any]:
    """Collect everything that the page of a replay draws.

    Parameters
    ----------
    result : ReplayResult
    audio : bool
        Embed sound; the spectrogram is drawn from it.
    baseline : mapping, optional
        JSON of an earlier replay, as `kws.harness.baseline.read_baseline` returns it.
    """
    listening = result.listening
    before = {entry["name"]: entry for entry in baseline["recordings"]} if baseline is not None else {}
    mistakes = [timed_mistakes(outcome, listening.sample_rate_hz) for outcome in result.outcomes]
    right = [index for index, found in enumerate(mistakes) if not found]
    heard = {right[i] for i in np.linspace(0, len(right) - 1, min(MAX_RIGHT_HEARD, len(right)), dtype=int)}
    budget = SoundBudget(MAX_SOUND_S if audio else 0.0)
    recordings = []
    for index, (outcome, found) in enumerate(zip(result.outcomes, mistakes, strict=True)):
        samples = outcome.recording.load(listening.sample_rate_hz)
        entry = recording_data(outcome, samples, listening, audio=budget if found or index in heard else None)
        if outcome.recording.name in before:
            entry["before"] = _before(before[outcome.recording.name], entry, listening)
        recordings.append(entry)
    for name, why in result.unheard.items():
        entry = _unheard_data(name, why)
        if name in before:
            entry["before"] = _before(before[name], entry, listening) | {"changed": True}
        recordings.append(entry)
    return header(listening) | {"has_baseline": baseline is not None, "recordings": recordings}


def header(listening: Listening) -> dict[str, Any]:
    """What the recordings have in common."""
    labels = listening.labels
    return {
        "rate_hz": listening.sample_rate_hz,
        "hues": {label: hue_number(listening.colour_index(label)) for label in labels},
        "thresholds": {
            label: limit
            for label, limit in zip(labels, listening.thresholds, strict=True)
            if label in listening.keywords
        },
    }


def recording_data(
    outcome: Outcome, samples: Samples, listening: Listening, *, audio: SoundBudget | None
) -> dict[str, Any]:
    """One recording: what is in it, what was heard, what was wrong, and its pictures.

    Parameters
    ----------
    outcome : Outcome
    samples : numpy.ndarray
        int16, of the recording itself.
    listening : Listening
    audio : optional
        Room for sound; None embeds none.
    """
    rate_hz, start = listening.sample_rate_hz, outcome.start_sample
    mistakes = timed_mistakes(outcome, rate_hz)
    streamed = surround(outcome.recording, samples, listening)
    matching = outcome.matching
    entry = {
        "name": outcome.recording.name,
        "expected": outcome.recording.expected,
        "heard": outcome.predicted,
        "result": _result(outcome),
        "duration_s": round(samples.size / rate_hz, 3),
        "slices": _slices(outcome.recording),
        "mistakes": [[what, None if at is None else round(at, 3)] for what, at in mistakes],
        "events": [
            [event.label, _seconds(event.sample_index, start, rate_hz), event.score, _kind(outcome, event)]
            for event in outcome.heard.events
        ],
        "windows": [
            [
                window.label,
                _seconds(window.start_sample, start, rate_hz),
                _seconds(window.end_sample, start, rate_hz),
                window not in matching.misses,
            ]
            for window in matching.truth.windows
        ]
        if matching
        else [],
        "latency_ms": [round(1000 * hit.latency_samples / rate_hz) for hit in matching.hits] if matching else [],
        "plot": _plot(streamed, outcome.heard.scores, listening),
    }
    if audio is not None:
        entry["sounds"] = _sounds(samples, entry, rate_hz, audio)
    return entry


def _unheard_data(name: str, why: str) -> dict[str, Any]:
    """A recording that could not be heard: a mistake, and nothing to draw."""
    return {
        "name": name,
        "expected": None,
        "heard": None,
        "result": "could not be heard",
        "duration_s": 0.0,
        "slices": _folder_slice(name, None),
        "mistakes": [[why, None]],
        "events": [],
        "windows": [],
        "latency_ms": [],
        "plot": None,
    }


def _seconds(sample: int, start: int, rate_hz: int) -> float:
    return round((sample - start) / rate_hz, 3)


def _result(outcome: Outcome) -> str:
    """What came of it, in a few words."""
    matching = outcome.matching
    if outcome.recording.expected is not None:
        return str(outcome.predicted)
    if matching is None or not matching.truth.windows:
        return counted(len(outcome.heard.events), "event")
    return f"{len(matching.hits)} of {counted(len(matching.truth.windows), 'word')}"


def counted(count: int, what: str) -> str:
    """A number and its noun."""
    return f"{count} {what}" + ("" if count == 1 else "s")


def _slices(recording: Recording) -> dict[str, str]:
    return dict(recording.tags) | _folder_slice(recording.name, recording.expected)


def _folder_slice(name: str, expected: str | None) -> dict[str, str]:
    folder = str(PurePosixPath(name).parent)
    return {} if folder in (".", expected) else {"folder": folder}


def _kind(outcome: Outcome, event: object) -> str:
    matching = outcome.matching
    if matching is None:
        return ""
    kinds = {"false accept": matching.false_accepts, "wrong word": matching.wrong_words, "repeat": matching.repeats}
    return next((kind for kind, events in kinds.items() if any(event is one for one in events)), "hit")


def _before(old: Entry, entry: Mapping[str, Any], listening: Listening) -> dict[str, Any]:
    rate_hz, start = listening.sample_rate_hz, old["start_sample"]
    events = [[e["label"], _seconds(e["sample_index"], start, rate_hz), e["score"]] for e in old["events"]]
    changed = old["predicted"] != entry["heard"] or events != [event[:3] for event in entry["events"]]
    found = old["windows"]
    words = f"{sum(w['event'] is not None for w in found)} of {counted(len(found), 'word')}" if found else None
    result = old["predicted"] or words or counted(len(events), "event")
    return {"result": result, "events": events, "changed": changed}


def _plot(streamed: Streamed, scores: Scores, listening: Listening) -> dict[str, Any]:
    """Outline of the waveform and smoothed posteriors, packed: see ``unpack`` in ``plot.js``."""
    samples, rate_hz = streamed.samples.astype(np.int32), listening.sample_rate_hz
    num_columns = max(1, min(_MAX_COLUMNS, round(samples.size / rate_hz / _COLUMN_S)))
    starts = np.linspace(0, samples.size, num_columns, endpoint=False).astype(np.int64)
    peak = max(1, int(np.abs(samples).max(initial=0)))
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    wave = np.round(127.0 * np.concatenate([low, high]) / peak).astype(np.int8)
    steps = np.diff(scores.sample_index.astype(np.uint32), prepend=np.uint32(0)).astype("<u4")
    smoothed = scores.smoothed
    shown = np.flatnonzero(smoothed.max(axis=0, initial=0) >= SHOWN_POSTERIOR)
    packed = wave.tobytes() + np.ascontiguousarray(smoothed[:, shown].T).tobytes() + steps.tobytes()
    return {
        "start_s": round(-streamed.start_sample / rate_hz, 4),
        "end_s": round((samples.size - streamed.start_sample) / rate_hz, 4),
        "columns": num_columns,
        "decisions": len(smoothed),
        "step_s": round(listening.decision_samples / rate_hz, 4),
        "labels": [listening.labels[int(index)] for index in shown],
        "peak_dbfs": round(20 * float(np.log10(peak / 32768))),
        "packed": base64.b64encode(zlib.compress(packed, 9)).decode("ascii"),
    }


def _sounds(samples: Samples, entry: Mapping[str, Any], rate_hz: int, budget: SoundBudget) -> list[list[Any]]:
    """Pieces of sound: where each starts, and what is there."""
    pieces = []
    for start_s, end_s in _pieces(samples.size / rate_hz, entry):
        if budget.take(end_s - start_s):
            first, last = round(start_s * rate_hz), round(end_s * rate_hz)
            pieces.append([first / rate_hz, _flac(samples[first:last], rate_hz)])
    return pieces


def _pieces(duration_s: float, entry: Mapping[str, Any]) -> Iterable[tuple[float, float]]:
    if duration_s <= WHOLE_S:
        return [(0.0, duration_s)] if duration_s else []
    moments: Sequence[float] = [at for _, at in entry["mistakes"] if at is not None]
    if not moments:
        moments = [event[1] for event in entry["events"][:MAX_RIGHT_HEARD]]
    merged: list[list[float]] = []
    for at in sorted(moments):
        start, end = max(0.0, at - BEFORE_S), min(duration_s, at + AFTER_S)
        if merged and start <= merged[-1][1]:
            merged[-1][1] = end
        else:
            merged.append([start, end])
    return [(start, end) for start, end in merged]


def _flac(samples: Samples, rate_hz: int) -> str:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="FLAC", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode("ascii")
