"""One TOML file = one run: what is trained on, how it is augmented, which network, how it is optimised."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kws.training.clips.recipe.config import RecipeConfig
from kws.training.fit import settings

from kws.features import FeaturesConfig
from kws.gate import GateConfig

LABELS_12 = ("silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
"""Labels of the Speech Commands task, in the order of the shipped model."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which clips, and in what proportions an epoch holds them."""

    labels: tuple[str, ...] = LABELS_12
    """Words to tell apart; ``silence`` and ``unknown`` (every other word) have their meaning when present."""
    clip_ms: int = 1000
    """Length of a training clip: one decision window of audio."""
    fractions: dict[str, float] = field(default_factory=lambda: {"silence": 0.08, "unknown": 0.17})
    """Share of an epoch for some labels; the others fill the rest as often as they occur."""
    validation_silence_fraction: float = 0.07
    """Share of silence clips (cut from the noise recordings' last fifth) in the validation set."""

    def __post_init__(self) -> None:
        """Refuse impossible proportions."""
        if len(set(self.labels)) != len(self.labels) or len(self.labels) < 2:
            raise ValueError(f"labels: expected two or more different ones, got {list(self.labels)}")
        stray = set(self.fractions) - set(self.labels)
        if stray:
            raise ValueError(f"fractions: {', '.join(sorted(stray))} not among the labels; add or remove")
        if not 0.0 <= sum(self.fractions.values()) < 1.0:
            raise ValueError(f"fractions: expected a sum below 1, got {sum(self.fractions.values()):g}")


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """What is done to a training clip before its features are computed, and to the features after."""

    time_shift_ms: int = 100
    """Largest shift to either side, uniform; what moves in is silence."""
    noise_probability: float = 0.8
    snr_db: tuple[float, float] = (0.0, 25.0)
    """Speech level over noise level, uniform in dB."""
    gain_db: tuple[float, float] = (-12.0, 6.0)
    silence_level_db: tuple[float, float] = (-60.0, 0.0)
    """Level of noise-only clips against the recording, uniform in dB."""
    time_masks: int = 1
    """SpecAugment: how many runs of frames are blanked."""
    time_mask_frames: int = 6
    """Longest run."""
    feature_masks: int = 1
    feature_mask_width: int = 2
    variants: int = 0
    """Augmented variants per clip that are computed once and then reused in turn; 0 = a new one every epoch."""


@dataclass(frozen=True, kw_only=True)
class StemConfig:
    """The first convolution; time comes first in every pair."""

    filters: int = 64
    kernel: tuple[int, int] = (10, 4)
    strides: tuple[int, int] = (2, 2)
    frequency_padding: Literal["same", "valid"] = "same"
    """As in `BlockConfig`."""


@dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """A depthwise convolution followed by a pointwise one."""

    filters: int
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    frequency_padding: Literal["same", "valid"] = "same"
    """``valid``: a kernel as wide as its input folds all columns into one; from there on only time is left."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A depthwise-separable CNN (DS-CNN)."""

    stem: StemConfig = field(default_factory=StemConfig)
    blocks: tuple[BlockConfig, ...] = (BlockConfig(filters=64),) * 4
    time_padding: Literal["same", "valid", "causal"] = "same"
    """``valid`` (none in time) and ``causal`` (only above the first frame) stream: each new frame costs only its new
    columns. ``causal`` keeps as many rows as there were, so words at the edges of a clip count as much as others."""
    dropout: float = 0.2


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW under a cosine schedule with warm-up."""

    epochs: int = 36
    batch_clips: int = 100
    learning_rate: float = 2e-3
    warmup_epochs: float = 1.0
    final_learning_rate: float = 1e-5
    weight_decay: float = 1e-4
    label_smoothing: float = 0.1
    ema_decay: float = 0.998
    """The network kept is the exponential moving average over steps of all weights; 0 switches it off."""


@dataclass(frozen=True, kw_only=True)
class QuantizeConfig:
    """Post-training int8 quantisation."""

    calibration_clips: int = 300
    """Training clips, drawn by the seed and recorded, that set the range of every activation."""


@dataclass(frozen=True, kw_only=True)
class DecisionSettings:
    """How posteriors become events in the bundle this run writes."""

    smoothing_decisions: int = 4
    refractory_frames: int = 50
    thresholds: tuple[int, ...] = (180, 215, 240)
    """One operating point each, the same for every label that fires; 255 = 1.0."""
    default_operating_point: int = 1
    never_fire: tuple[str, ...] = ("silence", "unknown")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that determines a bundle, but for the recordings."""

    name: str
    seed: int = 1
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


def load_run(path: Path) -> RunConfig:
    """Read and check a run's TOML file.

    Raises
    ------
    ConfigError
        For an unknown key, a wrong type or an impossible value, naming where it stands.
    """
    return settings.load(RunConfig, path)
