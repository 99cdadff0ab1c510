# SPDX-License-Identifier: Apache-2.0
"""Whether training still gives the bytes it gave: small runs of all its sources, hashed.

    python benchmarks/training_bytes.py --folder DIR [--only demo|word|recipe|trunk]

Every run is a function of its seed and, as sums of floats go, of the machine and its number of threads (2 here). Run
it before and after a change that should change nothing, on one machine. A bundle's hash holds its metadata; the
network's is of the model section alone. The bundles stay in DIR.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.features import FeaturesConfig
from kws.training.augment.acoustics import AcousticsConfig
from kws.training.augment.mixing import AugmentConfig
from kws.training.clips.config import DataConfig, RunConfig
from kws.training.clips.dataset import TrainingData, clip_set
from kws.training.clips.recipe.config import PolishConfig, RecipeConfig, SyntheticConfig, TeacherConfig
from kws.training.clips.recipe.sources import continuous_speech
from kws.training.clips.run import train_and_export
from kws.training.demo.data import DemoSize, make_demo_data
from kws.training.demo.run import demo_config
from kws.training.fit import speech_trunk
from kws.training.fit.config import BlockConfig, ModelConfig, OptimizerConfig, QuantizeConfig, StemConfig
from kws.training.fit.speech_trunk import TrunkConfig
from kws.training.trunk import distil
from kws.training.trunk.lessons import Lessons
from kws.training.wakeword import run as word_run
from kws.training.wakeword.config import ExamplesConfig, SpeechConfig, WordConfig, WordProject

THREADS = 2
TONE_LABELS = ("silence", "unknown", "low", "high")
QUIET = Console(quiet=True)
SMALL_TRUNK = TrunkConfig(channels=8, kernel_frames=(3, 3))


def demo(folder: Path) -> Path:
    """The demo's training, small."""
    config = demo_config("zubrella")
    config = replace(config, optimizer=replace(config.optimizer, epochs=3))
    size = DemoSize(voices=80, phrase_clips=240, other_clips=4, near_words=6, near_mutations=4, noise_recordings=6,
                    held_out=(3, 2, 1))  # fmt: skip
    return train_and_export(make_demo_data(config, size).training, config, folder, console=QUIET).bundle_path


def word(folder: Path) -> Path:
    """A word project with recordings and negatives, small; its trunk has learnt nothing."""
    trunk, takes, ambient = folder / "trunk.npz", folder / "takes", folder / "ambient"
    speech_trunk.save(speech_trunk.build(SMALL_TRUNK, seed=1), SMALL_TRUNK, trunk)
    rng = np.random.default_rng(0)
    for number in range(6):
        (takes / "hey_nova").mkdir(parents=True, exist_ok=True)
        silence, noise = np.zeros(4000, np.int16), rng.integers(-9000, 9000, 9000).astype(np.int16)
        write_wav(takes / "hey_nova" / f"take{number}.wav", np.concatenate([silence, noise, silence]))
    ambient.mkdir()
    write_wav(ambient / "long.wav", (rng.normal(0, 900, 16000 * 70) * np.linspace(0, 1, 16000 * 70)).astype(np.int16))
    speech = SpeechConfig(
        engines={"espeak-ng": 0.7, "flite": 0.3}, num_voices=30, takes_per_word=60, near_takes=30, sentences=30,
        near_words=10, near_mutations=10,
    )  # fmt: skip
    project = WordProject(
        name="hey_nova",
        words=(WordConfig(label="hey nova"),),
        speech=speech,
        acoustics=AcousticsConfig(num_rooms=2),
        examples=ExamplesConfig(
            variants_per_take=1, near=30, other=24, noise=16, per_epoch=256, recording_variants=3
        ),
        optimizer=OptimizerConfig(epochs=2, batch_clips=64, warmup_epochs=0.0),
        quantize=QuantizeConfig(representative_clips=20),
        trunk=trunk,
        recordings=takes,
        ambient=(ambient,),
    )  # fmt: skip
    return word_run.execute(project, folder / "out", console=QUIET).bundle_path


