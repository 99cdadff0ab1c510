# SPDX-License-Identifier: Apache-2.0
"""The battery model, against sums made by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from random_bundles import random_bundle, speech_like
from typer.testing import CliRunner

from kws.cli import build_app
from kws.errors import ConfigError
from kws.gate import GateConfig
from kws.power.duty import Duty, ProductDuty, measure_product, power_uw, product_power
from kws.power.model import ListeningPattern, Workload, estimate
from kws.power.profile import BoardProfile, Figure, load_profile, profile_names
from kws.power.show import save_plot

RESULT = """{"bundle": "some", "figures": {"cycles_per_second": 3000000%s},
"stages": [{"stage": "features", "cycles_per_second": 1000000}, {"stage": "model", "cycles_per_second": 2000000}]}"""


def _figure(value: float) -> Figure:
    return Figure(value=value, source="hand")


BOARD = BoardProfile(
    name="hand",
    processor="none",
    clock_mhz=_figure(10.0),
    supply_v=_figure(2.0),
    core_ua_per_mhz=_figure(100.0),
    audio_ua=_figure(400.0),
    sleep_ua=_figure(5.0),
    microphone_ua=_figure(600.0),
    wake_microphone_ua=_figure(10.0),
    cycle_factor=_figure(1.5),
)
ALWAYS = Workload(name="some", front_end_cycles_per_second=1_000_000, network_cycles_per_second=2_000_000,
                  closed_cycles_per_second=None)  # fmt: skip
GATED = dataclasses.replace(ALWAYS, closed_cycles_per_second=100_000)
CLOSED = ', "gate_closed_cycles_per_second": 100000'
PATTERN = ListeningPattern(sound=0.5, speech=0.1)


def test_always_on_board() -> None:
    row = estimate(ALWAYS, BOARD, PATTERN, wake_on_sound=False)
    assert row.microphone_uw == pytest.approx(2.0 * 1000.0)
    assert row.front_end_uw == pytest.approx(2.0 * 100.0 * 1.5)  # 1 MHz of work
    assert row.network_uw == pytest.approx(2.0 * 200.0 * 1.5)
    assert row.sleep_uw == pytest.approx(2.0 * 5.0)
    assert row.total_uw == pytest.approx(2910.0)
    assert row.busy == pytest.approx(0.45)
    assert row.days(2500.0) == pytest.approx(2500.0 / 2910e-6 / 86_400.0)


def test_gate_lets_front_end_and_network_run_in_speech_alone() -> None:
    row = estimate(GATED, BOARD, PATTERN, wake_on_sound=False)
    assert row.network_uw == pytest.approx(60.0)
    assert row.front_end_uw == pytest.approx(30.0 + 0.9 * 30.0)  # 0.1 MHz of work while closed


def test_wake_on_sound_replaces_the_microphone_path_in_silence() -> None:
    row = estimate(GATED, BOARD, PATTERN, wake_on_sound=True)
    assert row.microphone_uw == pytest.approx(0.5 * 2000.0 + 0.5 * 20.0)
    assert row.front_end_uw == pytest.approx(30.0 + 0.4 * 30.0)
    assert row.network_uw == pytest.approx(60.0)


@pytest.mark.parametrize(("figures", "closed"), [("", None), (CLOSED, 100_000)])
def test_workload_is_read_from_a_result_of_bench(tmp_path: Path, figures: str, closed: int | None) -> None:
    path = tmp_path / "result.json"
    path.write_text(RESULT % figures, encoding="utf-8")
    expected = dataclasses.replace(ALWAYS, closed_cycles_per_second=closed)
    assert Workload.from_json(path) == expected


@pytest.mark.parametrize("text", ["", "[]", '{"bundle": "x"}', '{"bundle": "x", "stages": [], "figures": []}'])
def test_foreign_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="bench --out"):
        Workload.from_json(path)


@pytest.mark.parametrize(("sound", "speech"), [(0.1, 0.2), (1.1, 0.0), (0.5, -0.1)])
def test_impossible_pattern_is_refused(sound: float, speech: float) -> None:
    with pytest.raises(ConfigError, match="speech is a sound"):
        ListeningPattern(sound=sound, speech=speech)


def test_every_figure_of_every_profile_names_its_source() -> None:
    assert profile_names() == ["apollo4", "nrf52840", "stm32f407", "stm32l4r5", "stm32u585"]
    for name in profile_names():
        profile = load_profile(name)
        figures = [value for value in vars(profile).values() if isinstance(value, Figure)]
        assert len(figures) == 8
        assert all(figure.source for figure in figures)


@pytest.mark.parametrize("change", ["clock_mhz = 64", 'supply_volt = { value = 3, source = "x" }'])
def test_profile_without_source_or_with_an_unknown_field_is_refused(tmp_path: Path, change: str) -> None:
    key = change.split(" ")[0]
    source = Path(load_profile.__code__.co_filename).parent / "profiles" / "nrf52840.toml"
    lines = [line for line in source.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{key} ")]
    path = tmp_path / "mine.toml"
    path.write_text("\n".join([*lines, change]), encoding="utf-8")
    with pytest.raises(ConfigError, match="expected"):
        load_profile(str(path))


def test_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="nrf52840"):
        load_profile("esp32")


def test_plot_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    row = estimate(GATED, BOARD, PATTERN, wake_on_sound=True)
    for name in ("missing/days.png", "days.unknown"):
        with pytest.raises(ConfigError, match="--plot"):
            save_plot([row], PATTERN, 2500.0, GATED, tmp_path / name)


def test_command_says_model_not_measurement_and_draws(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    result.write_text(RESULT % CLOSED, encoding="utf-8")
    plot = tmp_path / "days.png"
    arguments = ["power", "--cycles", str(result), "--chip", "nrf52840", "--plot", str(plot)]
    done = CliRunner().invoke(build_app({"power": "kws.cli.power"}), arguments)
    assert done.exit_code == 0, done.output
    assert "model, not measurement" in done.output
    assert plot.read_bytes().startswith(b"\x89PNG")


ASLEEP = Duty(awake=0.0, microphone=0.0, crystal=0.0, receiver=0.0)
LISTENING = Duty(awake=0.1, microphone=1.0, crystal=1.0, receiver=0.0)


def test_power_of_a_measured_duty() -> None:
    core_uw = 2.0 * 0.1 * 10.0 * 100.0 * 1.5
    assert power_uw(LISTENING, BOARD, wakes_on_sound=False) == pytest.approx(2.0 * (5.0 + 1000.0) + core_uw)
    assert power_uw(LISTENING, BOARD, wakes_on_sound=True) == pytest.approx(2.0 * (5.0 + 1000.0) + core_uw)
    assert power_uw(ASLEEP, BOARD, wakes_on_sound=True) == pytest.approx(2.0 * (5.0 + 10.0))


def test_a_product_in_a_listening_pattern_and_the_sound_that_a_budget_allows() -> None:
    product = ProductDuty(
        board="hand", chip="none", wakes_on_sound=True, quiet=ASLEEP, noise=LISTENING, speech=LISTENING
    )
    power = product_power(product, BOARD, PATTERN, budget_uw=100.0)
    assert (power.quiet_uw, power.noise_uw) == pytest.approx((30.0, 2310.0))
    assert power.mixed_uw == pytest.approx(0.5 * 30.0 + 0.5 * 2310.0)
    assert power.longest_sound == pytest.approx(70.0 / 2280.0)
    assert product_power(product, BOARD, PATTERN, budget_uw=29.0).longest_sound is None
    assert product_power(product, BOARD, PATTERN, budget_uw=3000.0).longest_sound == 1.0


@pytest.mark.slow
def test_duty_is_measured_on_the_image_of_the_board(tmp_path: Path) -> None:
    gated = random_bundle(seed=3, causal=True, gate=GateConfig(hangover_frames=0))
    gated.save(tmp_path / "gated.kws")
    product = measure_product("nrf52840dk_wake", tmp_path / "gated.kws", speech_like(2.0, seed=5))
    assert product.wakes_on_sound
    assert product.quiet.microphone == product.quiet.crystal == product.quiet.receiver == 0.0
    assert 0.0 < product.quiet.awake < 1e-3  # the watchdog is fed
    assert product.speech.microphone > 0.9
    assert product.speech.awake > 0.01


@pytest.mark.parametrize("battery", ["nan", "inf", "0", "-1"])
@pytest.mark.parametrize("options", [(), ("--board", "nrf52840dk")])
def test_a_battery_that_cannot_be_is_refused(battery: str, options: tuple[str, ...]) -> None:
    arguments = ["power", f"--battery-j={battery}", *options]
    done = CliRunner().invoke(build_app({"power": "kws.cli.power"}), arguments)
    assert "--battery-j" in f"{done.exception} {done.stderr}"
    assert done.exit_code != 0


def test_measuring_wants_a_bundle_and_speech() -> None:
    done = CliRunner().invoke(build_app({"power": "kws.cli.power"}), ["power", "--board", "nrf52840dk"])
    assert isinstance(done.exception, ConfigError)
    assert "--recording" in str(done.exception)
