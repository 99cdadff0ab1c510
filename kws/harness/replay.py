# SPDX-License-Identifier: Apache-2.0
"""Replay recordings to a board and judge each: what the network took it for, which events it raised, how late.

How a recording is streamed
---------------------------
Every recording starts from reset, so its result depends on nothing before it.

* A *clip* (its label is known) has silence around it, as `kws.evaluation.listening` defines it. The clip's verdict is
  the last decision that does not reach beyond the clip (or its first window, if the clip is shorter): the very
  decision that `kws evaluate` reports. A clip much longer than the window has no such decision; there the first event
  is the verdict.
* A *stream* (its truth windows are known) starts with its first sample, and is followed by silence only as far as its
  last window may be answered.
* Anything else is streamed with the silence of a clip, and its events are listed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws.audio import Samples
from kws.endpoints import speech_bounds
from kws.evaluation.clips import verdict_of_events
from kws.evaluation.events import Matching, match_events
from kws.evaluation.listening import Listening, Streamed, with_silence
from kws.evaluation.recordings import Recording
from kws.evaluation.truth import Truth, Window
from kws.harness.listener import Heard, Listener
from kws.pipeline import Scores


@dataclass(frozen=True, kw_only=True, repr=False)
class Outcome:
    """One recording, replayed and judged. Sample indices count in what was streamed."""

    recording: Recording
    heard: Heard
    streamed_samples: int
    start_sample: int
    num_samples: int
    predicted: str | None
    """The verdict on a clip; None for streams and recordings without expectation."""
    matching: Matching | None
    """Events against truth windows; None without expectation."""
    equals_host: bool | None
    """Features, scores and events bit for bit as the host library's; None when not compared."""
    audio_crc32: int = 0
    """CRC-32 of the recording's samples: whether it is still the same one."""
    stored: Mapping[str, Any] | None = None
    """Its entry in the file it was read from, which holds the highest scores but not all of them."""

    def __repr__(self) -> str:
        events = ", ".join(event.label for event in self.heard.events) or "none"
        verdict = "" if self.predicted is None else f"; {self.recording.expected!r} taken for {self.predicted!r}"
        return f"Outcome({self.recording.name!r}{verdict}; events: {events})"

    @property
    def correct(self) -> bool | None:
        """Whether a clip was given its label; None when it is no clip."""
        return None if self.recording.expected is None else self.predicted == self.recording.expected

    @property
    def is_wrong(self) -> bool:
        """Whether the label is wrong, or a word was missed, taken for another, or heard where none is."""
        matching = self.matching
        bad_events = matching is not None and bool(matching.misses or matching.false_accepts or matching.wrong_words)
        return self.correct is False or bad_events


def surround(recording: Recording, samples: Samples, listening: Listening) -> Streamed:
    """Put the silence around a recording that its kind needs (see the module's text)."""
    if recording.windows is None:
        return with_silence(samples, lead_samples=listening.lead_samples, tail_samples=listening.tail_samples)
    last = max((window.end_sample for window in recording.windows), default=0)
    answered = last + listening.tail_samples if recording.windows else 0
    return with_silence(samples, lead_samples=0, tail_samples=max(0, answered - samples.size))


def replay(
    listener: Listener, recordings: Sequence[Recording], listening: Listening, *, host: Listener | None = None
) -> Iterator[Outcome]:
    """Replay recordings one by one, each from reset.

    Parameters
    ----------
    listener : Listener
        The open board.
    recordings : sequence of Recording
    listening : Listening
        Of the bundle on the board.
    host : Listener, optional
        The host library with the same bundle and operating point: every outcome is compared with it.

    Yields
    ------
    Outcome
        In the order of the recordings.

    Raises
    ------
    AudioError, DeviceError
        If a recording cannot be read or the board fails.
    """
    for unheard in recordings:
        samples = unheard.load(listening.sample_rate_hz)
        recording = unheard.within(samples.size, listening.sample_rate_hz)
        streamed = surround(recording, samples, listening)
        heard = listener.hear(streamed.samples)
        truth = _truth(recording, samples, streamed, listening)
        yield Outcome(
            recording=recording,
            heard=heard,
            streamed_samples=streamed.samples.size,
            start_sample=streamed.start_sample,
            num_samples=streamed.num_samples,
            predicted=_verdict(recording, streamed, heard, listening),
            matching=None if truth is None else match_events(heard.events, truth),
            equals_host=None
            if host is None
            else same_bits(heard, host.hear(heard.sound if heard.sound is not None else streamed.samples)),
            audio_crc32=zlib.crc32(samples.tobytes()),
        )


def same_bits(one: Heard, other: Heard) -> bool:
    """Whether two boards said the same: every event, every posterior, every index, every feature both tell,
    and as long asleep (through a microphone nobody counts that)."""
    frames_equal = one.frames is None or other.frames is None or np.array_equal(one.frames, other.frames)
    scores_equal = all(
        np.array_equal(getattr(one.scores, name), getattr(other.scores, name))
        for name in ("sample_index", "frame_index", "posteriors", "smoothed")
    )
    slept_equally = one.sound is not None or (one.num_frames, one.gated_frames) == (
        other.num_frames,
        other.gated_frames,
    )
    return one.events == other.events and scores_equal and frames_equal and slept_equally


def clip_decision(scores: Scores, streamed: Streamed, listening: Listening) -> int | None:
    """Row of the decision that is a clip's verdict; None if the clip is too long, or the network slept."""
    if listening.is_long(streamed.num_samples):
        return None
    limit = streamed.start_sample + listening.judged_samples(streamed.num_samples)
    row = int(np.searchsorted(scores.sample_index, limit, side="right")) - 1
    return row if row >= 0 and scores.sample_index[row] > streamed.start_sample else None


def _verdict(recording: Recording, streamed: Streamed, heard: Heard, listening: Listening) -> str | None:
    if recording.expected is None:
        return None
    row = clip_decision(heard.scores, streamed, listening)
    if row is not None:
        return listening.labels[int(np.argmax(heard.scores.posteriors[row]))]
    return verdict_of_events(heard.events, recording.expected, listening.labels, listening.keywords)


def _truth(recording: Recording, samples: Samples, streamed: Streamed, listening: Listening) -> Truth | None:
    windows: tuple[Window, ...] = ()
    if recording.expected is not None:
        if recording.expected in listening.keywords:
            windows = (_word_window(recording.expected, samples, streamed, listening.sample_rate_hz),)
    elif recording.windows is not None:
        windows = recording.windows
    else:
        return None
    return Truth(num_samples=streamed.samples.size, windows=windows, sample_rate_hz=listening.sample_rate_hz)


def _word_window(label: str, samples: Samples, streamed: Streamed, sample_rate_hz: int) -> Window:
    start, end = speech_bounds(samples, sample_rate_hz=sample_rate_hz) or (0, samples.size)
    return Window(label=label, start_sample=streamed.start_sample + start, end_sample=streamed.start_sample + end)
