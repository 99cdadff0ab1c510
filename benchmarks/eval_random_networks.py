# SPDX-License-Identifier: Apache-2.0
"""Thousands of networks of random shapes against TFLite's reference kernels: posteriors, window by window.

`make eval KWS_DATA=DIR`, or by itself with --count. Writes benchmarks/random_networks.json; fails on one difference.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from kws.errors import ImportModelError
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.model import Model

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "parity"))
from random_tflite import random_graph_model, random_model
from tflite_nets import Reference

WINDOWS = 3


def differing(data: bytes, path: Path, seed: int) -> int:
    """Return how many of some windows get other posteriors than TFLite's, packed, compact or streamed."""
    path.write_bytes(data)
    network, reference = import_tflite(path), Reference.of(data)
    shape = (WINDOWS, network.window_frames, network.num_features)
    windows = np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)
    wanted = [reference.run(window)[network.layers[-1].name].reshape(-1) for window in windows]
    sections = [model_section(network, streaming=False, compact=compact) for compact in (False, True)]
    if network.can_stream and not any(layer.padding[0] for layer in network.layers):
        sections.append(model_section(network))
    runs = [Model(section).run_batch(windows).astype(int) - 128 for section in sections]
    return sum(int(np.any(got != want)) for run in runs for got, want in zip(run, wanted, strict=True))


def main() -> None:
    """Compare, print, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="not used: networks and inputs are random")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("random_networks.json"))
    arguments = parser.parse_args()
    wrong, refused = 0, dict[str, str]()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.count):
            try:
                wrong += differing(
                    (random_graph_model if seed % 2 else random_model)(seed), Path(folder) / "net.tflite", seed
                )
            except ImportModelError as error:
                refused[str(seed)] = str(error).split(": ", 1)[-1]
    figures = {"networks": arguments.count, "windows_each": WINDOWS, "refused": refused, "differing": wrong}
    arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"{arguments.count} networks: {wrong} outputs differ, {len(refused)} refused")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
