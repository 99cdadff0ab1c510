# SPDX-License-Identifier: Apache-2.0
"""``kws board``: which boards there are, and what one says about itself."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from random_bundles import random_bundle

from kws import places
from kws.audio import write_wav
from kws.bundle import Bundle
from kws.core import lib
from kws.device import Board
from kws.device.about import ask_about, shipped_name
from kws.device.boards import DEFAULT_BAUD, open_link, open_port
from kws.device.build import board_names
from kws.device.chips import start_chip
from kws.device.link import Link
from kws.device.update import UpdateSteps
from kws.flash import found
from kws.version import VERSION

OLD, NEW = random_bundle(seed=1), random_bundle(seed=3)


def board(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kws", "board", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_board_tells_its_bundle_memory_slots_and_start(tmp_path: Path) -> None:
    OLD.save(tmp_path / "old.kws")
    done = board("info", "native", "--bundle", tmp_path / "old.kws")
    assert done.returncode == 0, done.stderr
    told = dict(line.split(None, 1) for line in done.stdout.splitlines() if not line.startswith(("started", "last")))
    assert told["board"] == "native, 1000 MHz"
    assert told["bundle"] == f"CRC {OLD.crc32:08x}, {len(OLD.labels)} labels"
    assert told["firmware"] == f"{VERSION}, protocol {lib.KWS_PROTOCOL_VERSION}, that of this computer"
    assert told["running"].endswith(" s")
    assert told["RAM"] == f"arena {OLD.arena_bytes:,} of 4,194,304 bytes"
    assert told["updates"] == "two slots, bundles of up to 1,048,512 bytes ('kws update')"
    assert "started by unknown\nlast fault none\n" in done.stdout


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min"), (86400 * 3 + 3600, "3 d 1 h")],
)
def test_how_long_a_board_runs_is_told_as_people_say_it(seconds: int, told: str) -> None:
    with open_link("native") as link:
        about = replace(ask_about(link), uptime_s=seconds)
    assert dict(about.lines())["running"] == told


def test_a_chip_counts_its_seconds_while_it_listens(tmp_path: Path) -> None:
    OLD.save(tmp_path / "old.kws")
    write_wav(tmp_path / "sound.wav", np.zeros(4 * 16000, np.int16))
    child = start_chip("nrf52840dk", tmp_path / "old.kws", sound=tmp_path / "sound.wav")
    with Board(Link(open_port(child.url, DEFAULT_BAUD, 30.0), "nrf52840dk", 30.0), child.stop) as board:
        before_s = board._link.greet().uptime_s
        board.listen(2 * 16000 + 800)
        after_s = board._link.greet().uptime_s
    assert child.report is not None
    assert before_s + 2 <= after_s <= child.report.cycles / child.report.clock_hz


def test_a_bundle_on_trial_and_none_at_all_are_told(tmp_path: Path) -> None:
    OLD.save(tmp_path / "old.kws")
    with open_link("native", bundle=tmp_path / "old.kws") as link:
        link.greet()
        UpdateSteps(link).transfer(bytes(NEW.data), NEW.crc32, lambda done, total: None)
        about = ask_about(link)
        assert about.on_trial
        assert dict(about.lines())["bundle"].startswith(f"CRC {NEW.crc32:08x}, {len(NEW.labels)} labels, on trial: ")
    with open_link("native") as link:
        assert dict(ask_about(link).lines())["bundle"].startswith("none that it can run: ")


def test_where_there_is_no_board_one_sentence_says_what_there_is() -> None:
    done = board("info", "/dev/ttyNowhere")
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("kws: cannot open '/dev/ttyNowhere': there is no such port; boards here: microbit, ")


def test_shipped_bundles_are_known_by_name() -> None:
    for path in places.models().glob("*.kws"):
        assert shipped_name(Bundle.load(path).crc32) == path.stem
    assert shipped_name(OLD.crc32) is None


def test_the_list_names_every_board_and_what_is_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [known.name for known in found.known_boards()] == board_names()
    assert all(known.chip and (known.runs_here or known.flashed_by) for known in found.known_boards())
    ports = [("/dev/ttyUSB0", 0x1234, 0xABCD, "adapter"), ("/dev/ttyACM0", 0x2341, 0x005A, "Nano 33 BLE"),
             ("/dev/ttyS0", None, None, "n/a"), ("/dev/ttyACM1", 0x2886, 0x8045, "kws")]  # fmt: skip
    monkeypatch.setattr(
        found.list_ports,
        "comports",
        lambda: [SimpleNamespace(device=d, vid=v, pid=p, description=t) for d, v, p, t in ports],
    )
    told = [(port.port, port.usb, port.description, port.board) for port in found.found_ports()]
    assert told == [
        ("/dev/ttyACM0", "2341:005A", "Nano 33 BLE", "nano33ble_sense"),
        ("/dev/ttyACM1", "2886:8045", "kws", "xiao_nrf52840_sense"),
        ("/dev/ttyS0", "", "", ""),
        ("/dev/ttyUSB0", "1234:ABCD", "adapter", ""),
    ]
