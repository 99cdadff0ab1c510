# SPDX-License-Identifier: Apache-2.0
"""The picture of one recording that notebooks show: waveform, smoothed posteriors, detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kws.audio import Samples
from kws.evaluation.listening import Listening, with_silence
from kws.evaluation.recordings import Recording
from kws.harness.listener import Heard
from kws.harness.replay import Outcome
from kws.pipeline import Detection, Scores
from kws.report.page import SCRIPTS, embedded, render
from kws.report.page_data import MAX_SOUND_S, SoundBudget, header, recording_data


def heard_page(detections: Sequence[Detection], samples: Samples, scores: Scores, listening: Listening) -> str:
    """Make the page of one recording.

    Parameters
    ----------
    detections : sequence of Detection
        Their times count from the beginning of the recording.
    samples : numpy.ndarray
        int16 ``[num_samples]``, the recording.
    scores : Scores
        Their indices count the silence before it too.
    listening : Listening

    Raises
    ------
    ToolMissingError
        If jinja2 is not installed.
    """
    lead = listening.lead_samples
    streamed = with_silence(samples, lead_samples=lead, tail_samples=listening.tail_samples)
    events = tuple(replace(detection, sample_index=detection.sample_index + lead) for detection in detections)
    outcome = Outcome(
        recording=Recording(path=Path("recording"), name="recording"),
        heard=Heard(events=events, scores=scores, frames=None, wall_s=0.0, num_frames=0, gated_frames=0),
        streamed_samples=streamed.samples.size,
        start_sample=lead,
        num_samples=samples.size,
        predicted=None,
        matching=None,
        equals_host=None,
    )
    entry = recording_data(outcome, samples, listening, audio=SoundBudget(MAX_SOUND_S))
    values = {"data": embedded(header(listening) | {"recordings": [entry]}), "scripts": (*SCRIPTS, "heard.js")}
    return render("heard.html.j2", values)
