# SPDX-License-Identifier: Apache-2.0
"""One recording of a replay as plain JSON values, and back: what baselines compare and interrupted runs go on from.

An entry holds what was heard and nothing that differs between two runs: no times of this computer, no cycles. Of the
scores it holds the highest, of each keyword and of each truth window, whether a threshold was reached or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from kws.evaluation.events import match_events
from kws.evaluation.listening import Listening
from kws.evaluation.recordings import Recording
from kws.evaluation.truth import HIT_TOLERANCE_S, Truth, Window
from kws.harness.listener import Heard
from kws.harness.replay import Outcome
from kws.pipeline import Detection, Scores


def entry_of(outcome: Outcome, listening: Listening) -> dict[str, Any]:
    """Return the entry of a recording: the one it was read from, or a new one."""
    if outcome.stored is not None:
        return dict(outcome.stored)
    matching, heard = outcome.matching, outcome.heard
    return {
        "name": outcome.recording.name,
        "tags": dict(outcome.recording.tags),
        "audio_crc32": f"{outcome.audio_crc32:08x}",
        "expected": outcome.recording.expected,
        "predicted": outcome.predicted,
        "start_sample": outcome.start_sample,
        "num_samples": outcome.num_samples,
        "streamed_samples": outcome.streamed_samples,
        "dropped_samples": heard.dropped_samples,
        "num_frames": heard.num_frames,
        "gated_frames": heard.gated_frames,
        "events": [_event(event) for event in heard.events],
        "windows": _windows(outcome, listening),
        "peaks": _peaks(outcome, listening),
        "hits": len(matching.hits) if matching else None,
        "misses": len(matching.misses) if matching else None,
        "false_accepts": len(matching.false_accepts) if matching else None,
        "wrong_words": len(matching.wrong_words) if matching else None,
        "latency_samples": [hit.latency_samples for hit in matching.hits] if matching else None,
        "equal_to_host": outcome.equals_host,
    }


def outcome_of(entry: Mapping[str, Any], recording: Recording, listening: Listening, *, wall_s: float = 0.0) -> Outcome:
    """Return the recording's outcome as it was, but for the scores, of which an entry has only the highest.

    Parameters
    ----------
    entry : mapping
        As `entry_of` returns it.
    recording : Recording
        The same recording.
    listening : Listening
        Of the same bundle at the same operating point.
    wall_s : float
        Time that the board took, which an entry does not tell.
    """
    rate_hz = listening.sample_rate_hz
    windows = None if entry["windows"] is None else tuple(_window(window) for window in entry["windows"])
    events = tuple(_detection(event, listening) for event in entry["events"])
    matching = None
    if windows is not None:
        truth = Truth(num_samples=entry["streamed_samples"], windows=windows, sample_rate_hz=rate_hz)
        matching = match_events(events, truth)
    return Outcome(
        recording=recording if recording.windows is None else replace(recording, windows=windows),
        heard=Heard(
            events=events,
            scores=_no_scores(len(listening.labels)),
            frames=None,
            wall_s=wall_s,
            num_frames=entry["num_frames"],
            gated_frames=entry["gated_frames"],
            dropped_samples=entry["dropped_samples"],
        ),
        streamed_samples=entry["streamed_samples"],
        start_sample=entry["start_sample"],
        num_samples=entry["num_samples"],
        predicted=entry["predicted"],
        matching=matching,
        equals_host=entry["equal_to_host"],
        audio_crc32=int(entry["audio_crc32"], 16),
        stored=entry,
    )


def _event(event: Detection) -> dict[str, Any]:
    return {"label": event.label, "sample_index": event.sample_index, "score": event.score}


def _detection(event: Mapping[str, Any], listening: Listening) -> Detection:
    return Detection(
        label=event["label"],
        label_index=listening.labels.index(event["label"]),
        sample_index=event["sample_index"],
        score=event["score"],
        sample_rate_hz=listening.sample_rate_hz,
    )


def _window(window: Mapping[str, Any]) -> Window:
    return Window(label=window["label"], start_sample=window["start_sample"], end_sample=window["end_sample"])


def _windows(outcome: Outcome, listening: Listening) -> list[dict[str, Any]] | None:
    """Truth windows with the event that answered each, and how near the smoothed score came, threshold or not."""
    if outcome.matching is None:
        return None
    answers = {hit.window: hit.event for hit in outcome.matching.hits}
    tolerance = round(HIT_TOLERANCE_S * listening.sample_rate_hz)
    scores = outcome.heard.scores
    rows = []
    for window in outcome.matching.truth.windows:
        inside = (scores.sample_index >= window.start_sample) & (scores.sample_index <= window.end_sample + tolerance)
        peak = scores.smoothed[inside, listening.labels.index(window.label)].max(initial=0)
        answer = answers.get(window)
        rows.append(
            {
                "label": window.label,
                "start_sample": window.start_sample,
                "end_sample": window.end_sample,
                "event": None if answer is None else _event(cast(Detection, answer)),
                "peak": int(peak),
            }
        )
    return rows


def _peaks(outcome: Outcome, listening: Listening) -> dict[str, int]:
    """Highest smoothed score of each keyword anywhere in the recording: what moves when nothing else seems to."""
    smoothed = outcome.heard.scores.smoothed
    return {label: int(smoothed[:, listening.labels.index(label)].max(initial=0)) for label in listening.keywords}


def _no_scores(num_labels: int) -> Scores:
    none = np.zeros((0, num_labels), np.uint8)
    return Scores(
        sample_index=np.zeros(0, np.uint64), frame_index=np.zeros(0, np.uint32), posteriors=none, smoothed=none
    )
