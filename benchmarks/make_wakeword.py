# SPDX-License-Identifier: Apache-2.0
"""A wake word from its text, or with a few recordings, as `models/wake_*.kws` were made; then measured.

    python benchmarks/make_wakeword.py WORD... --data DIR [--recordings N] [--config PROJECT.toml] [--seed N]
    python benchmarks/make_wakeword.py WORD --data DIR --negatives FOLDER [--size S] [--trunk T]  # as `kws wakeword`

With ``--negatives`` nothing of DIR teaches but the recordings of the word, if any. The split of DIR is that of
``eval_wakeword.py``. With ``--recordings N``, N recordings of each word teach as the user's own takes and are not
tested. Writes the bundle below ``build/words`` and ``benchmarks/wake_<name>.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from eval_wakeword import drawn, report, split_data

from kws.training.wakeword.config import make_project
from kws.training.wakeword.run import DEFAULT_OUT, execute


def main() -> None:
    """Make a bundle and measure it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", help="folders below DIR/wake_words; one bundle is made for all")
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--recordings", type=int, default=0, help="how many recordings of each word may teach")
    parser.add_argument("--config", type=Path, help="word project to start from")
    parser.add_argument(
        "--negatives", type=Path, help="of `kws dataset download negatives`; the speech of DIR otherwise"
    )
    parser.add_argument("--size", help="micro, small or full, the default")
    parser.add_argument("--trunk", type=Path, help="file of pretrained layers")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    words = options.words
    seed = None if options.seed is None else f"seed{options.seed}"
    trunk = options.trunk and options.trunk.stem
    marks = [str(mark) for mark in (options.recordings, options.size, trunk, seed) if mark]
    name = "_".join([*words, *marks])
    teaching = [path for word in words for path in drawn(options.data, word, options.recordings)]
    phrases = () if options.config else tuple(words)
    project = make_project(
        phrases,
        config=options.config,
        ambient=() if options.negatives else split_data(options.data).teaching,
        negatives=options.negatives,
        size=options.size,
        trunk=options.trunk,
        seed=options.seed,
    )
    started_s, started = time.monotonic(), os.times()
    with tempfile.TemporaryDirectory() as folder:
        for path in teaching:
            place = Path(folder) / path.parent.name
            place.mkdir(exist_ok=True)
            shutil.copy(path, place)
        project = replace(project, name=name, recordings=Path(folder) if teaching else None)
        result = execute(project, DEFAULT_OUT / "_".join(words), board="netduinoplus2")
    used = os.times()
    places = {str(options.data): "DIR", str(options.negatives): "FOLDER"}
    arguments = [places.get(argument, argument) for argument in sys.argv[1:]]
    made = {
        "made_by": f"python benchmarks/make_wakeword.py {' '.join(arguments)}",
        "recordings_per_word": options.recordings,
        "minutes": round((time.monotonic() - started_s) / 60, 1),
        "cpu_minutes": round((sum(used[:4]) - sum(started[:4])) / 60, 1),
    }
    figures = made | report(result.report.bundle, options.data, teaching)
    Path(__file__).with_name(f"wake_{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
