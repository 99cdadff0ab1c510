# SPDX-License-Identifier: Apache-2.0
"""`kws machine` against the autoencoder of MLPerf Tiny, on synthetic machines: `make eval KWS_DATA=DIR`.

All sound is synthetic (`datasets/machines.py`): three machines, each 3 dB below the noise of its hall, ten seconds a
recording. Both learn from the same 25 normal recordings; ours keeps two fifths of them aside for its threshold, the
autoencoder takes all. AUC and partial AUC (p = 0.1) are those of DCASE's task 2, by recording. Writes
benchmarks/machine.json, with cycles and memory on the emulated Cortex-M4.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kws.audio import to_int16
from kws.bench.measure import measure
from kws.bundle import Bundle
from kws.datasets.machines import FAULTS, MACHINES, machine_sound
from kws.features import Features
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.machine.alarms import told
from kws.machine.auc import auc, partial_auc, standardised
from kws.machine.learn import MachineSettings, front_end, learn_signals
from kws.machine.signals import Signal
from kws.model import Model
from kws.pipeline import Pipeline

RATE_HZ = 16_000
SNR_DB = -3.0
NUM_LEARN, NUM_NORMAL, NUM_UNUSUAL = 25, 30, 30
SECONDS = 10.0
CONTEXT, BANDS, EPOCHS = 5, 128, 40


def recordings(name: str, snr_db: float, count: int, seed: int, faults: tuple[str | None, ...]) -> list[Signal]:
    """Make recordings; faults take turns."""
    rng, made = np.random.default_rng([seed, *name.encode(), round(snr_db) + 100]), []
    for index in range(count):
        sound = machine_sound(MACHINES[name], rng, seconds=SECONDS, sample_rate_hz=RATE_HZ, snr_db=snr_db,
                              fault=faults[index % len(faults)])  # fmt: skip
        made.append(Signal(name=f"{name} {index}", samples=to_int16(sound)[:, np.newaxis], sample_rate_hz=RATE_HZ))
    return made


class Autoencoder:
    """640-128-128-128-128-8-128-128-128-128-640 over five log-mel frames, as MLPerf Tiny has it; mean squared error."""

    def __init__(self, normal: list[Signal]) -> None:
        self.config = replace(front_end(RATE_HZ, 1), num_mel_bands=BANDS)
        self.features = Features(self.config)
        rows = np.concatenate([self.rows(signal) for signal in normal])
        tf.keras.utils.set_random_seed(1)
        layers: list[Any] = [tf.keras.Input((CONTEXT * BANDS,))]
        for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
            layers += [tf.keras.layers.Dense(units), tf.keras.layers.BatchNormalization(), tf.keras.layers.ReLU()]
        self.network = tf.keras.Sequential([*layers, tf.keras.layers.Dense(CONTEXT * BANDS)])
        self.network.compile(tf.keras.optimizers.Adam(1e-3), "mse")
        self.network.fit(rows, rows, batch_size=512, epochs=EPOCHS, verbose=0)
        self.engine, self.quantizations = self._quantised(rows)

    def rows(self, signal: Signal) -> Any:
        """Five frames side by side, in nats, at every frame."""
        frames = self.config.dequantize(self.features.compute(signal.samples[:, 0]))
        return np.hstack([frames[shift : len(frames) - CONTEXT + 1 + shift] for shift in range(CONTEXT)])

    def scores(self, signals: list[Signal]) -> list[float]:
        """Mean squared error of each recording, in single precision."""
        return [float(np.mean((self.network.predict(rows, verbose=0) - rows) ** 2)) for rows in map(self.rows, signals)]

    def int8_scores(self, signals: list[Signal]) -> list[float]:
        """The same, reconstructed by the engine of the boards."""
        source, target = self.quantizations
        found = []
        for rows in map(self.rows, signals):
            stored = np.clip(np.rint(rows / source.scale) + source.zero_point, -128, 127).astype(np.int8)
            out = self.engine.run_batch(stored.reshape(len(stored), 1, -1)).astype(np.float32) - 128.0
            found.append(float(np.mean(((out - target.zero_point) * target.scale - rows) ** 2)))
        return found

    def _quantised(self, rows: Any) -> tuple[Model, tuple[Any, Any]]:
        converter = tf.lite.TFLiteConverter.from_keras_model(self.network)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row[np.newaxis]] for row in rows[:: max(1, len(rows) // 500)])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "autoencoder.tflite"
            path.write_bytes(converter.convert())
            network = import_tflite(path, scores=False)
        section = model_section(network, streaming=False, decision_frames=network.window_frames)
        return Model(section), (network.input_quantization, network.layers[-1].output_quantization)


def heard(bundle: Bundle, signals: list[Signal]) -> tuple[list[float], list[int]]:
    """Mean unusualness and alarms of each recording, by the pipeline of the boards."""
    pipeline, means, alarms = Pipeline(bundle), [], []
    for signal in signals:
        pipeline.reset()
        alarms.append(len(pipeline.feed(signal.samples[:, 0])))
        means.append(float(pipeline.scores.smoothed.mean()) / 255.0)
    return means, alarms


def areas(normal: list[float], unusual: list[float]) -> dict[str, Any]:
    """AUC, partial AUC, and the AUC of each fault."""
    partial = partial_auc(normal, unusual)
    by_fault = {fault: round(auc(normal, unusual[index :: len(FAULTS)]), 4) for index, fault in enumerate(FAULTS)}
    return {"auc": round(auc(normal, unusual), 4), "partial_auc": round(partial, 4),
            "partial_auc_mcclish": round(standardised(partial), 4), "auc_by_fault": by_fault}  # fmt: skip


def condition(name: str, snr_db: float) -> tuple[dict[str, Any], Bundle]:
    """Measure both on one machine in one hall."""
    normal_to_learn = recordings(name, snr_db, NUM_LEARN, 1, (None,))
    normal, unusual = recordings(name, snr_db, NUM_NORMAL, 2, (None,)), recordings(name, snr_db, NUM_UNUSUAL, 3, FAULTS)
    learnt = learn_signals(normal_to_learn, MachineSettings())
    (means, alarms), (unusual_means, unusual_alarms) = heard(learnt.bundle, normal), heard(learnt.bundle, unusual)
    autoencoder = Autoencoder(normal_to_learn)
    return {
        "machine": name,
        "snr_db": snr_db,
        "kws_machine": areas(means, unusual_means),
        "autoencoder_float": areas(autoencoder.scores(normal), autoencoder.scores(unusual)),
        "autoencoder_int8": areas(autoencoder.int8_scores(normal), autoencoder.int8_scores(unusual)),
        "one_alarm_a_day": {
            "said": told(learnt.promises[0]),
            "alarms_in_normal": sum(alarms),
            "normal_minutes": NUM_NORMAL * SECONDS / 60.0,
            "unusual_recordings_with_alarm": sum(count > 0 for count in unusual_alarms),
            "unusual_recordings": NUM_UNUSUAL,
        },
    }, learnt.bundle


def on_the_board(bundle: Bundle) -> dict[str, Any]:
    """Cycles and memory on the emulated Cortex-M4."""
    result = measure(bundle, "netduinoplus2")
    stages = {stage.stage: stage.cycles_per_second for stage in result.stages}
    return {
        "board": result.board,
        "cycles_per_second": stages,
        "network_cycles_per_decision": sum(layer.cycles for layer in result.layers),
        "arena_bytes": bundle.arena_bytes,
        "bundle_bytes": len(bundle.data),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="not used: the recordings are synthetic")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("machine.json"))
    arguments = parser.parse_args()
    conditions: list[dict[str, Any]] = []
    for name in MACHINES:
        found, bundle = condition(name, SNR_DB)
        conditions.append(found)
        print(json.dumps(found), flush=True)
    kinds = ("kws_machine", "autoencoder_float", "autoencoder_int8")
    mean = {kind: {key: round(math.fsum(c[kind][key] for c in conditions) / len(conditions), 4)
                   for key in ("auc", "partial_auc", "partial_auc_mcclish")} for kind in kinds}  # fmt: skip
    results = {"synthetic": True, "mean": mean, "conditions": conditions, "netduinoplus2": on_the_board(bundle)}
    print(json.dumps(mean))
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
