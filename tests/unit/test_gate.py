# SPDX-License-Identifier: Apache-2.0
import itertools
import zlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
from gate_definition import features_heard, frames_heard, gate_states
from hypothesis import given, settings
from hypothesis import strategies as st
from random_bundles import LABELS, random_bundle, speech_like

from kws.bundle import Bundle
from kws.core import ffi, lib
from kws.errors import BundleError, ConfigError
from kws.features import Features, FeaturesConfig, MicroFeaturesConfig
from kws.gate import GateConfig
from kws.model import Model
from kws.pipeline import Pipeline

GATE = GateConfig(hangover_frames=0)
AUDIO = speech_like(6.0, seed=3, silence=(1.5, 4.0))
BLIPS = speech_like(13.5, seed=4, silence=(0.7, 13.5))
"""Sleeps of every length: short sounds in silence, each closer behind the one before it; put in below."""
for _number, _start in enumerate(np.cumsum([28000, *range(27000, 17000, -1300)])):
    BLIPS[_start : _start + 1500] = speech_like(0.1, seed=_number)[:1500]

MANNERS = {"valid": {}, "causal": {"causal": True}, "window": {"streaming": False}}
FRONT_ENDS = {
    "480 by 320": FeaturesConfig(),
    "three hops a window": FeaturesConfig(hop_samples=160),
    "micro, which remembers": MicroFeaturesConfig(),
    "gaps between windows": FeaturesConfig(window_samples=256, hop_samples=320, fft_length=256),
}


@dataclass(frozen=True)
class Heard:
    """What a pipeline made of a stream."""

    frames: np.ndarray
    posteriors: np.ndarray
    smoothed: np.ndarray
    events: list[tuple[int, int]]


def by_its_parts(bundle: Bundle, audio: np.ndarray) -> Heard:
    """The same from the stages one by one, without the pipeline."""
    features, model, decision = Features(bundle.front_end), Model(bundle), bundle.decision
    states = gate_states(bundle, audio, features.num_frames(len(audio)))
    gate = GateConfig.from_section(bundle.section("GATE"))
    heard = np.array(frames_heard(states, gate.preroll_frames, model.decision_frames))
    posteriors, newest = model.stream(features_heard(bundle, audio, heard))
    smoothed = np.zeros_like(posteriors)
    for i in range(len(posteriors)):
        rows = posteriors[max(0, i + 1 - decision.smoothing_decisions) : i + 1].astype(int)
        smoothed[i] = (rows.sum(axis=0) + len(rows) // 2) // len(rows)
    told = np.array(states)[heard[newest]]  # not what is decided about the pre-roll
    decided = heard[newest][told].astype(np.uint32)
    smoothed = np.ascontiguousarray(smoothed[told])
    return Heard(decided, posteriors[told], smoothed, detect(bundle, decided, smoothed))


def detect(bundle: Bundle, frames: np.ndarray, smoothed: np.ndarray) -> list[tuple[int, int]]:
    config = ffi.new("kws_decision_config_t *")
    section = bundle.section("DECN")
    data = ffi.from_buffer("uint8_t[]", section)
    assert lib.kws_decision_read(config, {"data": data, "size_bytes": len(section)}, -1) == lib.KWS_OK
    events = ffi.new("kws_event_t[]", len(frames) + 1)
    count = lib.kws_door_detect(config, ffi.from_buffer("uint32_t[]", frames),
                                ffi.from_buffer("uint64_t[]", frames.astype(np.uint64)),
                                ffi.from_buffer("uint8_t[]", smoothed), len(frames), events, len(frames))  # fmt: skip
    return [(int(event.sample_index), int(event.label)) for event in events[0:count]]


def by_the_pipeline(bundle: Bundle, audio: np.ndarray, cuts: list[int]) -> tuple[Heard, Pipeline]:
    pipeline = Pipeline(bundle)
    features = Features(bundle.front_end)
    scores, events = [], []
    for chunk in np.split(audio, sorted(cuts)):
        for event in pipeline.feed(chunk):
            frame = (event.sample_index - features.window_samples) // features.hop_samples
            events.append((frame, LABELS.index(event.label)))
        scores.append(pipeline.scores)
    joined = [np.concatenate([getattr(part, name) for part in scores])
              for name in ("frame_index", "posteriors", "smoothed")]  # fmt: skip
    return Heard(*joined, events), pipeline


def assert_equal(one: Heard, other: Heard) -> None:
    np.testing.assert_array_equal(one.frames, other.frames)
    np.testing.assert_array_equal(one.posteriors, other.posteriors)
    np.testing.assert_array_equal(one.smoothed, other.smoothed)
    assert one.events == other.events


@pytest.mark.parametrize("audio", [AUDIO, BLIPS], ids=["one silence", "blips"])
@pytest.mark.parametrize("preroll_frames", [3, 4, 9])
@pytest.mark.parametrize("manner", sorted(MANNERS))
def test_the_gated_stream_is_the_stream_with_its_silences_cut_out(
    manner: str, preroll_frames: int, audio: np.ndarray
) -> None:
    bundle = random_bundle(seed=1, gate=replace(GATE, preroll_frames=preroll_frames), **MANNERS[manner])
    expected = by_its_parts(bundle, audio)
    heard, pipeline = by_the_pipeline(bundle, audio, [])
    assert pipeline.gated_frames > 60, "the silence must have been slept through"
    assert max(heard.frames) > 210, "the gate must have opened again"
    assert heard.events, "the comparison must have events in it"
    assert_equal(heard, expected)


@pytest.mark.parametrize("front_end", sorted(FRONT_ENDS))
def test_windows_of_the_pre_roll_are_those_of_the_stream_whatever_their_overlap(front_end: str) -> None:
    bundle = random_bundle(seed=1, gate=GATE, features=FRONT_ENDS[front_end])
    assert_equal(by_the_pipeline(bundle, BLIPS, [])[0], by_its_parts(bundle, BLIPS))


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, BLIPS.size), max_size=12))
def test_results_behind_a_gate_do_not_depend_on_chunks(cuts: list[int]) -> None:
    bundle = random_bundle(seed=1, gate=GATE, causal=True)
    whole, _ = by_the_pipeline(bundle, BLIPS, [])
    assert whole.events, "the comparison must have events in it"
    assert_equal(by_the_pipeline(bundle, BLIPS, cuts)[0], whole)


