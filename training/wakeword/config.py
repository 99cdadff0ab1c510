# SPDX-License-Identifier: Apache-2.0
"""One TOML file = one word project: what to wake at, what was recorded, how it is learned."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

from kws.errors import ConfigError
from kws.evaluation.calibration import check_rates
from kws.gate import GateConfig
from kws.labels import SILENCE, UNKNOWN, check_distinct, is_quiet
from kws.ranges import NotNegative, Positive, Seed, Share, Width, Within
from kws.training.augment.acoustics import AcousticsConfig
from kws.training.augment.features import MaskConfig, SurroundingsConfig
from kws.training.fit import settings
from kws.training.fit.config import TRUNK_FILES, OptimizerConfig, QuantizeConfig, Size

_SMOOTHING: dict[Size, int] = {"micro": 8, "small": 10, "full": 6}
"""A small network is loud for a moment at much that is not the word, and seldom for long."""
_Minute = Annotated[int, Within(0, 60_000)]
"""Milliseconds."""
_Score = Annotated[int, Within(1, 255)]
_KINDS = ("word", "near", "other", "ambient", "noise", "pause")
_PLACES = ("recordings", "heard", "ambient", "negatives", "trunk")


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

    engines: dict[str, Width] = field(default_factory=lambda: {"espeak-ng": 0.3, "flite": 0.45, "hibari": 0.25})
    """Engines out of `datasets.synthetic_choir.ENGINES` and their shares of the voices; none that goes back to
    recordings for research only, as Piper's voice does."""
    piper_voices: Path | None = None
    """Folder of Piper voices; the one that comes as a package when not given."""
    num_voices: Positive = 2000
    """Drawn and stored speakers; about 80 % train, the rest validate."""
    takes_per_word: Positive = 5200
    num_accents: NotNegative = 40
    """Ways to say the word, a phoneme or two of it otherwise; see `kws.datasets.accents`."""
    accent_share: Share = 0.25
    """Of the takes that train, those said in one of these ways; 0 teaches none, and keeps near-misses like them."""
    near_words: NotNegative = 60
    """How many like-sounding English words."""
    near_mutations: NotNegative = 80
    """How many invented words a phoneme or three away."""
    near_takes: NotNegative = 1800
    """Takes of like-sounding words, invented words and parts of the phrase, all together."""
    sentences: NotNegative = 600
    """Takes of a few random English words in a row, for voices; hours of real speech are in the negatives."""


@dataclass(frozen=True, kw_only=True)
class ScenesConfig:
    """What decides the scenes themselves, made before training starts."""

    variants_per_take: Positive = 1
    """Scenes per synthetic take of a word."""
    near: NotNegative = 4000
    other: NotNegative = 2500
    noise: NotNegative = 800
    pauses: NotNegative = 1200
    """Nobody speaks or plays, or everybody speaks: what the label silence is learned from."""
    crowds: NotNegative = 120
    """Ten seconds each of several people talking at once, to be heard behind scenes."""
    recording_variants: Positive = 60
    """Scenes per recording of the user."""
    decisions_per_scene: Positive = 30
    wake_frames: Positive = 8
    """For so long it should be awake after a word."""
    tail_ms: NotNegative = 40
    """Earliest moment to wake: so long after the end of the word."""


