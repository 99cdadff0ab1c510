# SPDX-License-Identifier: Apache-2.0
"""One TOML file = one run: what is trained on, how it is augmented, which network, how it is optimised."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from kws.datasets.corpus import SILENCE_SHARE
from kws.decision import DecisionConfig, OperatingPoint, Pause
from kws.errors import ConfigError
from kws.features import FeaturesConfig
from kws.gate import GateConfig
from kws.labels import SILENCE, check_distinct
from kws.ranges import Part, Positive, Seed, Share, Within
from kws.training.augment.mixing import AugmentConfig
from kws.training.clips.recipe.config import RecipeConfig
from kws.training.fit import settings
from kws.training.fit.config import ModelConfig, OptimizerConfig, QuantizeConfig

LABELS_12 = ("silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
"""Labels of the Speech Commands task, in the order of the shipped model."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which clips, and in what proportions an epoch holds them."""

    labels: tuple[str, ...] = LABELS_12
    """Words to tell apart; ``silence`` and ``unknown`` (every other word) have their meaning when present."""
    clip_ms: Positive = 1000
    """Length of a training clip: one decision window of audio."""
    fractions: dict[str, Share] = field(default_factory=lambda: {"silence": 0.08, "unknown": 0.17})
    """Share of an epoch for some labels; the others fill the rest as often as they occur."""
    validation_silence_fraction: Part = SILENCE_SHARE
    """Share of silence clips (cut from the noise recordings' last fifth) in the validation set."""

    def __post_init__(self) -> None:
        """Refuse impossible proportions."""
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise ValueError(f"labels: expected two or more different ones, got {list(self.labels)}")
        check_distinct(self.labels)
        stray = set(self.fractions) - set(self.labels)
        if stray:
            raise ValueError(f"fractions: {', '.join(sorted(stray))} not among the labels; add or remove")
        if not 0.0 <= sum(self.fractions.values()) < 1.0:
            raise ValueError(f"fractions: expected a sum below 1, got {sum(self.fractions.values()):g}")


@dataclass(frozen=True, kw_only=True)
class DecisionSettings:
    """How posteriors become events in the bundle this run writes."""

    smoothing_decisions: int = 4
    refractory_frames: int = 50
    thresholds: tuple[int, ...] = (180, 215, 240)
    """One operating point each, the same for every label that fires; 255 = 1.0."""
    default_operating_point: int = 1
    never_fire: tuple[str, ...] = ("silence", "unknown")
    words: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Labels with thresholds of their own, one per operating point."""
    pause_score: Annotated[int, Within(0, 255)] = 0
    """A word is heard only after a pause, in which "silence" reached this score (1..255); 0 asks for none."""
    pause_decisions: int = 75
    """A pause that many decisions ago still counts."""

    def __post_init__(self) -> None:
        """Refuse thresholds of words that do not go with those of the others."""
        for word, row in self.words.items():
            if len(row) != len(self.thresholds) or word in self.never_fire:
                raise ValueError(
                    f"words: expected {len(self.thresholds)} thresholds, one per operating point, of a label that may "
                    f"fire, got {word} = {list(row)}"
                )

    def for_labels(self, labels: tuple[str, ...]) -> DecisionConfig:
        """Spread the thresholds over all labels that fire.

        Raises
        ------
        ConfigError
            If a word with thresholds of its own is no label.
        """
        if stray := sorted(set(self.words) - set(labels)):
            raise ConfigError(f"decision.words: {', '.join(stray)} not among the labels {', '.join(labels)}; remove it")
        rows = [self.words.get(label, self.thresholds) if label not in self.never_fire else () for label in labels]
        points = tuple(
            OperatingPoint(thresholds=tuple(row[number] if row else 0 for row in rows))
            for number in range(len(self.thresholds))
        )
        return DecisionConfig(
            operating_points=points,
            default_operating_point=self.default_operating_point,
            smoothing_decisions=self.smoothing_decisions,
            refractory_frames=self.refractory_frames,
            pause=self._pause(labels) if self.pause_score else None,
        )

    def _pause(self, labels: tuple[str, ...]) -> Pause:
        if SILENCE not in labels:
            raise ConfigError(
                f"decision.pause_score: needs the label {SILENCE}, and the labels are {', '.join(labels)}; set it to 0"
            )
        return Pause(label=labels.index(SILENCE), score=self.pause_score, decisions=self.pause_decisions)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that determines a bundle, but for the recordings."""

    name: str
    seed: Seed = 1
    data: DataConfig = field(default_factory=DataConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    quantize: QuantizeConfig = field(default_factory=QuantizeConfig)
    decision: DecisionSettings = field(default_factory=DecisionSettings)
    gate: GateConfig | None = None
    """Lets the bundle sleep in silence; without it the spotter is always on."""
    recipe: RecipeConfig | None = None
    """More sources of clips, harder augmentation and a teacher; without it the plain pipeline."""

    def __post_init__(self) -> None:
        """Refuse names that are no file name, what no bundle can hold, and shifts out of the clip."""
        if not re.fullmatch(r"[\w-]+", self.name):
            raise ValueError(f"name: expected letters, digits, _ and -, got {self.name!r}")
        self.decision.for_labels(self.data.labels).section()
        if self.augment.time_shift_ms > self.data.clip_ms:
            raise ValueError(
                f"augment.time_shift_ms: expected at most the clip's {self.data.clip_ms}, "
                f"got {self.augment.time_shift_ms}"
            )


def load_run(path: Path) -> RunConfig:
    """Read and check a run's TOML file.

    Raises
    ------
    ConfigError
        For an unknown key, a wrong type or an impossible value, naming where it stands.
    """
    run = settings.load(RunConfig, path)
    if run.recipe is None or run.recipe.start is None:
        return run
    return replace(run, recipe=replace(run.recipe, start=path.parent / run.recipe.start))
