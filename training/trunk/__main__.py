"""Makes ``models/speech_trunk.npz``: ``python -m training.trunk SPEECH... --noise NOISE... --out FOLDER``.

SPEECH and NOISE are files and folders of recordings. The teacher must be installed (``pip install 'kws[trunk]'``).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from kws.errors import KwsError
from kws.features import FeaturesConfig
from training.quiet import load_tensorflow


def main() -> None:
    """Speak, ask the teacher, train, save, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", nargs="+", type=Path)
    parser.add_argument("--noise", nargs="*", type=Path, default=[])
    parser.add_argument("--synthetic-hours", type=float, default=0.5)
    parser.add_argument("--copies", type=int, default=2, help="of the speech, each by people of another size")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build") / "trunk")
    options = parser.parse_args()
    load_tensorflow()
    try:
        make(options)
    except KwsError as error:
        raise SystemExit(f"training.trunk: {error}") from error


def make(options: argparse.Namespace) -> None:
    """Carry out what the command line asks for; lessons that are there already are used again."""
    from training.trunk import distil, network
    from training.trunk.lessons import load_lessons

    console, config, started_s = Console(), network.TrunkConfig(), time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    training, validation = (options.out / f"{side}.npz" for side in ("training", "validation"))
    if not (training.exists() and validation.exists()):
        _make_lessons(options, config.features, training, validation, console)
    lessons = load_lessons(training)
    run = distil.DistilConfig() if options.epochs is None else distil.DistilConfig(epochs=options.epochs)
    model = distil.distil(lessons, config, run, seed=options.seed)
    network.save(model, config, options.out / "speech_trunk.npz")
    shares = distil.explained(model, load_lessons(validation), config, distil.scale_of(lessons))
    figures = {"explained": shares, "minutes": round((time.monotonic() - started_s) / 60, 1)}
    (options.out / "speech_trunk.json").write_text(json.dumps(figures, indent=1) + "\n")
    console.print(figures)


def _make_lessons(
    options: argparse.Namespace, features: FeaturesConfig, training: Path, validation: Path, console: Console
) -> None:
    from training.trunk.lessons import make_lessons, real_pieces, synthetic_pieces
    from training.wakeword.ambient import read_ambient

    speech = read_ambient(options.speech)
    noise = read_ambient(options.noise).training if options.noise else np.zeros(0, np.int16)
    with Progress(console=console) as progress:

        def step(name: str) -> Callable[[int, int], None]:
            task = progress.add_task(name)
            return lambda done, total: progress.update(task, completed=done, total=total)

        pieces = real_pieces(speech.training, options.copies, options.seed)
        pieces += synthetic_pieces(options.synthetic_hours, options.seed, step("speaking"))
        unheard = real_pieces(speech.validation, 1, options.seed)
        for path, chosen in ((training, pieces), (validation, unheard)):
            made = make_lessons(chosen, noise, features, options.seed, step(f"asking the teacher: {path.stem}"))
            np.savez(path, plain=made.plain, heard=made.heard, embeddings=made.embeddings)


if __name__ == "__main__":
    main()
