# SPDX-License-Identifier: Apache-2.0
"""What a spotter heard, in a shape that notebooks show and data frames take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kws.audio import Samples
from kws.evaluation.listening import Listening
from kws.notebook import data_frame, in_frame
from kws.pipeline import Detection, Scores

if TYPE_CHECKING:
    import pandas

_PICTURE_PIXELS = 330


class Detections(list[Detection]):
    """The detections of one recording, by time; a list, which also keeps what led to them.

    Attributes
    ----------
    samples : numpy.ndarray
        int16 ``[num_samples]``, what was heard.
    scores : Scores
        Every decision. Its indices count the silence before the recording too: ``lead_samples``.
    lead_samples : int
    """

    def __init__(
        self, detections: Iterable[Detection], *, samples: Samples, scores: Scores, listening: Listening
    ) -> None:
        super().__init__(detections)
        self.samples = samples
        self.scores = scores
        self.lead_samples = listening.lead_samples
        self._listening = listening

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas data frame with one row per detection.

        Raises
        ------
        ToolMissingError
            If pandas is not installed.
        """
        columns = ("label", "time_s", "posterior", "score", "sample_index")
        return data_frame([{name: getattr(detection, name) for name in columns} for detection in self], columns)

    def _repr_html_(self) -> str | None:
        from kws.report.heard_page import heard_page

        return in_frame(lambda: heard_page(self, self.samples, self.scores, self._listening), _PICTURE_PIXELS)


@dataclass(frozen=True, kw_only=True, repr=False)
class Classification:
    """One decision over a clip."""

    label: str
    """The likeliest label."""
    posteriors: Mapping[str, float]
    """Posterior of each label, from 0 to 1, in the order of the model's outputs."""

    @property
    def posterior(self) -> float:
        """That of `label`."""
        return self.posteriors[self.label]

    def __repr__(self) -> str:
        best = sorted(self.posteriors.items(), key=lambda item: -item[1])[:3]
        shown = ", ".join(f"{label} {posterior:.2f}" for label, posterior in best)
        return f"Classification({self.label!r}; posteriors of 1: {shown})"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(label)}</td><td><meter min='0' max='1' value='{posterior:.3f}'></meter></td>"
            f"<td>{posterior:.2f}</td></tr>"
            for label, posterior in self.posteriors.items()
        )
        return f"<table>{rows}</table>"

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas data frame with one row per label.

        Raises
        ------
        ToolMissingError
            If pandas is not installed.
        """
        rows: list[dict[str, Any]] = [{"label": name, "posterior": value} for name, value in self.posteriors.items()]
        return data_frame(rows, ("label", "posterior"))