def test_decisions_lie_on_the_frames_they_would_lie_on_without_a_gate() -> None:
    gated, _ = by_the_pipeline(random_bundle(seed=1, gate=GATE), BLIPS, [])
    always_on, _ = by_the_pipeline(random_bundle(seed=1), BLIPS, [])
    assert set(gated.frames) < set(always_on.frames)


def test_frames_are_made_while_awake_only() -> None:
    bundle = random_bundle(seed=1, gate=GATE)
    _, pipeline = by_the_pipeline(bundle, AUDIO, [])
    frames = Features(bundle.front_end).compute(AUDIO)
    states = gate_states(bundle, AUDIO, len(frames))
    assert pipeline.gated_frames == states.count(False)
    np.testing.assert_array_equal(pipeline.frames, frames[states])


def test_a_reset_wakes_and_forgets_the_pre_roll() -> None:
    pipeline = Pipeline(random_bundle(seed=1, gate=GATE))
    fresh = Pipeline(random_bundle(seed=1, gate=GATE))
    pipeline.feed(AUDIO[: 3 * 16000])  # ends asleep
    pipeline.reset()
    assert pipeline.feed(AUDIO) == fresh.feed(AUDIO)
    np.testing.assert_array_equal(pipeline.scores.smoothed, fresh.scores.smoothed)
    assert pipeline.gated_frames == fresh.gated_frames


def test_an_onset_is_awake_at_once() -> None:
    gated, _ = by_the_pipeline(random_bundle(seed=1, gate=GATE), AUDIO, [])
    first_after_silence = min(frame for frame in gated.frames if frame > 150)
    onset_frame = 4 * 16000 // 320  # the silence ends at 4.0 s
    assert first_after_silence <= onset_frame + 2 + 5  # two frames of decision stride, 100 ms of rising level


def test_silence_sleeps_and_noise_of_steady_level_falls_asleep() -> None:
    quiet = np.random.default_rng(0).normal(0, 2, 16000 * 4).astype(np.int16)
    hiss = np.random.default_rng(0).normal(0, 900, 16000 * 4).astype(np.int16)
    for audio in (quiet, hiss):
        _, pipeline = by_the_pipeline(random_bundle(seed=1, gate=GATE), audio, [])
        assert pipeline.gated_frames > 199 - 49 - 3  # but for the window it stays open at first


def test_without_a_gate_section_nothing_sleeps() -> None:
    _, pipeline = by_the_pipeline(random_bundle(seed=1), np.zeros(32000, np.int16), [])
    assert pipeline.gated_frames == 0
    assert len(pipeline.frames) == 99


def test_the_gate_costs_the_audio_of_its_pre_roll() -> None:
    without, with_gate = Pipeline(random_bundle(seed=1)), Pipeline(random_bundle(seed=1, gate=GATE))
    assert with_gate.arena_bytes - without.arena_bytes == GATE.preroll_frames * 320 * 2


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, 10), (2, 60000), (6, 256), (10, 256), (10, 2), (12, 1), (14, 0x8000)],
    ids=["open below close", "close above open", "floor rises too fast", "pre-roll too long",
         "pre-roll shorter than a decision", "reserved", "reserved high"],
)  # fmt: skip
def test_an_impossible_section_is_refused(offset: int, value: int) -> None:
    window = random_bundle(seed=1, gate=GATE, streaming=False)  # decides every 4 frames
    section = window.section("GATE")
    damaged = section[:offset] + value.to_bytes(2, "little") + section[offset + 2 :]
    data = bytearray(window.data.replace(section, damaged))
    data[12:16] = zlib.crc32(bytes(data[16:])).to_bytes(4, "little")
    with pytest.raises(BundleError, match="offset, size or shape"):
        Bundle(bytes(data))


def test_a_short_section_is_refused() -> None:
    config = ffi.new("kws_gate_config_t *")
    section = ffi.from_buffer("uint8_t[]", GATE.section())
    for size in range(16):
        assert lib.kws_gate_read(config, {"data": section, "size_bytes": size}) == lib.KWS_ERROR_BOUNDS
    assert lib.kws_gate_read(config, {"data": section, "size_bytes": 16}) == lib.KWS_OK


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
    config = GateConfig(
        open_margin_db=7.0, close_margin_db=2.0, hangover_frames=33, minimum_level_dbfs=-60.0, preroll_frames=7
    )
    back = GateConfig.from_section(config.section())
    assert (back.hangover_frames, back.preroll_frames) == (33, 7)
    assert back.open_margin_db == pytest.approx(7.0, abs=0.012)
    assert back.minimum_level_dbfs == pytest.approx(-60.0, abs=0.012)


@pytest.mark.parametrize(
    "wrong",
    [
        {"close_margin_db": 9.0},
        {"close_margin_db": -1.0},
        {"hangover_frames": -1},
        {"hangover_frames": 70000},
        {"floor_rise_db_per_frame": 5.0},
        {"floor_rise_db_per_frame": -0.1},
        {"minimum_level_dbfs": -500.0},
        {"preroll_frames": 256},
        {"preroll_frames": -1},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="gate"):
        GateConfig(**wrong)
