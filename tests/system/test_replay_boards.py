# SPDX-License-Identifier: Apache-2.0
"""kws replay from end to end: boards on a serial line, files written, exit codes, the pytest plug-in."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from random_bundles import speech_like

from kws.audio import write_wav
from kws.bundle import Bundle


@pytest.fixture
def folder(tmp_path: Path, streaming_bundle: Bundle) -> Path:
    streaming_bundle.save(tmp_path / "random.kws")
    for word in ("left", "cat"):
        (tmp_path / "clips" / word).mkdir(parents=True)
        write_wav(tmp_path / "clips" / word / "0.wav", speech_like(1.0, seed=len(word)))
    return tmp_path


def kws(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kws", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize("board", ["native", "netduinoplus2"])
def test_a_board_hears_recordings_as_the_host_does_without_loss(folder: Path, board: str) -> None:
    stereo = np.stack([speech_like(1.0, seed=7)] * 2, axis=1)
    soundfile.write(folder / "clips" / "left" / "stereo.wav", stereo, 44100, subtype="PCM_16")
    done = kws(
        folder, "replay", "random.kws", "clips", "--board", board, "--verify",
        "--json", "new/out.json", "--report", "new/deep/out.html", "--junit", "out.xml",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    content = json.loads((folder / "new" / "out.json").read_text())
    assert content["summary"]["equal_to_host"]["value"] == 1.0
    assert content["summary"]["dropped_samples"] == 0
    assert content["board"]["name"] == board
    assert [entry["num_samples"] for entry in content["recordings"]] == [16000, 16000, round(16000 * 16000 / 44100)]
    assert '"name":"left/' in (folder / "new" / "deep" / "out.html").read_text()
    assert "<testsuite" in (folder / "out.xml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("replay", "random.kws", "nowhere"), "no such file"),
        (("replay", "missing.kws", "clips"), "missing.kws"),
        (("replay", "random.kws"), "kws replay random.kws CLIPS"),
        (("replay", "clips", "random.kws"), "the bundle comes first: kws replay random.kws clips"),
        (("evaluate", "clips", "random.kws"), "the bundle comes first: kws evaluate random.kws clips"),
        (("replay", "random.kws", "clips", "--board", "/dev/nowhere"), "/dev/nowhere"),
        (("replay", "random.kws", "clips", "--board", "/dev/nowhere", "--json", "random.kws/x"), "--json random.kws/x"),
        (("replay", "s.toml", "clips"), "run it with kws suite run s.toml"),
        (("evaluate", "random.kws", "nowhere", "--report", "random.kws/x"), "--report random.kws/x: cannot be written"),
        (("evaluate", "random.kws", "clips", "--split", "dev"), "--split"),
        (("calibrate", "random.kws", "-o", "out.kws"), "name folders"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_exits_with_2(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = kws(folder, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_the_pytest_plug_in_replays_in_other_peoples_tests(folder: Path) -> None:
    (folder / "test_words.py").write_text(
        "def test_words(kws_replay):\n"
        "    result = kws_replay('clips', bundle='random.kws', verify=True)\n"
        "    assert result.identity.board == 'host'\n"
        "    assert result.equality.value == 1.0\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_words.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout
