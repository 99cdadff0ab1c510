# SPDX-License-Identifier: Apache-2.0
"""What `kws machine` learns runs on boards like any bundle, and says there what it says here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import to_int16
from kws.datasets.machines import MACHINES, machine_sound
from kws.machine.learn import MachineSettings, learn_signals
from kws.machine.score import score
from kws.machine.signals import Signal

RATE_HZ = 1600


def recording(seed: int, fault: str | None, seconds: float, axes: int) -> Signal:
    sounds = [
        machine_sound(MACHINES["fan"], np.random.default_rng([seed, axis]), seconds=seconds, sample_rate_hz=RATE_HZ,
                      fault=fault)
        for axis in range(axes)
    ]  # fmt: skip
    return Signal(name=str(seed), samples=to_int16(np.stack(sounds, axis=1)), sample_rate_hz=RATE_HZ)


@pytest.mark.parametrize(("board", "axes"), [("native", 3), ("netduinoplus2", 2)])
def test_scores_and_alarms_of_a_board_are_those_of_this_computer(tmp_path: Path, board: str, axes: int) -> None:
    settings = MachineSettings(moment_s=1.0, quiet_s=2.0)
    learnt = learn_signals([recording(seed, None, 10.0, axes) for seed in range(10)], settings)
    learnt.bundle.save(tmp_path / "fan.kws")
    signal = recording(50, "slow", 6.0, axes)
    soundfile.write(tmp_path / "slow.wav", signal.samples, RATE_HZ, subtype="PCM_16")
    (found,) = score(tmp_path / "fan.kws", [tmp_path / "slow.wav"], board=board)
    assert found.alarms_s
    assert found == score(tmp_path / "fan.kws", [tmp_path / "slow.wav"])[0]
