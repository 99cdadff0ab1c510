# SPDX-License-Identifier: Apache-2.0
"""Makes the trunks of ``kws wakeword --size``: ``python -m kws.training.trunk.narrow SIZE SPEECH... --noise NOISE...``.

A narrow trunk with a slower front end learns to say, at every row of its own, what the shipped trunk says of the same
moment as it was spoken. Needs no teacher but that. Give it many speakers: taught by films and little else, it makes
worse words (`training/wakeword/TRIED.md`).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from kws.audio import to_int16
from kws.datasets.ambient import read_ambient
from kws.errors import KwsError
from kws.features import Features
from kws.progress import task_progress
from kws.training.augment.acoustics import Acoustics, AcousticsConfig
from kws.training.fit import speech_trunk
from kws.training.fit.config import TRUNK_FILES
from kws.training.fit.quiet import load_tensorflow
from kws.training.fit.speech_trunk import ROW_FRAMES, SIZES, Trunk, TrunkConfig
from kws.training.trunk.distil import DistilConfig, distil, explained, scale_of
from kws.training.trunk.lessons import Lessons, Samples, noises, real_pieces, synthetic_pieces

_ELSEWHERE = 0.5
"""Of the pieces, that are heard in a room, with noise, through a microphone; the rest as spoken."""
_PIECES = 51
_BATCH = 16


def rhythm_of(config: TrunkConfig) -> tuple[int, int]:
    """Samples between the rows of a trunk, and samples that a row has heard."""
    features = config.features
    return ROW_FRAMES * features.hop_samples, (
        config.window_frames - 1
    ) * features.hop_samples + features.window_samples


class Elder:
    """The shipped trunk as a teacher.

    Parameters
    ----------
    trunk : Trunk
    pupil : TrunkConfig
        Whose rows it speaks to.
    """

    def __init__(self, trunk: Trunk, pupil: TrunkConfig) -> None:
        self._config = trunk.config
        self._front_end = Features(trunk.config.features)
        self._model = speech_trunk.build(trunk.config, seed=0)
        self._model.set_weights([*trunk.weights, *trunk.head])
        self._pupil = pupil

    def embed(self, pieces: NDArray[np.int16]) -> NDArray[np.float32]:
        """Embeddings ``[pieces, rows of the pupil, 96]`` of int16 ``[pieces, samples]``, between its rows in a line."""
        heard = self._config.features.dequantize(self._front_end.compute_batch(pieces))
        said = np.asarray(self._model(heard, training=False))
        step, window = rhythm_of(self._config)
        own_step, own_window = rhythm_of(self._pupil)
        count = 1 + (pieces.shape[1] - own_window) // own_step
        place = np.clip((np.arange(count) * own_step + own_window - window) / step, 0, said.shape[1] - 1.001)
        left = place.astype(np.int64)
        weight = (place - left).astype(np.float32)[None, :, None]
        return np.asarray(said[:, left] * (1.0 - weight) + said[:, left + 1] * weight)


def narrow_lessons(
    pieces: Sequence[Samples], noise: Samples, trunk: Trunk, pupil: TrunkConfig, seed: int, elsewhere: float
) -> Lessons:
    """Ask the elder about every piece; compute how it sounds here or, for a share of them, elsewhere."""
    behind = noises(noise, seed)
    acoustics, elder = Acoustics(AcousticsConfig(), behind, seed=seed), Elder(trunk, pupil)
    front_end, rng = Features(pupil.features), np.random.default_rng([seed, _PIECES])
    heard, said = [], []
    for start in range(0, len(pieces), _BATCH):
        batch = np.stack(pieces[start : start + _BATCH])
        said.append(elder.embed(batch).astype(np.float16))
        sounds = [
            acoustics.record(piece.astype(np.float32) / 32768.0, rng) if rng.random() < elsewhere else piece
            for piece in batch
        ]
        heard.append(front_end.compute_batch(np.stack(sounds)))
    background = np.concatenate([front_end.compute(to_int16(sound)) for sound in behind])
    return Lessons(heard=np.concatenate(heard), embeddings=np.concatenate(said), noise=background)


def make(options: argparse.Namespace) -> None:
    """Carry out what the command line asks for."""
    started_s, pupil = time.monotonic(), SIZES[options.size]
    speech = read_ambient(options.speech)
    noise = read_ambient(options.noise).training if options.noise else np.zeros(0, np.int16)
    elder = speech_trunk.load(TRUNK_FILES["full"])
    pieces = real_pieces(speech.training, options.seed, as_spoken=1, by_others=options.by_others)
    if options.synthetic_hours:
        with task_progress(Console()) as show:
            pieces += synthetic_pieces(options.synthetic_hours, options.seed, partial(show, "speaking"))
    unheard = real_pieces(speech.validation, options.seed, as_spoken=1, by_others=0)[: options.measured_pieces]
    lessons = narrow_lessons(pieces, noise, elder, pupil, options.seed, _ELSEWHERE)
    run, rhythm = DistilConfig(epochs=options.epochs, batch_clips=options.batch_clips), rhythm_of(pupil)
    model = distil(lessons, pupil, run, seed=options.seed, rhythm=rhythm)
    path = options.out / TRUNK_FILES[options.size].name
    options.out.mkdir(parents=True, exist_ok=True)
    speech_trunk.save(model, pupil, path)
    shares = {
        name: explained(
            model,
            narrow_lessons(unheard, noise, elder, pupil, options.seed, elsewhere),
            pupil,
            scale_of(lessons),
            rhythm=rhythm,
        )
        for name, elsewhere in (("plain", 0.0), ("heard", 1.0))
    }
    figures = {"explained": shares, "pieces": len(pieces), "minutes": round((time.monotonic() - started_s) / 60, 1)}
    path.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    print(figures)


def main() -> None:
    """Make one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=[size for size in SIZES if size != "full"])
    parser.add_argument("speech", nargs="+", type=Path)
    parser.add_argument("--noise", nargs="*", type=Path, default=[])
    parser.add_argument("--by-others", type=int, default=1, help="times each piece is said by another size")
    parser.add_argument("--synthetic-hours", type=float, default=1.5)
    parser.add_argument("--epochs", type=int, default=20, help="of 400 steps")
    parser.add_argument("--batch-clips", type=int, default=48, help="segments in a step")
    parser.add_argument("--measured-pieces", type=int, default=80, help="of 12 s, that it never learned from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build") / "trunk")
    options = parser.parse_args()
    load_tensorflow()
    try:
        make(options)
    except KwsError as error:
        raise SystemExit(f"training.trunk.narrow: {error}") from error


if __name__ == "__main__":
    main()
