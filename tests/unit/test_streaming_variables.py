# SPDX-License-Identifier: Apache-2.0
"""Settings of microWakeWord models, and graphs with variables that are no rings."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wakeword_oracle import MODELS

from kws.errors import ConfigError, ImportModelError
from kws.features import FeaturesConfig, MicroFeaturesConfig
from kws.importer.bundle import import_settings
from kws.importer.flatbuffer import Graph, read_graph
from kws.importer.microwakeword import settings_of, sliding_window_decision
from kws.importer.states import STATE, without_variables

SETTINGS = json.loads((MODELS / "okay_nabu.json").read_text(encoding="utf-8"))


def written(folder: Path, **micro: object) -> Path:
    content = {**SETTINGS, "micro": {**SETTINGS["micro"], **micro}}
    (folder / "okay_nabu.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "okay_nabu.tflite"


def test_settings_beside_a_model_are_read(tmp_path: Path) -> None:
    settings = settings_of(written(tmp_path, feature_step_size=20, probability_cutoff=0.5, sliding_window_size=4))
    assert settings is not None
    assert settings.wake_word == "Okay Nabu"
    assert settings.features == MicroFeaturesConfig(hop_samples=320)
    assert settings.decision.smoothing_decisions == 4
    assert settings.decision.refractory_frames == 50, "a second"
    assert settings_of(tmp_path / "okay_nabu.json") == settings
    assert settings_of(tmp_path / "another.tflite") is None


def test_what_is_asked_for_counts_more_than_what_lies_beside(tmp_path: Path) -> None:
    path = written(tmp_path)
    asked = import_settings(path, labels="nabu", features="mlperf-kws", threshold=0.4, refractory_frames=7)
    assert (asked.labels, asked.features, asked.assumed) == (("nabu",), FeaturesConfig.mlperf_kws(), "mlperf-kws")
    assert asked.decision.operating_points[0].thresholds == (102,)
    assert asked.decision.whole_windows_rounding is None
    assert asked.decision.refractory_frames == 7
    assert import_settings(path).assumed is None
    with pytest.raises(ImportModelError, match=r"another\.tflite: no such file"):
        import_settings(tmp_path / "another.tflite")
    (tmp_path / "another.tflite").write_bytes(b"TFL3")
    with pytest.raises(ConfigError, match="--labels is missing"):
        import_settings(tmp_path / "another.tflite")


@pytest.mark.parametrize(
    ("micro", "message"),
    [
        ({"probability_cutoff": 1.0}, "cutoff of 1.0; expected 0 or more, below 0.996"),
        ({"probability_cutoff": -0.1}, "cutoff of -0.1"),
        ({"probability_cutoff": "high"}, "probability_cutoff is 'high'"),
        ({"sliding_window_size": 0}, "window of 0 probabilities; expected 1 .. 64"),
        ({"sliding_window_size": 65}, "window of 65 probabilities"),
        ({"feature_step_size": 0}, "feature_step_size is 0"),
        ({"feature_step_size": True}, "feature_step_size is True"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, micro: dict[str, object], message: str) -> None:
    with pytest.raises(ImportModelError, match=message):
        settings_of(written(tmp_path, **micro))


def test_a_broken_settings_file_is_refused_and_another_kind_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    with pytest.raises(ImportModelError, match=r"a\.json: cannot be read as JSON"):
        settings_of(tmp_path / "a.tflite")
    (tmp_path / "a.json").write_text('{"note": 1}', encoding="utf-8")
    assert settings_of(tmp_path / "a.tflite") is None
    with pytest.raises(ImportModelError, match="micro is None"):
        settings_of(tmp_path / "a.json")


@given(
    cutoff=st.floats(0.0, 0.99),
    window=st.integers(1, 64),
    outputs=st.lists(st.integers(0, 255), min_size=64, max_size=64),
)
def test_the_decision_fires_on_the_sums_whose_mean_is_above_the_cutoff(
    cutoff: float, window: int, outputs: list[int]
) -> None:
    decision = sliding_window_decision(cutoff, window, refractory_frames=0)
    (threshold,) = decision.operating_points[0].thresholds
    first = next(total for total in range(255 * window + 1) if total / (256 * window) > cutoff)
    for total in (sum(outputs[:window]), first, max(first - 1, 0)):
        average = (total + decision.whole_windows_rounding) // window
        assert (average >= threshold) == (total / (256 * window) > cutoff)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return read_graph(MODELS / "okay_nabu.tflite")


def test_variables_become_rows_of_the_past_and_mixed_kernels_one(graph: Graph) -> None:
    plain = without_variables(graph)
    assert [operator.options for operator in plain.operators if operator.name == STATE] == [2, 2, 8, 12, 14, 16]
    names = [operator.name for operator in plain.operators if operator.name != STATE]
    assert names == ["RESHAPE", "CONV_2D", *["DEPTHWISE_CONV_2D", "CONV_2D"] * 5, "FULLY_CONNECTED", "LOGISTIC",
                     "QUANTIZE"]  # fmt: skip
    assert without_variables(plain) is plain


def test_a_variable_that_starts_with_sound_is_refused(graph: Graph) -> None:
    name, start = next(iter(graph.initial.items()))
    loud = dataclasses.replace(start, data=np.full_like(start.data, 5))
    with pytest.raises(ImportModelError, match=f"variable '{name}' does not start as zeros"):
        without_variables(dataclasses.replace(graph, initial={**graph.initial, name: loud}))
    with pytest.raises(ImportModelError, match="no constant to start from"):
        without_variables(dataclasses.replace(graph, initial={}))


def test_a_variable_that_is_not_given_its_last_rows_is_refused(graph: Graph) -> None:
    without_updates = [operator for operator in graph.operators if operator.name != "STRIDED_SLICE"]
    with pytest.raises(ImportModelError, match=r"is not given the last \d+ rows"):
        without_variables(dataclasses.replace(graph, operators=tuple(without_updates)))


def test_a_variable_that_joins_nothing_is_refused(graph: Graph) -> None:
    without_joins = [operator for operator in graph.operators if operator.name != "CONCATENATION"]
    with pytest.raises(ImportModelError, match="is not the past rows of a layer"):
        without_variables(dataclasses.replace(graph, operators=tuple(without_joins)))
