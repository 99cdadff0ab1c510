# SPDX-License-Identifier: Apache-2.0
"""microWakeWord's four published networks equal their own runner, step by step, from audio to events."""

from __future__ import annotations

import features_signals as signals
import numpy as np
import pytest
from wakeword_oracle import MODELS, NAMES, Run, run_published, spoken

from kws.bundle import Bundle
from kws.importer import arithmetic
from kws.importer.bundle import import_bundle, import_settings
from kws.importer.network import Layer, Network, Op
from kws.importer.tflite import import_tflite
from kws.pipeline import Pipeline

PHRASES = {
    "alexa": "en-us",
    "okay nahboo": "en-us",
    "hey jarvis": "en-us+f3",
    "hey my croft": "en-gb",
    "seven rivers of the north": "en-us+m3",
}
VECTOR_CHANNELS = 4


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    loud = [signals.noise(8000, peak=32767), *signals.extremes(1600).values(), signals.voice(16000, peak=12000)]
    return np.concatenate([spoken(tmp_path_factory.mktemp("speech"), PHRASES), *loud])


def imported(name: str) -> Bundle:
    settings = import_settings(MODELS / f"{name}.tflite", refractory_frames=0)
    return import_bundle(settings.model, features=settings.features, labels=settings.labels, decision=settings.decision)


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def published(name: str, audio: np.ndarray) -> Run:
    return run_published(name, audio, reference_kernels=True)


def test_every_output_mean_and_event_is_the_runners_over_reference_kernels(
    name: str, audio: np.ndarray, published: Run
) -> None:
    pipeline = Pipeline(imported(name))
    events = pipeline.feed(audio)
    scores = pipeline.scores
    assert scores.posteriors[:, 0].tolist() == published.outputs.tolist()
    assert np.abs(scores.smoothed[:, 0] / 256 - published.means).max() < 1 / 256
    fired = scores.sample_index[published.fired]
    assert len(fired) > 0, "the word is said in the recording"
    assert [event.sample_index for event in events] == fired.tolist()


def test_the_runners_own_library_rounds_ties_of_depthwise_layers_up(name: str, audio: np.ndarray) -> None:
    """And does nothing else in another way: TFLite's vectorised kernel does, in its groups of channels."""
    outputs = run_published(name, audio, reference_kernels=False).outputs
    frames = Pipeline(imported(name))
    frames.feed(audio)
    assert (
        _outputs(import_tflite(MODELS / f"{name}.tflite"), frames.frames)[: len(outputs)].tolist() == outputs.tolist()
    )


def _outputs(network: Network, frames: np.ndarray) -> np.ndarray:
    """Return the network's uint8 outputs with the roundings of TFLite's vectorised kernels."""
    rows = frames.astype(np.int64)
    for layer in network.layers:
        if layer.op is Op.LOOKUP:
            rows = layer.weights[0].astype(np.int64)[rows + 128]
            continue
        height, top = layer.kernel[0], layer.padding[0]
        rows = np.concatenate([np.full((top, rows.shape[1]), layer.input_quantization.zero_point), rows])
        starts = np.arange(0, len(rows) - height + 1, layer.stride[0])
        windows = rows[starts[:, np.newaxis] + np.arange(height)]
        weights = layer.weights.astype(np.int64)
        if layer.op is Op.DEPTHWISE:
            sums = np.einsum("nkc,kc->nc", windows, weights.reshape(height, -1))
        else:
            sums = windows.reshape(len(windows), -1) @ weights.reshape(len(weights), -1).T
        scaled = [
            _rescaled(layer, channel, sums[:, channel] + layer.channels[channel, 0]) for channel in range(sums.shape[1])
        ]
        rows = np.clip(np.stack(scaled, axis=1) + layer.output_quantization.zero_point, *layer.clamp)
    return rows[:, 0] + 128


def _rescaled(layer: Layer, channel: int, sums: np.ndarray) -> np.ndarray:
    multiplier, shift = (int(value) for value in layer.channels[channel, 1:])
    if layer.op is Op.DENSE:
        return arithmetic.requantize_once(sums, multiplier, shift)
    if layer.op is Op.DEPTHWISE and channel < len(layer.channels) // VECTOR_CHANNELS * VECTOR_CHANNELS:
        high = sums * multiplier + (1 << 30) >> 31
        return high + (1 << -shift >> 1) >> -shift
    return arithmetic.requantize_twice(sums, multiplier, shift)


def test_the_start_is_the_runners_too(name: str, audio: np.ndarray, published: Run) -> None:
    pipeline = Pipeline(imported(name))
    pipeline.feed(audio[: 480 + 2 * 160 - 1])
    assert len(pipeline.scores.posteriors) == 0
    pipeline.feed(audio[480 + 2 * 160 - 1 : 480 + 2 * 160])
    assert pipeline.scores.posteriors.tolist() == [[published.outputs[0]]]
    pipeline.feed(audio[480 + 2 * 160 : 60000])
    pipeline.reset()
    pipeline.feed(audio[:60000])
    count = len(pipeline.scores.posteriors)
    assert pipeline.scores.posteriors[:, 0].tolist() == published.outputs[:count].tolist()


def test_results_do_not_depend_on_chunks(audio: np.ndarray) -> None:
    whole, parts = Pipeline(imported("okay_nabu")), Pipeline(imported("okay_nabu"))
    expected = whole.feed(audio)
    events = [event for chunk in np.array_split(audio, 997) for event in parts.feed(chunk)]
    assert events == expected