@dataclass(frozen=True, kw_only=True)
class ExamplesConfig(ScenesConfig, SurroundingsConfig):
    """How many scenes of each kind there are, how they are drawn, and what is done to them in each batch."""

    colour_db: Width = 7.0
    """People's microphones differ by more than clips of Speech Commands need, and some are muffled."""
    per_epoch: Positive = 24000
    """Scenes drawn from all of them in an epoch."""
    mix: dict[str, Width] = field(
        default_factory=lambda: {"word": 0.35, "near": 0.15, "other": 0.1, "ambient": 0.35, "noise": 0.05, "pause": 0.1}
    )
    """Share of each kind in a training batch; kinds without examples give theirs to the rest."""
    mined_share: Share = 0.5
    """Of the long negatives' share, once the network has shown at which of their moments it nearly wakes."""
    mining_rounds: tuple[NotNegative, ...] = (2, 4, 6, 8)
    """After so many epochs it listens to all of them; what it finds is drawn from the epoch after the next one on."""
    mined_moments: Positive = 3000
    """How many moments a round keeps; the worst are drawn most."""
    recording_share: Share = 0.5
    """Of the word's share, once the user's own recordings are there."""

    def __post_init__(self) -> None:
        """Refuse kinds that nobody knows, and batches without the word."""
        if stray := sorted(set(self.mix) - set(_KINDS)):
            raise ValueError(f"mix: {', '.join(stray)} is no kind of scene; known: {', '.join(_KINDS)}")
        if not self.mix.get("word", 0.0) > 0.0:
            raise ValueError("mix: without scenes of the word nothing is learnt; give word a share")


@dataclass(frozen=True, kw_only=True)
class WordDecisionConfig:
    """How posteriors become events."""

    smoothing_decisions: Annotated[int, Within(1, 64)] | None = None
    """How many an event is the mean of; ``"none"``: so many as suit the size."""
    refractory_ms: _Minute = 1000
    """After an event no second one of the same word for so long, to the nearest frame."""
    pause_score: _Score = 64
    """A pause is where "silence" reaches this score, 1..255."""
    pause_gap_ms: _Minute = 840
    """It counts until so long after it has left the network's window, to the nearest decision."""
    pause_penalty: _Score = 60
    """Without one, scores of words are less by this, 1..255; 255 lets whoever talks on wake nothing."""
    fa_per_hour: tuple[float, ...] = (0.1, 0.5, 2.0)
    """One operating point for each, as far as the negative audio can support it."""
    default_fa_per_hour: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what no bundle can hold, before a word is trained for it."""
        try:
            check_rates(self.fa_per_hour)
        except ConfigError as error:
            raise ValueError(str(error).replace("--fa-per-hour", "fa_per_hour")) from error
        if self.default_fa_per_hour not in self.fa_per_hour:
            raise ValueError(
                f"fa_per_hour: expected {self.default_fa_per_hour} among them, got {list(self.fa_per_hour)}"
            )


@dataclass(frozen=True, kw_only=True)
class WordProject:
    """Everything that determines a word bundle, but for the recordings it names."""

    name: str
    words: tuple[WordConfig, ...]
    seed: Seed = 1
    recordings: Path | None = None
    """The user's own takes: ``<label>/*.wav`` or ``.flac``."""
    heard: Path | None = None
    """What it woke at or missed before, labelled by the user, see `kws.datasets.heard`."""
    ambient: tuple[Path, ...] = ()
    """Folders or files of audio, any length, in which none of the words is said."""
    negatives: Path | None = None
    """Folder of ``kws dataset download negatives``; the usual one when not given and there."""
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    acoustics: AcousticsConfig = field(default_factory=AcousticsConfig)
    examples: ExamplesConfig = field(default_factory=ExamplesConfig)
    masks: MaskConfig = field(
        default_factory=lambda: MaskConfig(time_masks=2, time_mask_frames=4, feature_mask_width=6)
    )
    size: Size = "full"
    """How much the bundle may cost: the pretrained layers it starts from, which bring their front end."""
    trunk: Path | None = None
    """Pretrained layers of your own instead of those of the size."""
    anchor: Width = 0.3
    """How strongly the network is held to what the pretrained trunk makes of speech; 0 = not at all."""
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(
            epochs=12,
            batch_clips=64,
            learning_rate=3e-3,
            final_learning_rate=3e-4,
            label_smoothing=0.05,
            ema_decay=0.9993,
        )
    )
    trainings: Positive = 4
    """So many, from the same start on other batches; the network is the mean of all."""
    quantize: QuantizeConfig = field(default_factory=QuantizeConfig)
    decision: WordDecisionConfig = field(default_factory=WordDecisionConfig)
    gate: GateConfig | None = field(default_factory=GateConfig)
    """Lets the bundle sleep in silence; ``"none"`` makes a spotter that is always on."""

    def __post_init__(self) -> None:
        """Refuse a project without words, with one twice, or with a name that is no file name."""
        labels = [word.label for word in self.words]
        if not labels or any(not label.strip() for label in labels):
            raise ValueError("words: expected at least one phrase, none of them empty; type what should wake it")
        check_distinct(labels)
        if quiet := [label for label in labels if is_quiet(label)]:
            raise ValueError(f"words: {quiet[0]!r} is the name of a label that never fires; choose another phrase")
        if not re.fullmatch(r"[\w-]+", self.name):
            raise ValueError(f"name: expected letters, digits, _ and -, got {self.name!r}")

    @property
    def trunk_file(self) -> Path:
        """The pretrained layers it starts from."""
        return self.trunk or TRUNK_FILES[self.size]

    @property
    def smoothing_decisions(self) -> int:
        """Decisions that an event is the mean of."""
        return self.decision.smoothing_decisions or _SMOOTHING[self.size]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the bundle in order: first whatever is not one of the words, last a pause."""
        return (UNKNOWN, *self.word_labels, SILENCE)

    @property
    def word_labels(self) -> tuple[str, ...]:
        """Labels that may fire."""
        return tuple(word.label for word in self.words)

    @property
    def scenes(self) -> dict[str, Any]:
        """The settings of `examples` that decide what the scenes are; the others only draw from them."""
        return {name.name: getattr(self.examples, name.name) for name in fields(ScenesConfig)}

    def without_places(self) -> dict[str, Any]:
        """The settings as plain values; which folders they were used with is nobody's business."""
        plain = settings.to_dict(self)
        return {key: value for key, value in plain.items() if key not in _PLACES}


