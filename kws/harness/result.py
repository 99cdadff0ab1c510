# SPDX-License-Identifier: Apache-2.0
"""A whole replay: its figures, and the JSON that baselines and other programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kws.errors import EvaluationError
from kws.evaluation.listening import Listening
from kws.evaluation.metrics import Proportion, Rate, StreamScore
from kws.files import StrPath
from kws.harness.entry import entry_of
from kws.harness.listener import Identity, StageTotal
from kws.harness.replay import Outcome
from kws.notebook import data_frame, in_frame
from kws.version import VERSION

if TYPE_CHECKING:
    import pandas

_PAGE_PIXELS = 700
FORMAT = "kws-replay-3"


@dataclass(frozen=True, kw_only=True)
class BundleIdentity:
    """Which bundle was replayed to."""

    name: str
    crc32: int
    operating_point: str


@dataclass(frozen=True, repr=False)
class ReplayResult:
    """Everything a replay found out. Figures are None where the recordings cannot give them."""

    identity: Identity
    bundle: BundleIdentity
    listening: Listening
    outcomes: tuple[Outcome, ...]
    stages: tuple[StageTotal, ...]
    dropped_samples: int
    num_planned: int
    """Recordings that were to be replayed; more than there are outcomes if the board was lost on the way."""
    unheard: Mapping[str, str] = field(default_factory=dict)
    """Recording that a run went past -> why: a file that cannot be read, a truth that does not fit it."""
    counted_samples: int | None = None
    """Samples streamed while the stages were counted; None: all of them."""

    def __repr__(self) -> str:
        parts = [f"{len(self.outcomes)} recordings, {self.audio_s:.0f} s, board {self.identity.board}"]
        if self.accuracy is not None:
            parts.append(f"accuracy {self.accuracy.value:.1%}")
        if self.false_rejects is not None:
            parts.append(f"{self.false_rejects.count} of {self.false_rejects.total} keywords missed")
        if self.unheard:
            parts.append(f"{len(self.unheard)} could not be heard")
        return f"ReplayResult({'; '.join(parts)})"

    def _repr_html_(self) -> str | None:
        from kws.report.page import replay_page

        return in_frame(lambda: replay_page(self, audio=False), _PAGE_PIXELS)

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas data frame with one row per recording, as in `to_json`.

        Raises
        ------
        ToolMissingError
            If pandas is not installed.
        """
        rows = [entry_of(outcome, self.listening) for outcome in self.outcomes]
        return data_frame(rows, tuple(rows[0]) if rows else ())

    @cached_property
    def clips(self) -> tuple[Outcome, ...]:
        """Outcomes of recordings with a label."""
        return tuple(outcome for outcome in self.outcomes if outcome.correct is not None)

    @cached_property
    def streams(self) -> tuple[Outcome, ...]:
        """Outcomes of recordings with truth windows."""
        return tuple(outcome for outcome in self.outcomes if outcome.recording.windows is not None)

    @property
    def audio_s(self) -> float:
        """Audio streamed, silence around clips included."""
        return sum(outcome.streamed_samples for outcome in self.outcomes) / self.listening.sample_rate_hz

    @property
    def counted_audio_s(self) -> float:
        """Audio streamed while the stages were counted."""
        if self.counted_samples is None:
            return self.audio_s
        return self.counted_samples / self.listening.sample_rate_hz

    def cycles_per_second(self, stage: StageTotal) -> float:
        """Cycles of a stage for a second of audio; 0 where nothing was heard."""
        return stage.cycles / self.counted_audio_s if self.counted_audio_s else 0.0

    @property
    def wall_s(self) -> float:
        """Time the board took for it."""
        return sum(outcome.heard.wall_s for outcome in self.outcomes)

    @property
    def accuracy(self) -> Proportion | None:
        """Share of clips given their label."""
        if not self.clips:
            return None
        return Proportion(count=sum(bool(outcome.correct) for outcome in self.clips), total=len(self.clips))

    @cached_property
    def spotting(self) -> StreamScore:
        """Events against truth windows, over everything that has a truth."""
        return StreamScore(
            matchings=tuple(outcome.matching for outcome in self.outcomes if outcome.matching is not None)
        )

    @property
    def false_rejects(self) -> Proportion | None:
        """Keywords without an event, in clips and streams."""
        return self.spotting.false_rejects if self.spotting.num_keywords else None

    @property
    def alarmed_clips(self) -> Proportion | None:
        """Share of clips without a keyword in which an event was raised."""
        others = [o for o in self.clips if o.matching is not None and not o.matching.truth.windows]
        return Proportion(count=sum(bool(o.heard.events) for o in others), total=len(others)) if others else None

    @property
    def false_accepts(self) -> Rate | None:
        """Rate in streams only: the silence around clips is no audio to be proud of."""
        matchings = tuple(outcome.matching for outcome in self.streams if outcome.matching is not None)
        score = StreamScore(matchings=matchings)
        return score.false_accepts if score.has_negative_audio else None

    @property
    def asleep(self) -> float:
        """Share of the frames with the gate closed."""
        num_frames = sum(outcome.heard.num_frames for outcome in self.outcomes)
        return sum(outcome.heard.gated_frames for outcome in self.outcomes) / max(num_frames, 1)

    @property
    def equality(self) -> Proportion | None:
        """Recordings whose scores and events equal the host library's bit for bit."""
        compared = [outcome.equals_host for outcome in self.outcomes if outcome.equals_host is not None]
        return Proportion(count=sum(compared), total=len(compared)) if compared else None

    @cached_property
    def verdicts(self) -> tuple[str, ...]:
        """Labels of the confusion matrix: the bundle's, then other verdicts that occurred."""
        extra = {str(outcome.predicted) for outcome in self.clips} - set(self.listening.labels)
        return (*self.listening.labels, *sorted(extra))

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Shape [verdicts, verdicts]: clips by expected label (row) and verdict (column)."""
        matrix = np.zeros((len(self.verdicts), len(self.verdicts)), dtype=np.int64)
        for outcome in self.clips:
            row = self.verdicts.index(str(outcome.recording.expected))
            matrix[row, self.verdicts.index(str(outcome.predicted))] += 1
        return matrix

    def summary(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return {
            "recordings": len(self.outcomes),
            "audio_s": round(self.audio_s, 3),
            "accuracy": _json(self.accuracy),
            "false_reject_rate": _json(self.false_rejects),
            "alarmed_clips": _json(self.alarmed_clips),
            "false_accepts_per_hour": _json(self.false_accepts),
            "wrong_words": self.spotting.num_wrong_words,
            "latency_ms": self.spotting.latency_json(),
            "asleep": round(self.asleep, 4),
            "dropped_samples": self.dropped_samples,
            "equal_to_host": _json(self.equality),
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values. Only ``costs`` differ between two runs of the same replay."""
        return {
            "format": FORMAT,
            "kws_version": VERSION,
            "sample_rate_hz": self.listening.sample_rate_hz,
            "board": {
                "name": self.identity.board,
                "says_it_is": self.identity.name,
                "clock_hz": self.identity.clock_hz,
            },
            "bundle": {
                "name": self.bundle.name,
                "crc32": f"{self.bundle.crc32:08x}",
                "operating_point": self.bundle.operating_point,
            },
            "complete": len(self.outcomes) == self.num_planned,
            "unheard": dict(self.unheard),
            "summary": self.summary(),
            "confusion": {"labels": list(self.verdicts), "matrix": self.confusion.tolist()},
            "recordings": [entry_of(outcome, self.listening) for outcome in self.outcomes],
            "costs": self.costs(),
        }

    def costs(self) -> dict[str, Any]:
        """Time and compute, as plain JSON values; cycles are for a second of audio."""
        return {
            "wall_s": round(self.wall_s, 3),
            "times_real_time": round(self.audio_s / self.wall_s, 2) if self.wall_s else None,
            "ram_bytes": self.identity.ram_bytes,
            "stages": [
                {
                    "stage": stage.stage,
                    "calls": stage.calls,
                    "cycles": stage.cycles,
                    "cycles_per_second": round(self.cycles_per_second(stage), 1),
                    "mean_us": round(stage.mean_us, 3),
                }
                for stage in self.stages
            ],
        }

    def write_json(self, path: StrPath) -> None:
        """Write `to_json` to a file.

        Raises
        ------
        EvaluationError
            If the file cannot be written.
        """
        try:
            Path(path).write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise EvaluationError(f"{path}: cannot be written ({error.strerror}); check the folder") from error


def _json(value: Proportion | Rate | None) -> dict[str, Any] | None:
    return None if value is None else value.to_json()
