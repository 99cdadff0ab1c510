# SPDX-License-Identifier: Apache-2.0
"""`kws machine` on real vibration: bearings of Case Western Reserve University's Bearing Data Center.

``python benchmarks/machine_bearings.py DIR`` with the .mat files of the 12 kHz fan-end series (``B007_0.mat``, ...:
condition of the bearing, motor load). Three accelerometers: drive end, fan end, base. There is next to no normal
vibration in the series, so each condition in its turn is what is learnt, at its four loads; the others are unusual. AUC
by moment; normal are those that the statistics have not seen (thresholds do not count for it). Writes
benchmarks/machine_bearings.json.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from kws.audio import to_int16
from kws.machine.auc import auc, partial_auc
from kws.machine.learn import MachineSettings, divided, learn_signals
from kws.machine.score import Sensor
from kws.machine.signals import Signal, in_turn
from kws.pipeline import Pipeline

RATE_HZ = 12_000
FULL_SCALE_G = 8.0
MOMENT_S = 0.7
LOADS = 4


def read(path: Path) -> Signal:
    """Read the three accelerometers of a file, in g, as int16 of full scale 8 g."""
    columns = {key[-7:-5]: value[:, 0] for key, value in loadmat(path).items() if key.endswith("_time")}
    samples = np.stack([columns[place] for place in ("DE", "FE", "BA")], axis=1) / FULL_SCALE_G
    return Signal(name=path.stem, samples=to_int16(samples), sample_rate_hz=RATE_HZ)


def scores(bundle: Any, signals: list[Signal]) -> list[int]:
    """Unusualness of every moment."""
    pipeline, found = Pipeline(bundle), list[int]()
    for signal in signals:
        pipeline.reset()
        pipeline.feed(in_turn(signal.samples, Sensor.of(bundle).block_samples))
        found += pipeline.scores.posteriors[:, 0].tolist()
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("machine_bearings.json"))
    arguments = parser.parse_args()
    by_condition: dict[str, list[Signal]] = defaultdict(list)
    for path in sorted(arguments.folder.glob("*.mat")):
        if (match := re.fullmatch(r"(?:.*_)?((?:B|IR|OR)\d+(?:@\d+)?)_\d", path.stem)) is not None:
            by_condition[match.group(1)].append(read(path))
    complete = {name: signals for name, signals in by_condition.items() if len(signals) == LOADS}
    results = {}
    for name, signals in complete.items():
        learnt = learn_signals(signals, MachineSettings(moment_s=MOMENT_S))
        parts = divided(signals)
        normal = scores(learnt.bundle, parts["calibrate"] + parts["report"])
        unusual = {other: scores(learnt.bundle, found) for other, found in complete.items() if other != name}
        together = [score for found in unusual.values() for score in found]
        results[name] = {
            "moments": [len(normal), len(together)],
            "auc": round(auc(normal, together), 4),
            "partial_auc": round(partial_auc(normal, together), 4),
            "lowest_auc": round(min(auc(normal, found) for found in unusual.values()), 4),
        }
        print(name, results[name], flush=True)
    mean = {key: round(float(np.mean([found[key] for found in results.values()])), 4) for key in ("auc", "partial_auc")}
    arguments.out.write_text(json.dumps({"mean": mean, "learnt": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
