"""Makes ``models/speech_trunk.npz``: ``python -m training.trunk SPEECH... --noise NOISE... --out FOLDER``.

SPEECH and NOISE are files and folders of recordings. The teacher must be installed (``pip install 'kws[trunk]'``).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from kws.errors import KwsError
from training.quiet import load_tensorflow


def main() -> None:
    """Speak, ask the teacher, train, save, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", nargs="+", type=Path)
    parser.add_argument("--noise", nargs="*", type=Path, default=[])
    parser.add_argument("--synthetic-hours", type=float, default=1.5)
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
    from training.trunk.lessons import PIECE_SAMPLES, Lessons, make_lessons, real_pieces, synthetic_pieces
    from training.wakeword.ambient import read_ambient

    console, config, started_s = Console(), network.TrunkConfig(), time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "lessons.npz"
    if path.exists():
        with np.load(path) as file:
            lessons = Lessons(plain=file["plain"], heard=file["heard"], embeddings=file["embeddings"])
            num_real = int(file["num_real"])
    else:
        with Progress(console=console) as progress:
            speech = read_ambient(options.speech).training
            noise = read_ambient(options.noise).training if options.noise else np.zeros(0, np.int16)
            task = progress.add_task("speaking")
            pieces = real_pieces(speech, options.copies, options.seed)
            num_real = len(pieces)
            pieces += synthetic_pieces(
                options.synthetic_hours, options.seed, lambda done, of: progress.update(task, completed=done, total=of)
            )
            asking = progress.add_task("asking the teacher")
            lessons = make_lessons(
                pieces,
                noise,
                config.features,
                options.seed,
                lambda done, of: progress.update(asking, completed=done, total=of),
            )
        np.savez(
            path, plain=lessons.plain, heard=lessons.heard, embeddings=lessons.embeddings, num_real=np.array(num_real)
        )
    run = distil.DistilConfig() if options.epochs is None else distil.DistilConfig(epochs=options.epochs)
    model = distil.distil(lessons, config, run, seed=options.seed)
    network.save(model, config, options.out / "speech_trunk.npz")
    held_out = np.flatnonzero(distil.is_held_out(np.arange(len(lessons.plain))))
    figures = {
        "real": distil.explained(model, lessons, config, held_out[held_out < num_real]),
        "synthetic": distil.explained(model, lessons, config, held_out[held_out >= num_real]),
        "hours": {
            "real": num_real * PIECE_SAMPLES / 16000 / 3600,
            "synthetic": (len(lessons.plain) - num_real) * PIECE_SAMPLES / 16000 / 3600,
        },
        "minutes": round((time.monotonic() - started_s) / 60, 1),
    }
    (options.out / "speech_trunk.json").write_text(json.dumps(figures, indent=1) + "\n")
    console.print(figures)


if __name__ == "__main__":
    main()
