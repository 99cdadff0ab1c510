# SPDX-License-Identifier: Apache-2.0
"""Every tensor of the C engine against TFLite's reference kernels on real recordings: `make eval KWS_DATA=DIR`.

Models: the MLPerf Tiny references (DIR/models/*.tflite, when there) and shipped ones (models/NAME.tflite beside
models/NAME.kws). Inputs: features of validation clips, random bytes, and constant frames. Streaming models are also
compared on one long recording: decision by decision with TFLite on the window each has seen, or, where padding above
the first frame gives a stream another history than a window, row by row with TFLite run once over all of it. Writes
benchmarks/model_parity.json; fails on a single differing value.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio import read_audio
from kws.bundle import Bundle
from kws.datasets.speech_commands import open_folder
from kws.evaluation.clips import fit_clip
from kws.features import Features, FeaturesConfig
from kws.importer.network import Layer, Network, Op
from kws.importer.section import model_section
from kws.importer.tflite import import_tflite
from kws.model import Model

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

Int8Array = npt.NDArray[np.int8]
CLIP_SAMPLES = 4 * 16000
"""Clips are padded to more than any window; its frames are taken from the beginning."""
NUM_CLIPS = 300
NUM_RANDOM = 300
STREAM_CLIPS = 10
MODELS = Path(__file__).parents[1] / "models"
FRONT_ENDS = {"kws_ref_model": FeaturesConfig.mlperf_kws, "str_ww_ref_model": FeaturesConfig.mlperf_streaming}


class Reference:
    """TFLite's reference kernels, every tensor kept."""

    def __init__(self, path: Path) -> None:
        import tensorflow as tf

        self._interpreter = tf.lite.Interpreter(
            str(path),
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
            num_threads=1,
        )
        self._interpreter.allocate_tensors()
        self._details = {d["name"]: d["index"] for d in self._interpreter.get_tensor_details()}

    def run(self, frames: Int8Array, layers: Sequence[Layer]) -> list[Int8Array]:
        """Return what the layers make, flat."""
        source = self._interpreter.get_input_details()[0]
        self._interpreter.set_tensor(source["index"], frames.reshape(source["shape"]))
        self._interpreter.invoke()
        return [self._made_by(layer).reshape(-1) for layer in layers]

    def run_whole(self, frames: Int8Array, layers: Sequence[Layer]) -> list[Int8Array]:
        """Run the feature maps once over a recording of any length; the dense layer behind them cannot take it."""
        source = self._interpreter.get_input_details()[0]
        window = source["shape"]
        self._interpreter.resize_tensor_input(source["index"], (1, len(frames), *window[2:]))
        try:
            self._interpreter.allocate_tensors()
            self._interpreter.set_tensor(source["index"], frames.reshape(1, len(frames), *window[2:]))
            self._interpreter.invoke()
        except RuntimeError:  # from the dense layer on
            pass
        maps = [self._made_by(layer) for layer in layers]
        return [tensor.reshape(tensor.shape[1], -1) for tensor in maps]

    def _made_by(self, layer: Layer) -> Int8Array:
        tensor: Int8Array = self._interpreter.get_tensor(self._details[layer.name])
        return tensor if layer.kept == (1, 1) else tensor[:, :: layer.kept[0], :: layer.kept[1]]


def candidates(data: Path) -> Iterator[tuple[Path, Network, FeaturesConfig | bytes, dict[str, bytes]]]:
    """Yield each model with its front end and its MODL sections by name."""
    for folder in (data / "models", data.parent / "models"):
        for path in sorted(folder.glob("*.tflite")):
            if path.stem in FRONT_ENDS:
                network = import_tflite(path)
                quantization = network.input_quantization
                config = dataclasses.replace(
                    FRONT_ENDS[path.stem](), scale=quantization.scale, zero_point=quantization.zero_point
                )
                packed, compact = model_section(network), model_section(network, compact=True)
                yield path, network, config, {"packed weights": packed, "compact weights": compact}
    for path in sorted(MODELS.glob("*.tflite")):
        bundle = Bundle.load(path.with_suffix(".kws"))
        front_end, section = bundle.front_end, bundle.section("MODL")
        assert front_end is not None
        assert section is not None
        yield path, import_tflite(path), front_end, {"shipped bundle": section}


def differing_values(
    models: dict[str, Model], network: Network, reference: Reference, inputs: Int8Array
) -> dict[str, dict[str, int]]:
    """Count values compared and values that differ, per section and layer, over all inputs."""
    labels = [f"{index} {layer.op.name.lower()}" for index, layer in enumerate(network.layers)]
    counts = {section: dict.fromkeys(["values", *labels], 0) for section in models}
    for frames in inputs:
        wanted = reference.run(frames, network.layers)
        for section, model in models.items():
            for label, got, want in zip(labels, model.tensors(frames), wanted, strict=True):
                counts[section]["values"] += want.size
                counts[section][label] += int(np.count_nonzero(got.reshape(-1) != want))
    return counts


