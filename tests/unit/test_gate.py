import itertools

import numpy as np
import pytest
from random_bundles import random_bundle, speech_like

from kws.core import ffi, lib
from kws.errors import ConfigError
from kws.gate import GateConfig
from kws.pipeline import Pipeline

GATE = GateConfig(hangover_frames=10)
AUDIO = speech_like(6.0, seed=3, silence=(1.5, 4.0))


MANNERS = {"valid": {}, "causal": {"causal": True}, "window": {"streaming": False}}


def run(gate: GateConfig | None, audio: np.ndarray, *, manner: str = "valid") -> tuple[Pipeline, dict[int, np.ndarray]]:
    pipeline = Pipeline(random_bundle(seed=1, gate=gate, **MANNERS[manner]))
    pipeline.feed(audio)
    scores = pipeline.scores
    return pipeline, dict(zip(scores.frame_index.tolist(), scores.posteriors, strict=True))


@pytest.mark.parametrize("manner", sorted(MANNERS))
@pytest.mark.parametrize("start", [0, 1, 2, 3])  # the phase of the waking frame against the time stride
def test_posteriors_after_waking_equal_those_of_an_always_on_pipeline(start: int, manner: str) -> None:
    audio = AUDIO[start * 320 :]
    _, always_on = run(None, audio, manner=manner)
    gated_pipeline, gated = run(GATE, audio, manner=manner)
    assert gated_pipeline.gated_frames > 80, "the silence must have been slept through"
    assert gated, "the gate must have opened again"
    assert max(gated) > 200 > 100 > min(gated)
    for frame, posteriors in gated.items():
        np.testing.assert_array_equal(posteriors, always_on[frame], err_msg=f"frame {frame}")


def test_an_onset_is_awake_at_once() -> None:
    _, gated = run(GATE, AUDIO)
    first_after_silence = min(frame for frame in gated if frame > 150)
    onset_frame = 4 * 16000 // 320  # the silence ends at 4.0 s
    assert first_after_silence <= onset_frame + 2 + 5  # two frames of decision stride, 100 ms of rising level


def test_silence_sleeps_and_noise_of_steady_level_falls_asleep() -> None:
    quiet = np.random.default_rng(0).normal(0, 2, 16000 * 4).astype(np.int16)
    hiss = np.random.default_rng(0).normal(0, 900, 16000 * 4).astype(np.int16)
    for audio in (quiet, hiss):
        pipeline, _ = run(GATE, audio)
        assert pipeline.gated_frames > 0.85 * len(pipeline.frames)


def test_without_a_gate_section_nothing_sleeps() -> None:
    pipeline, _ = run(None, np.zeros(32000, np.int16))
    assert pipeline.gated_frames == 0


def level_q8(samples: np.ndarray) -> int:
    chunk = np.ascontiguousarray(samples, np.int16)
    return int(lib.kws_gate_level_q8(ffi.from_buffer("int16_t[]", chunk), chunk.size))


def test_level_is_the_logarithm_of_the_variance() -> None:
    assert level_q8(np.zeros(320)) == 0
    assert level_q8(np.full(320, 1234)) == 0  # an offset is no sound
    square = np.tile([1000, -1000], 160)
    assert level_q8(square) == pytest.approx(256 * np.log2(1e6 + 1), abs=0.09 * 256)
    assert level_q8(square + 5000) == level_q8(square)
    assert level_q8(np.tile([32767, -32768], 160)) < 30 * 256


def test_level_rises_with_every_step_of_loudness() -> None:
    levels = [level_q8(np.tile([a, -a], 160)) for a in range(1, 3000)]
    assert all(a <= b for a, b in itertools.pairwise(levels))


def test_settings_survive_the_section() -> None:
    config = GateConfig(open_margin_db=7.0, close_margin_db=2.0, hangover_frames=33, minimum_level_dbfs=-60.0)
    back = GateConfig.from_section(config.section())
    assert back.hangover_frames == 33
    assert back.open_margin_db == pytest.approx(7.0, abs=0.012)
    assert back.minimum_level_dbfs == pytest.approx(-60.0, abs=0.012)


@pytest.mark.parametrize(
    "wrong",
    [
        {"close_margin_db": 9.0},
        {"close_margin_db": -1.0},
        {"hangover_frames": 0},
        {"hangover_frames": 70000},
        {"floor_rise_db_per_frame": 5.0},
        {"minimum_level_dbfs": -500.0},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="gate"):
        GateConfig(**wrong).section()
