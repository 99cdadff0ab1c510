"""One TOML file = one word project: what to wake at, what was recorded, how it is learned."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kws.errors import ConfigError
from kws.features import FeaturesConfig
from kws.gate import GateConfig
from training import settings
from training.augment import AcousticsConfig
from training.config import AugmentConfig, OptimizerConfig, QuantizeConfig

UNKNOWN = "unknown"
"""Label 0 of every word bundle: anything that is not one of the words, silence included."""


@dataclass(frozen=True, kw_only=True)
class WordConfig:
    """One thing to wake at."""

    label: str
    """What the bundle calls it."""
    say: tuple[str, ...] = ()
    """Spellings to synthesise, phonemes in double brackets among them; the label itself when empty."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What is spoken for this word."""
        return self.say or (self.label,)


@dataclass(frozen=True, kw_only=True)
class SpeechConfig:
    """How much is synthesised, and how."""

    engines: dict[str, float] = field(default_factory=lambda: {"espeak-ng": 1.0})
    """Engines and their shares of the voices: ``espeak-ng``, ``flite``, and ``piper`` with ``piper_voices``."""
    piper_voices: Path | None = None
    """Folder of Piper voices."""
    num_voices: int = 900
    """Drawn and stored speakers; about 80 % train, the rest validate."""
    takes_per_word: int = 4000
    near_words: int = 80
    """How many like-sounding English words."""
    near_mutations: int = 160
    """How many invented words a phoneme or three away."""
    near_takes: int = 4000
    """Takes of like-sounding words, invented words and parts of the phrase, all together."""
    sentences: int = 3000
    """Takes of a few random English words in a row."""


@dataclass(frozen=True, kw_only=True)
class ExamplesConfig:
    """How many windows of each kind are cut and augmented before training starts."""

    variants_per_take: int = 4
    """Augmented windows per synthetic take of a word."""
    near: int = 10000
    other: int = 9000
    ambient: int = 12000
    noise: int = 3000
    per_epoch: int = 24000
    """Windows drawn from all of them in an epoch."""
    mix: dict[str, float] = field(
        default_factory=lambda: {"word": 0.35, "near": 0.18, "other": 0.17, "ambient": 0.22, "noise": 0.08}
    )
    """Share of each kind in a training batch; kinds without examples give theirs to the rest."""
    recording_share: float = 0.5
    """Of the word's share, once the user's own recordings are there."""
    recording_variants: int = 60
    """Augmented windows per recording of the user."""
    colour_db: float = 4.0
    """Every time a window is drawn its spectrum is tilted and bent by about so much, as by yet another microphone."""
    jitter_frames: int = 8
    """The word ends between 0 and this many frames before the earliest moment to wake."""
    tail_ms: int = 40
    """Earliest moment to wake: so long after the end of the word."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Size of the network; its rows follow from the window."""

    channels: int = 48
    num_blocks: int = 3
    """Blocks between the first convolution and the one that spans all remaining rows."""
    kernel_frames: int = 5
    """Rows each block's depthwise kernel spans."""


@dataclass(frozen=True, kw_only=True)
class MiningConfig:
    """Rounds of hearing long negatives and learning from what woke."""

    rounds: int = 2
    epochs: int = 6
    """Of each round."""
    share: float = 0.28
    """Of a batch, for what was mined."""
    enough_per_hour: float = 2.0
    """Stop when fewer windows than this per hour of negatives still wake."""


@dataclass(frozen=True, kw_only=True)
class WordDecisionConfig:
    """How posteriors become events."""

    smoothing_decisions: int = 3
    refractory_frames: int = 50
    fa_per_hour: tuple[float, ...] = (0.1, 0.5, 2.0)
    """One operating point for each, as far as the negative audio can support it."""
    default_fa_per_hour: float = 0.5

    def __post_init__(self) -> None:
        """Refuse an empty list and a default that is not in it."""
        if self.default_fa_per_hour not in self.fa_per_hour or min(self.fa_per_hour) <= 0.0:
            raise ValueError(
                f"fa_per_hour: expected positive rates with {self.default_fa_per_hour} among them, "
                f"got {list(self.fa_per_hour)}"
            )


