# SPDX-License-Identifier: Apache-2.0
"""The ``[recipe]`` table of a run: which clips beside the data set's own, and how hard they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from kws.ranges import NotNegative, Positive, Rate, Share, Width, Within
from kws.training.augment.clips import ClipAcousticsConfig
from kws.training.augment.features import ColourConfig, MaskConfig

SOURCES = (
    "keywords",
    "unknown",
    "synthetic_keywords",
    "synthetic_unknown",
    "continuous",
    "chimeras",
    "reversed",
    "negatives",
    "silence",
)
"""Pools that a batch is drawn from."""


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """Words spoken by machines."""

    engines: dict[str, Width] = field(default_factory=lambda: {"espeak-ng": 1.0})
    """Engines out of `datasets.synthetic_choir.ENGINES` and their shares of the voices; all but the first want the
    extra ``voices``."""
    num_voices: Positive = 600
    clips_per_word: NotNegative = 8
    """Of each word in ``words.txt``."""
    clips_per_vocabulary_word: NotNegative = 40
    """Of each word of the published data set that is not a keyword: the commonest unknown words in tests."""
    clips_per_keyword: NotNegative = 120


@dataclass(frozen=True, kw_only=True)
class MaskingConfig(MaskConfig, ColourConfig):
    """What is done to features when a batch is made."""

    colour_db: Width = 1.0
    gain_db: Width = 1.5
    time_mask_frames: NotNegative = 5
    feature_mask_width: NotNegative = 4
    shift_frames: NotNegative = 0
    """Half of the clips are moved by up to so many frames, their first or last frame repeated."""
    mixup_alpha: Width = 0.0
    """Beta distribution of the share of the weaker of two mixed clips; 0 = none are mixed."""


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """A residual network trained first; its posteriors are most of the truth for the network that ships."""

    width: Positive = 24
    """Channels of the first stage; doubled in each of two further ones."""
    blocks_per_stage: Positive = 2
    epochs: Positive = 30
    batch_clips: Positive = 256
    learning_rate: Rate = 2e-3
    weight_decay: Width = 0.05
    masking: MaskingConfig = field(default_factory=lambda: MaskingConfig(mixup_alpha=0.4))


@dataclass(frozen=True, kw_only=True)
class ListenerConfig:
    """A second teacher: small heads on a speech embedding that has heard millions of voices (extra ``trunk``)."""

    folds: Annotated[int, Within(2)] = 5
    """The opinion of a clip comes from heads that did not learn from it."""
    heads: Positive = 2
    """Per fold, each from another start."""
    hidden: Positive = 192
    epochs: Positive = 12
    learning_rate: Rate = 1e-3
    dropped_above: Share = 0.5
    """Pieces of negatives in which the heads find keywords so likely are not drawn: films do say "no"."""


@dataclass(frozen=True, kw_only=True)
class MiningConfig:
    """Moments of the negatives at which the network itself, heard as a stream, comes nearest to an event."""

    rounds: tuple[NotNegative, ...] = (1, 4, 8)
    """After how many epochs to listen, 0 for before the first; what is found is drawn from the next but one on, and all
    through the polish."""
    moments: Positive = 3000
    """How many of the worst are kept of a round."""
    share: Share = 0.08
    """Of a batch; the sources of ``shares`` have the rest."""


@dataclass(frozen=True, kw_only=True)
class PolishConfig:
    """Epochs after the others, with a small step size, mostly on clips without augmentation."""

    epochs: Positive = 6
    learning_rate: Rate = 5e-4
    plain_share: Share = 0.6
    """Share of clips in a batch that are as they were recorded, spoken or spliced."""


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """Everything beyond the plain pipeline."""

    clips_per_epoch: Positive = 25_600
    start: Path | None = None
    """TFLite file of a finished network of this shape, or with fewer channels, whose weights training starts from; a
    relative path is taken from the folder of the TOML file. Without it, from chance."""
    start_share: Share = 0.0
    """At the end the weights are averaged with those of ``start``, which count so much."""
    variants: Positive = 12
    """Augmented copies of every clip, computed once and drawn from at random. Variant 0 is the clip as it is, which
    only the polish draws."""
    shares: dict[str, Share] = field(
        default_factory=lambda: {
            "keywords": 0.55,
            "unknown": 0.12,
            "synthetic_keywords": 0.05,
            "synthetic_unknown": 0.08,
            "continuous": 0.05,
            "chimeras": 0.06,
            "reversed": 0.02,
            "silence": 0.07,
        }
    )
    """Share of a batch each source gets; a source without a share is not made."""
    continuous_folders: tuple[str, ...] = ()
    """Folders of recordings without any keyword, beside the data set; every fifth file is left for evaluation."""
    negative_folders: tuple[str, ...] = ()
    """Folders of films, music, clatter, other languages (``kws dataset download negatives``), beside the data set: cut
    for the source ``negatives``, and heard behind words as other speakers are. Keywords may occur in them."""
    continuous_clips: NotNegative = 3000
    negative_clips: NotNegative = 4000
    chimera_clips: NotNegative = 3000
    reversed_clips: NotNegative = 1200
    silence_clips: NotNegative = 1500
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    acoustics: ClipAcousticsConfig = field(default_factory=ClipAcousticsConfig)
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    teacher: TeacherConfig | None = None
    listener: ListenerConfig | None = None
    """Where there are both, the mean of their opinions counts."""
    plain_share: Share = 0.0
    """Share of clips in a batch without augmentation, before the polish."""
    mining: MiningConfig | None = None
    """Wants ``negative_folders`` and a listener, which keeps true words out of what is mined."""
    balance_unknown: bool = False
    """At the end the bias of ``unknown`` is set for every label to count alike, however often it was drawn."""
    teacher_weight: Share = 0.7
    """Share of the teachers in the targets; the rest is the label."""
    polish: PolishConfig | None = None

    def __post_init__(self) -> None:
        """Refuse sources nobody knows and shares that do not make a whole."""
        stray = set(self.shares) - set(SOURCES)
        if stray:
            raise ValueError(f"shares: {', '.join(sorted(stray))} is no source; known: {', '.join(SOURCES)}")
        if abs(sum(self.shares.values()) - 1.0) > 1e-6:
            raise ValueError(f"shares: expected a sum of 1, got {sum(self.shares.values()):g}")
        if self.start_share and self.start is None:
            raise ValueError("start_share: there is no start to average with; name one, or leave it out")
