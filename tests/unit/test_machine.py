# SPDX-License-Identifier: Apache-2.0
"""kws machine: what it learns, the network it makes of it, alarms per day, AUC as DCASE defines it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from kws.audio import read_channels, to_int16
from kws.bundle import Bundle
from kws.cli import build_app
from kws.datasets.machines import FAULTS, MACHINES, machine_sound
from kws.errors import AudioError, BundleError, ConfigError, EvaluationError
from kws.evaluation.listening import listening_of
from kws.evaluation.metrics import Rate
from kws.features import Features
from kws.machine import alarms
from kws.machine.auc import auc, partial_auc, standardised
from kws.machine.learn import Learnt, MachineSettings, divided, front_end, learn, learn_signals
from kws.machine.network import BLOCK_STEPS, EMBEDDING, MEAN, Affine, Builder, Curve
from kws.machine.score import score
from kws.machine.signals import Signal, in_turn
from kws.machine.statistics import shrunk_covariance, standardise, whiten
from kws.pipeline import Pipeline
from kws.spotter import load

RATE_HZ = 8000
SETTINGS = MachineSettings(moment_s=0.5, alarms_per_day=(1.0, 1000.0), quiet_s=2.0)


@cache
def recording(
    seed: int, fault: str | None = None, *, seconds: float = 4.0, rate_hz: int = RATE_HZ, axes: int = 1
) -> Signal:
    """A fan; each axis hears it by itself, the last one alone the fault."""
    sounds = [
        machine_sound(MACHINES["fan"], np.random.default_rng([seed, axis]), seconds=seconds, sample_rate_hz=rate_hz,
                      fault=fault if axis == axes - 1 else None)
        for axis in range(axes)
    ]  # fmt: skip
    return Signal(name=f"{fault} {seed}", samples=to_int16(np.stack(sounds, axis=1)), sample_rate_hz=rate_hz)


@cache
def fan() -> Learnt:
    return learn_signals([recording(seed) for seed in range(20)], SETTINGS)


def unusualness(bundle: Bundle, signal: Signal) -> float:
    pipeline = Pipeline(bundle)
    pipeline.feed(in_turn(signal.samples, bundle.metadata["machine"]["block_samples"]))
    return float(pipeline.scores.posteriors.mean())


def test_every_fault_is_more_unusual_than_normal_sound_that_was_not_learnt() -> None:
    normal = [unusualness(fan().bundle, recording(seed)) for seed in range(100, 112)]
    for fault in FAULTS:
        unusual = [unusualness(fan().bundle, recording(seed, fault)) for seed in range(200, 206)]
        assert auc(normal, unusual) > 0.75, fault


def test_the_network_of_integers_says_what_its_statistics_say() -> None:
    config = front_end(RATE_HZ, 1)
    frames = [Features(config).compute(recording(seed).samples[:, 0]) for seed in range(8)]
    steps = [config.dequantize(those).astype(np.float64) for those in frames]
    blocks = 2
    builder = Builder(_quantization(config), axes=1, num_bands=config.num_features, blocks=blocks)
    scale = standardise(np.concatenate(steps), 0.05)
    builder.add_means(scale)
    means = np.concatenate([_moments(scale(those), blocks) for those in steps])
    assert np.abs(_run(builder, frames) * MEAN.scale - means).max() <= 1.5 * MEAN.scale + 0.5 * 0.125
    to_embedding = whiten(means, 1e-3)
    builder.add_whitening(to_embedding)
    # A step of a mean is worth up to the norm of a row of the whitening; rounded weights add a little.
    embedding = _run(builder, frames) * EMBEDDING.scale
    assert np.sqrt(np.mean((embedding - to_embedding(means)) ** 2)) < 0.2
    squared = (embedding**2).sum(axis=1)
    curve = Curve(middle=float(np.median(squared)), width=float(np.median(squared)) / 4.0)
    builder.add_distance(curve)
    # Each of the squares is rounded to quarters, and their sum to the steps that the curve is stored in.
    slack = 255.0 / 4.0 / curve.width * (curve.quantization.scale + 0.25 * np.sqrt(embedding.shape[1]))
    assert np.abs(_run(builder, frames)[:, 0] + 128.0 - curve(squared)).max() <= slack + 1.0


def _quantization(config: Any) -> Any:
    from kws.importer.network import Quantization

    return Quantization(scale=config.scale, zero_point=config.zero_point)


def _moments(steps: Any, blocks: int) -> Any:
    size = BLOCK_STEPS * blocks
    return np.stack([steps[i : i + size].mean(axis=0) for i in range(0, len(steps) - size + 1, BLOCK_STEPS)])


def _run(builder: Builder, recordings: list[Any]) -> Any:
    from kws.machine.learn import _outputs

    return _outputs(builder, recordings)


def test_axes_take_turns_block_by_block() -> None:
    samples = np.array([[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]], np.int16)
    assert in_turn(samples, 2).tolist() == [1, 2, 10, 20, 3, 4, 30, 40]
    assert in_turn(samples[:, :1], 2).tolist() == [1, 2, 3, 4, 5]


def test_a_fault_on_one_of_three_axes_is_heard() -> None:
    normal = [recording(seed, seconds=20.0, rate_hz=1600, axes=3) for seed in range(12)]
    learnt = learn_signals(normal, MachineSettings(moment_s=1.5))
    others = [unusualness(learnt.bundle, recording(seed, seconds=20.0, rate_hz=1600, axes=3)) for seed in (50, 51, 52)]
    for seed in (60, 61):
        assert unusualness(learnt.bundle, recording(seed, "slow", seconds=20.0, rate_hz=1600, axes=3)) > max(others)
    with pytest.raises(EvaluationError, match="3 axes of a machine in turn; use `kws machine score`"):
        listening_of(learnt.bundle)


def test_no_silence_is_put_around_a_machine() -> None:
    samples, pipeline = recording(100).samples[:, 0], Pipeline(fan().bundle)
    expected = pipeline.feed(samples)
    heard = load(fan().bundle).listen(samples)
    assert list(heard) == expected
    assert np.array_equal(heard.scores.posteriors, pipeline.scores.posteriors)


def test_the_same_recordings_make_the_same_bundle() -> None:
    again = learn_signals([recording(seed) for seed in range(20)], SETTINGS)
    assert again.bundle.data == fan().bundle.data


def test_a_stricter_wish_never_has_a_lower_threshold_and_minutes_make_an_estimate() -> None:
    once, often = fan().promises
    assert max(once.thresholds) >= max(often.thresholds)
    assert "an estimate from the tail of 0.3 min; 3 days would show it" in alarms.told(once)
    assert [point.thresholds for point in fan().bundle.decision.operating_points] == [once.thresholds, often.thresholds]


def test_alarms_per_day_come_with_the_exact_poisson_interval() -> None:
    # No event in an hour: at most -ln(0.025) = 3.689 an hour, 88.5 a day.
    assert alarms.per_day(Rate(count=0, hours=1.0)) == "0 alarms in 60.0 min: 0.0 a day (95 % 0.0 to 88.5)"


def test_few_recordings_are_cut_in_three_and_many_are_divided_one_by_one() -> None:
    few = divided([recording(0, seconds=1.0)])
    assert [len(few[use][0].samples) for use in ("learn", "calibrate", "report")] == [4800, 1600, 1600]
    many = divided([recording(seed, seconds=0.1) for seed in range(10)])
    assert {use: len(those) for use, those in many.items()} == {"learn": 6, "calibrate": 2, "report": 2}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"moment_s": 60.0}, "expected at least 20 moments of 60 s"),
        ({"moment_s": 0.0}, "--moment: 0 s; expected 0.26 to 65 s"),
        ({"moment_s": 0.5, "quiet_s": 1e6}, "--quiet: 1e[+]06 s; expected 0 to 2097 s"),
        ({"alarms_per_day": (0.0,)}, "--alarms-per-day: 0; expected more than 0"),
    ],
)
def test_impossible_wishes_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        learn_signals([recording(seed, seconds=4.0) for seed in range(12)], MachineSettings(**settings))


def test_a_dead_channel_is_no_normal_sound() -> None:
    alive = recording(1, axes=2)
    samples = alive.samples.copy()
    samples[:, 1] = 7
    dead = Signal(name="dead.wav", samples=samples, sample_rate_hz=RATE_HZ)
    with pytest.raises(AudioError, match=r"dead\.wav: channel 2 never changes"):
        learn_signals([alive, dead], SETTINGS)


def test_areas_are_those_of_the_definition() -> None:
    normal, unusual = [0.1, 0.2, 0.3, 0.4], [0.25, 0.4, 0.9]
    # Pairs won: 2, 3 and a half, 4 of 4 each.
    assert auc(normal, unusual) == pytest.approx((2 + 3.5 + 4) / 12)
    # p = 0.5: against the two highest normal ones, 0, 1 and a half, 2 of 2 each.
    assert partial_auc(normal, unusual, 0.5) == pytest.approx((0 + 1.5 + 2) / 6)
    assert standardised(0.05) == pytest.approx(0.5)  # chance: the area under the diagonal up to p is p^2 / 2
    assert standardised(1.0) == pytest.approx(1.0)
    with pytest.raises(EvaluationError, match="expected at least 10"):
        partial_auc(normal, unusual)


def test_shrinkage_leaves_many_rows_alone_and_makes_few_usable() -> None:
    rng = np.random.default_rng(1)
    mixing = rng.standard_normal((5, 5))
    many = rng.standard_normal((20000, 5)) @ mixing
    assert np.allclose(shrunk_covariance(many), np.cov(many.T), rtol=0.02, atol=0.02)
    few = np.linalg.eigvalsh(shrunk_covariance(many[:3]))
    assert few.min() > 0.05 * few.max()
    white = whiten(many, 0.0)(many)
    assert np.allclose(np.cov(white.T), np.eye(5), atol=0.05)


def test_an_affine_map_of_factors_is_one_of_a_diagonal_matrix() -> None:
    rows, factors, centre = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0]), np.ones(3)
    assert np.array_equal(
        Affine(weights=factors, centre=centre)(rows), Affine(weights=np.diag(factors), centre=centre)(rows)
    )


def write(folder: Path, name: str, signal: Signal) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal.samples, signal.sample_rate_hz, subtype="PCM_16")
    return path


def test_channels_are_read_as_they_are_at_the_rate_of_a_sensor(tmp_path: Path) -> None:
    signal = recording(1, seconds=1.0, rate_hz=100, axes=3)
    samples, rate_hz = read_channels(write(tmp_path, "a.wav", signal))
    assert rate_hz == 100
    assert np.array_equal(samples, signal.samples)
    with pytest.raises(AudioError, match="expected a sample rate of 50 to"):
        read_channels(write(tmp_path, "b.wav", recording(1, seconds=9.0, rate_hz=40)))


def test_recordings_of_another_sensor_and_other_bundles_are_refused(tmp_path: Path, streaming_bundle: Bundle) -> None:
    write(tmp_path, "n/a.wav", recording(1))
    stereo = write(tmp_path, "s/b.wav", recording(2, axes=2))
    with pytest.raises(AudioError, match=r"expected 1 channels at 8000 Hz, as .*a.wav has, and got 2 at 8000 Hz"):
        learn([tmp_path / "n", tmp_path / "s"])
    bundle = tmp_path / "fan.kws"
    fan().bundle.save(bundle)
    with pytest.raises(AudioError, match=r"expected 1 channels at 8000 Hz, as .*fan.kws has"):
        score(bundle, [stereo])
    with pytest.raises(EvaluationError, match=r"0[.]1 s is less than a moment"):
        score(bundle, [write(tmp_path, "c.wav", recording(3, seconds=0.1))])
    streaming_bundle.save(tmp_path / "words.kws")
    with pytest.raises(BundleError, match="expected a bundle that `kws machine learn` made"):
        score(tmp_path / "words.kws", [tmp_path / "n"])


def test_alarms_of_a_machine_are_not_chosen_on_music_and_speech(tmp_path: Path) -> None:
    fan().bundle.save(tmp_path / "fan.kws")
    done = CliRunner().invoke(build_app(), ["calibrate", str(tmp_path / "fan.kws"), str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
    assert "kws machine learn --alarms-per-day" in str(done.exception)
    assert not (tmp_path / "fan_calibrated.kws").exists()


def test_the_command_learns_scores_and_writes_areas(tmp_path: Path) -> None:
    for seed in range(10):
        write(tmp_path, f"normal/{seed}.wav", recording(seed))
        write(tmp_path, f"test/{seed}.wav", recording(seed + 100))
    for seed in range(3):
        write(tmp_path, f"broken/{seed}.wav", recording(seed, "slow"))
    run = CliRunner(env={"COLUMNS": "200"}).invoke
    out, scores = tmp_path / "fan.kws", tmp_path / "scores.json"
    done = run(build_app(), ["machine", "learn", str(tmp_path / "normal"), "--out", str(out), "--moment", "0.5"])
    assert done.exit_code == 0, done.output
    assert "0.4 min to learn, 0.1 min to calibrate, 0.1 min to report" in done.output
    paths = [str(out), str(tmp_path / "test"), "--unusual", str(tmp_path / "broken"), "--json", str(scores)]
    done = run(build_app(), ["machine", "score", *paths])
    assert done.exit_code == 0, done.output
    found = json.loads(scores.read_text())
    assert found["auc"] == found["partial_auc"] == 1.0
    assert [row["kind"] for row in found["recordings"]] == ["normal"] * 10 + ["unusual"] * 3