def recipe(folder: Path) -> Path:
    """A run with a recipe: synthetic words, acoustics, a teacher and a polish; clips are tones."""
    data_folder = folder / "data"
    (folder / "talk").mkdir()
    rng = np.random.default_rng(4)
    for number in range(6):
        write_wav(folder / "talk" / f"{number}.wav", rng.normal(0, 100 * (number + 1), 12000).astype(np.int16))
    shares = {"keywords": 0.3, "unknown": 0.2, "synthetic_keywords": 0.1, "continuous": 0.1, "chimeras": 0.1,
              "reversed": 0.1, "silence": 0.1}  # fmt: skip
    config = RecipeConfig(
        clips_per_epoch=64,
        variants=2,
        shares=shares,
        continuous_folders=("talk",),
        continuous_clips=12,
        chimera_clips=10,
        reversed_clips=8,
        silence_clips=6,
        synthetic=SyntheticConfig(num_voices=4, clips_per_keyword=2),
        teacher=TeacherConfig(width=4, blocks_per_stage=1, epochs=1, batch_clips=16),
        polish=PolishConfig(epochs=1),
    )
    speech = continuous_speech(data_folder, ("talk",), evaluation=False)
    return train_and_export(tone_data(), tone_run("recipe", config), folder, speech=speech, console=QUIET).bundle_path


def tone_run(name: str, recipe: RecipeConfig | None) -> RunConfig:
    """A tiny network for `tone_data`."""
    return RunConfig(
        name=name,
        seed=5,
        data=DataConfig(labels=TONE_LABELS, clip_ms=500, fractions={"silence": 0.2, "unknown": 0.3}),
        features=FeaturesConfig(scale=0.6, zero_point=80),
        augment=AugmentConfig(time_shift_ms=50, snr_db=(10.0, 30.0)),
        model=ModelConfig(
            stem=StemConfig(filters=8, kernel=(4, 4), strides=(2, 2)), blocks=(BlockConfig(filters=8),) * 2
        ),
        optimizer=OptimizerConfig(epochs=2, batch_clips=16, learning_rate=1e-2, ema_decay=0.9),
        recipe=recipe,
    )


def tone_data() -> TrainingData:
    """Clips of tones for words."""
    training = tones(["low", "high", "chirp", "buzz"] * 16, TONE_LABELS, seed=1)
    return TrainingData(
        labels=TONE_LABELS,
        training=training,
        validation=tones(["low", "high", "chirp"] * 4, TONE_LABELS, seed=3),
        noise=(np.random.default_rng(2).normal(0, 300, 48000).astype(np.int16),),
        sha256=hashlib.sha256(training.audio.tobytes()).hexdigest(),
    )


def tones(words: list[str], labels: tuple[str, ...], seed: int):
    """One clip per word: half a second with its tone in the middle."""
    frequency_hz = {"low": 400.0, "high": 1900.0, "chirp": 900.0, "buzz": 3000.0}
    rng = np.random.default_rng(seed)
    clips = np.zeros((len(words), 8000), np.int16)
    for clip, said in zip(clips, words, strict=True):
        wave = np.sin(2 * np.pi * frequency_hz[said] * np.arange(4000) / 16000 + rng.uniform(0, 6))
        clip[2000:6000] = np.rint(wave * np.hanning(4000) * rng.uniform(3000, 12000))
    return clip_set(clips, words, labels)


def trunk(folder: Path) -> Path:
    """A trunk distilled for a few steps from made-up lessons."""
    rng = np.random.default_rng(1)
    bands = SMALL_TRUNK.features.num_features
    lessons = Lessons(
        heard=rng.integers(-128, 128, (24, 160, bands)).astype(np.int8),
        embeddings=rng.standard_normal((24, 32, 96)).astype(np.float16),
        noise=rng.integers(-128, 128, (300, bands)).astype(np.int8),
    )
    config = distil.DistilConfig(epochs=2, steps_per_epoch=5, batch_clips=8, segment_frames=72)
    path = folder / "trunk.npz"
    speech_trunk.save(distil.distil(lessons, SMALL_TRUNK, config, seed=3), SMALL_TRUNK, path)
    return path


RUNS: dict[str, Callable[[Path], Path]] = {"demo": demo, "word": word, "recipe": recipe, "trunk": trunk}


def main() -> None:
    """Run and print hashes as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for everything made; emptied first")
    parser.add_argument("--only", choices=RUNS, nargs="+", default=list(RUNS))
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    hashes = {}
    for name in options.only:
        folder = options.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        tf.keras.utils.set_random_seed(1)  # so that a run does not depend on those before it
        path = RUNS[name](folder)
        hashes[name] = {"file": _sha256(path.read_bytes())}
        if path.suffix == ".kws":
            hashes[name]["network"] = _sha256(Bundle.load(path).section("MODL") or b"")
    (options.folder / "hashes.json").write_text(json.dumps(hashes, indent=1) + "\n")
    print(json.dumps(hashes, indent=1))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
