# SPDX-License-Identifier: Apache-2.0
"""A published wake word, imported as it is, on the native board and on the emulated Cortex-M4."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from wakeword_oracle import MODELS, spoken

from kws.audio import write_wav


def kws(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kws", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nabu")
    done = kws(folder, "import", MODELS / "okay_nabu.tflite")
    assert done.returncode == 0, done.stderr
    assert "assumption" not in done.stderr, "the .json beside the model says which front end it is"
    write_wav(folder / "said.wav", spoken(folder, {"okay nahboo": "en-us"}))
    return folder


@pytest.mark.parametrize("board", ["native", "netduinoplus2"])
def test_a_board_hears_the_word_as_the_host_does(folder: Path, board: str) -> None:
    done = kws(folder, "replay", "okay_nabu.kws", "said.wav", "--board", board, "--verify", "--json", f"{board}.json")
    assert done.returncode == 0, done.stderr + done.stdout
    content = json.loads((folder / f"{board}.json").read_text())
    assert content["summary"]["equal_to_host"]["value"] == 1.0
    (recording,) = content["recordings"]
    assert [event["label"] for event in recording["events"]] == ["Okay Nabu"]