@dataclass(frozen=True, kw_only=True)
class WordProject:
    """Everything that determines a word bundle, but for the recordings it names."""

    name: str
    words: tuple[WordConfig, ...]
    seed: int = 1
    recordings: Path | None = None
    """The user's own takes: ``<label>/*.wav`` or ``.flac``."""
    ambient: tuple[Path, ...] = ()
    """Folders or files of audio, any length, in which none of the words is said."""
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    acoustics: AcousticsConfig = field(default_factory=AcousticsConfig)
    examples: ExamplesConfig = field(default_factory=ExamplesConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    masks: AugmentConfig = field(default_factory=lambda: AugmentConfig(time_mask_frames=4))
    """Only its SpecAugment fields are used."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(epochs=15, batch_clips=128, ema_decay=0.995)
    )
    mining: MiningConfig = field(default_factory=MiningConfig)
    quantize: QuantizeConfig = field(default_factory=QuantizeConfig)
    decision: WordDecisionConfig = field(default_factory=WordDecisionConfig)
    gate: GateConfig | None = field(default_factory=GateConfig)
    """Lets the bundle sleep in silence; ``"none"`` makes a spotter that is always on."""

    def __post_init__(self) -> None:
        """Refuse a project without words, with one word twice, or with a name that is no file name."""
        labels = [word.label for word in self.words]
        if not labels or any(not label.strip() for label in labels):
            raise ValueError("words: expected at least one phrase, none of them empty; type what should wake it")
        if len(set(labels)) != len(labels) or UNKNOWN in labels:
            raise ValueError(f"words: expected different labels other than {UNKNOWN!r}, got {labels}")
        if not re.fullmatch(r"[\w-]+", self.name):
            raise ValueError(f"name: expected letters, digits, _ and -, got {self.name!r}")

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the bundle in order."""
        return (UNKNOWN, *(word.label for word in self.words))


def load_project(path: Path) -> WordProject:
    """Read and check a project's TOML file; paths in it are relative to its folder.

    Raises
    ------
    ConfigError
        For an unknown key, a wrong type or an impossible value.
    """
    return settings.load(WordProject, path)


def name_of(words: tuple[str, ...]) -> str:
    """Project name for some phrases: ``hey nova`` becomes ``hey_nova``."""
    return "_".join(re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_") or "word" for word in words)


def free_engines() -> dict[str, float]:
    """Return the engines to use where none are named: espeak-ng, and Flite's few real voices where it is installed."""
    return {"espeak-ng": 0.88, "flite": 0.12} if shutil.which("flite") else {"espeak-ng": 1.0}


def make_project(
    phrases: tuple[str, ...],
    *,
    config: Path | None = None,
    say: tuple[str, ...] = (),
    recordings: Path | None = None,
    ambient: tuple[Path, ...] = (),
    seed: int | None = None,
) -> WordProject:
    """Build a project from phrases or from a TOML file; what else is given replaces what the file says.

    Raises
    ------
    ConfigError
        If there are no phrases and no file, or both, or a value is impossible.
    """
    if bool(phrases) == (config is not None):
        raise ConfigError('expected a phrase, such as kws wakeword "hey nova", or --config PROJECT.toml; one of them')
    if say and len(phrases) != 1:
        raise ConfigError(f"--say belongs to a single phrase, got {len(phrases)}; use a TOML file for several")
    if config is None:
        words = [{"label": phrase.strip(), "say": list(say)} for phrase in phrases]
        values: dict[str, object] = {"name": name_of(phrases), "words": words, "speech": {"engines": free_engines()}}
        project = settings.parse(WordProject, values, where="wake word")
    else:
        project = load_project(config)
    given: dict[str, Any] = {"recordings": recordings, "ambient": ambient, "seed": seed}
    return replace(project, **{key: value for key, value in given.items() if value not in (None, ())})
