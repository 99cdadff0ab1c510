# SPDX-License-Identifier: Apache-2.0
"""Makes ``models/speech_trunk.npz``: ``python -m kws.training.trunk SPEECH... --noise NOISE... --out FOLDER``.

SPEECH and NOISE are files and folders of recordings. The teacher must be installed (extra ``trunk``).
``KERAS_BACKEND=jax`` trains with JAX, on a GPU if it has one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from kws.audio import Samples
from kws.datasets.ambient import read_ambient
from kws.errors import KwsError
from kws.features import FeaturesConfig
from kws.progress import task_progress
from kws.training.fit import settings, work
from kws.training.fit.quiet import load_tensorflow

if TYPE_CHECKING:
    from kws.training.trunk.lessons import Lessons

_ELSEWHERE = 0.65
"""Of the pieces, that are heard in a room, with noise, through a microphone; the rest as spoken."""


def main() -> None:
    """Speak, ask the teacher, train, save, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", nargs="+", type=Path)
    parser.add_argument("--noise", nargs="*", type=Path, default=[])
    parser.add_argument("--synthetic-hours", type=float, default=4.5)
    parser.add_argument("--epochs", type=int, help="of 400 steps")
    parser.add_argument("--batch-clips", type=int, help="segments in a step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build") / "trunk")
    options = parser.parse_args()
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        load_tensorflow()
    try:
        make(options)
    except KwsError as error:
        raise SystemExit(f"training.trunk: {error}") from error


def make(options: argparse.Namespace) -> None:
    """Carry out what the command line asks for; lessons that were made from the same things are used again."""
    from kws.training.fit import speech_trunk
    from kws.training.trunk import distil

    console, config, started_s = Console(), speech_trunk.TrunkConfig(), time.monotonic()
    work.prepare(options.out)
    lessons, plain, heard = _lessons(options, config.features, console)
    asked = {name: getattr(options, name) for name in ("epochs", "batch_clips")}
    run = distil.DistilConfig(**{name: value for name, value in asked.items() if value is not None})
    model = distil.distil(lessons, config, run, seed=options.seed)
    speech_trunk.save(model, config, options.out / "speech_trunk.npz")
    scale = distil.scale_of(lessons)
    shares = {
        name: distil.explained(model, unheard, config, scale) for name, unheard in (("plain", plain), ("heard", heard))
    }
    figures = {"explained": shares, "minutes": round((time.monotonic() - started_s) / 60, 1)}
    (options.out / "speech_trunk.json").write_text(json.dumps(figures, indent=1) + "\n")
    console.print(figures)


def _lessons(options: argparse.Namespace, features: FeaturesConfig, console: Console) -> list[Lessons]:
    """To learn from; to measure on, as spoken; the same elsewhere."""
    from kws.training.trunk.lessons import ENGINES, Lessons, make_lessons, real_pieces, synthetic_pieces

    speech = read_ambient(options.speech)
    noise = read_ambient(options.noise).training if options.noise else np.zeros(0, np.int16)
    sources = speech.sha256, hashlib.sha256(noise.tobytes()).hexdigest(), options.synthetic_hours, ENGINES
    folder = work.place(options.out, "lessons", *sources, options.seed, settings.to_dict(features), _ELSEWHERE)
    unheard = real_pieces(speech.validation, options.seed, as_spoken=1, by_others=0)
    with task_progress(console) as show:

        def pieces() -> list[Samples]:
            spoken = partial(show, "speaking")
            return real_pieces(speech.training, options.seed) + synthetic_pieces(
                options.synthetic_hours, options.seed, spoken
            )

        def lessons(name: str, chosen: Callable[[], list[Samples]], elsewhere: float) -> Lessons:
            say = partial(show, f"asking the teacher: {name}")
            return work.once(
                folder / f"{name}.npz",
                Lessons,
                lambda: make_lessons(chosen(), noise, features, options.seed, elsewhere, say),
            )

        return [
            lessons("training", pieces, _ELSEWHERE),
            lessons("plain", lambda: unheard, 0.0),
            lessons("heard", lambda: unheard, 1.0),
        ]


if __name__ == "__main__":
    main()
