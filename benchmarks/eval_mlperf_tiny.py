# SPDX-License-Identifier: Apache-2.0
"""All five MLPerf Tiny networks through the engine, rows streaming in: `make eval KWS_DATA=DIR`.

For each of DIR/models/*.tflite: outputs compared with TFLite's reference kernels, RAM (what the engine keeps and its
scratch; the input is not in it, rows come one by one), and cycles of one inference on the emulated Cortex-M4 (the model
of firmware/emulator; the core at -O2, zero wait states). Then the benchmark's firmware (firmware/apps/mlperf_tiny)
serves it on the emulated board, and the first on every emulated board, spoken to as the host runner does. Writes
benchmarks/mlperf_tiny.json; fails on one difference.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.bundle import model_alone
from kws.device.chips import emulated_chip
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.model import Model

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "parity"))
from mlperf_runner import Runner, infer, start
from models_emulator import count_cycles
from tflite_nets import Reference

NAMES = {
    "kws_ref_model": "keyword spotting, DS-CNN",
    "str_ww_ref_model": "streaming wake word, 1-D DS-CNN",
    "vww_96_int8": "person detection, MobileNet 0.25",
    "pretrainedResnet_quant": "image classification, ResNet-8",
    "ad01_int8": "machine sound, autoencoder",
}
NUM_INPUTS = 20
BOARD = "netduinoplus2"
BOARDS = ("netduinoplus2", "microbit", "nrf52840dk", "xiao_nrf52840_sense", "stm32f407g_disc1")
"""Those that serve the first network."""


class Refused(Exception):
    """The firmware's own sentence."""


def served(board: str, section: bytes, rows: npt.NDArray[np.int8], folder: Path) -> tuple[list[int], float]:
    """Return what the benchmark's firmware answers on an emulated board, 0..255, and its microseconds an inference."""
    path = folder / "served.kws"
    path.write_bytes(model_alone(section))
    child = start(board, path)
    try:
        runner = Runner(child.url)
        runner.greet()
        (first,) = runner.ask(f"db load {rows.size}")
        if first.startswith("e-["):
            raise Refused(first)
        answer = infer(runner, rows.tobytes())
        laps = [line.removeprefix("m-lap-us-") for line in runner.ask("infer 4 0") if line.startswith("m-lap-us-")]
        runner.close()
    finally:
        child.stop()
    return answer, (int(laps[1]) - int(laps[0])) / 4


def on_every_board(path: Path, folder: Path) -> dict[str, object]:
    """Serve one network on each of the emulated boards."""
    network = import_tflite(path, scores=False)
    section = model_section(network, streaming=False, decision_frames=network.window_frames)
    rows = np.random.default_rng(1).integers(-128, 128, (network.window_frames, network.num_features)).astype(np.int8)
    result: dict[str, object] = {}
    for board in BOARDS:
        try:
            answer, us = served(board, section, rows, folder)
        except Refused as sentence:
            result[f"refused_on_{board}"] = str(sentence)
            continue
        result[f"differing_on_{board}"] = int(answer != Model(section).run(rows).tolist())
        if emulated_chip(board) is not None:  # QEMU's time is none of the board's
            result[f"us_on_{board}"] = round(us)
    return result


def measure(path: Path, folder: Path) -> dict[str, object]:
    """Compare one network with TFLite, on this PC and on the emulated Cortex-M4, and count."""
    network = import_tflite(path, scores=False)
    reference = Reference.of(path.read_bytes())
    shape = (NUM_INPUTS, network.window_frames, network.num_features)
    inputs = np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)
    section = model_section(network, streaming=False, decision_frames=network.window_frames)
    model = Model(section)
    name = network.layers[-1].name
    wanted = [(reference.run(rows)[name].reshape(-1).astype(np.int16) + 128).astype(np.uint8) for rows in inputs]
    differing = sum(int(np.any(model.run(rows) != want)) for rows, want in zip(inputs, wanted, strict=True))
    board, cycles = count_cycles(section, inputs[:1], folder)
    answer, _ = served(BOARD, section, inputs[0], folder)
    return {
        "network": NAMES[path.stem],
        "inputs": NUM_INPUTS,
        "differing": differing,
        "differing_on_cortex_m4": int(np.any(board[0] != wanted[0])),
        "differing_from_firmware_served": int(np.any(answer != wanted[0])),
        "macs": sum(layer.macs for layer in network.layers),
        "ram_bytes": model.state_bytes + model.scratch_bytes,
        "bundle_bytes": len(section),
        "cycles": cycles,
    }


def main() -> None:
    """Measure, print, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with models/*.tflite")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("mlperf_tiny.json"))
    arguments = parser.parse_args()
    folders = (arguments.data / "models", arguments.data.parent / "models")
    paths = [path for folder in folders for name in NAMES if (path := folder / f"{name}.tflite").is_file()]
    results: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            results[path.stem] = result = measure(path, Path(folder))
            print(path.stem, result, flush=True)
        results |= {"boards": on_every_board(paths[0], Path(folder))} if paths else {}
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if not results or any(value for r in results.values() for key, value in r.items() if key.startswith("differing")):
        sys.exit("outputs differ from TFLite" if results else "no model found")


if __name__ == "__main__":
    main()