def load_project(path: Path) -> WordProject:
    """Read and check a project's TOML file; paths in it are relative to its folder.

    Raises
    ------
    ConfigError
        For an unknown key, a wrong type or an impossible value.
    """
    project = settings.load(WordProject, path)
    beside: dict[str, Any] = {"ambient": tuple(path.parent / place for place in project.ambient)}
    for name in _PLACES:
        place = getattr(project, name)
        if isinstance(place, Path):
            beside[name] = path.parent / place
    return replace(project, **beside)


def name_of(words: tuple[str, ...]) -> str:
    """Project name for some phrases: ``hey nova`` becomes ``hey_nova``."""
    return "_".join(re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_") or "word" for word in words)


def make_project(
    phrases: tuple[str, ...],
    *,
    config: Path | None = None,
    say: tuple[str, ...] = (),
    recordings: Path | None = None,
    heard: Path | None = None,
    ambient: tuple[Path, ...] = (),
    negatives: Path | None = None,
    size: str | None = None,
    trunk: Path | None = None,
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
    if size not in (None, *TRUNK_FILES):
        raise ConfigError(f"--size: expected one of {', '.join(TRUNK_FILES)}, got {size!r}")
    if say and len(phrases) != 1:
        raise ConfigError(f"--say belongs to a single phrase, got {len(phrases)}; use a TOML file for several")
    if config is None:
        words = [{"label": phrase.strip(), "say": list(say)} for phrase in phrases]
        project = settings.parse(WordProject, {"name": name_of(phrases), "words": words}, where="wake word")
    else:
        project = load_project(config)
    given: dict[str, Any] = {
        "recordings": recordings,
        "heard": heard,
        "ambient": ambient,
        "negatives": negatives,
        "size": size,
        "trunk": trunk,
        "seed": seed,
    }
    try:
        return replace(project, **{key: value for key, value in given.items() if value not in (None, ())})
    except ValueError as error:
        raise ConfigError(f"wake word: {error}") from error