def differing_decisions(model: Model, network: Network, reference: Reference, frames: Int8Array) -> dict[str, int]:
    """Compare each streamed decision with TFLite on the window it has seen."""
    model.reset()
    posteriors, newest = model.stream(frames)
    differing, compared = 0, 0
    for decision, frame in zip(posteriors, newest, strict=True):
        window = frames[frame - newest[0] :][: network.window_frames]
        if len(window) == network.window_frames:
            (want,) = reference.run(window, network.layers[-1:])
            differing += int(np.any(decision.astype(int) - 128 != want))
            compared += 1
    return {"decisions": compared, "differing": differing}


def differing_rows(model: Model, network: Network, reference: Reference, frames: Int8Array) -> dict[str, int]:
    """Compare every row of every feature map of the stream with TFLite run once over the whole recording."""
    pool = next(i for i, layer in enumerate(network.layers) if layer.op is Op.AVERAGE_POOL)
    layers = network.layers[: pool + 1]
    compared, differing = 0, 0
    wanted = reference.run_whole(frames, layers)
    for layer, streamed, want in zip(layers, model.tensors(frames), wanted, strict=False):
        # TFLite's pools do not overlap; the stream has a row for every place of the pool.
        got = streamed[:: layer.kernel[0]][: len(want)] if layer.op is Op.AVERAGE_POOL else streamed
        assert got.shape == want.shape, f"{got.shape} rows streamed, {want.shape} at once"
        compared += len(want)
        differing += int(np.any(got != want, axis=1).sum())
    return {"rows": compared, "differing": differing}


def inputs_for(features: Features, clips: list[npt.NDArray[np.int16]], network: Network) -> Int8Array:
    """Return [inputs, frames, features]: real clips, random bytes, constants."""
    rng = np.random.default_rng(0)
    shape = (network.window_frames, network.num_features)
    real = [features.compute(fit_clip(clip, CLIP_SAMPLES))[: network.window_frames] for clip in clips]
    noise = rng.integers(-128, 128, (NUM_RANDOM, *shape)).astype(np.int8)
    constant = np.stack([np.full(shape, value, np.int8) for value in (-128, -1, 0, 127)])
    return np.concatenate([np.stack(real), noise, constant])


def evaluate(data: Path) -> dict[str, dict[str, object]]:
    """Compare all models."""
    corpus = open_folder(data)
    rows = corpus.of_split("validation")
    clips = [read_audio(corpus.clips[rows[i]].path) for i in np.linspace(0, len(rows) - 1, NUM_CLIPS).astype(int)]
    results: dict[str, dict[str, object]] = {}
    for path, network, front_end, sections in candidates(data):
        features, reference = Features(front_end), Reference(path)
        inputs = inputs_for(features, clips, network)
        models = {name: Model(section) for name, section in sections.items()}
        result: dict[str, object] = {"clips": NUM_CLIPS, "random_inputs": NUM_RANDOM, "constant_inputs": 4}
        result["differing"] = differing_values(models, network, reference, inputs)
        recording = features.compute(np.concatenate(clips[:STREAM_CLIPS]))
        padded_above = any(layer.padding[0] for layer in network.layers)
        compare = differing_rows if padded_above else differing_decisions
        streams = {
            name: compare(model, network, Reference(path), recording)
            for name, model in models.items()
            if model.streaming
        }
        if streams:
            result["streamed"] = streams
        results[path.stem] = result
    return results


def main() -> None:
    """Compare, print, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with Speech Commands")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("model_parity.json"))
    arguments = parser.parse_args()
    results = evaluate(arguments.data)
    wrong = 0
    for name, result in results.items():
        for section, counts in {**result["differing"]}.items():  # type: ignore[dict-item]
            differing = sum(count for key, count in counts.items() if key != "values")
            wrong += differing
            print(f"{name}, {section}: {differing} of {counts['values']:,} values differ")
        for section, counts in {**result.get("streamed", {})}.items():  # type: ignore[dict-item]
            wrong += counts["differing"]
            unit, compared = next(iter(counts.items()))
            print(f"{name}, {section}, streamed: {counts['differing']} of {compared} {unit} differ")
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if wrong or not results:
        sys.exit(f"{wrong} values or decisions differ from TFLite" if results else "no model found to compare")


if __name__ == "__main__":
    main()
