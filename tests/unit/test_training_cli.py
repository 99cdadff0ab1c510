# SPDX-License-Identifier: Apache-2.0
"""Verbs of data and training: what they show, and one line with advice when they cannot."""

from pathlib import Path

import numpy as np
import pytest

from kws.audio import write_wav
from kws.cli import main

pytestmark = pytest.mark.slow
CONFIG = Path(__file__).parents[2] / "training" / "configs" / "ds_cnn_s.toml"


def exit_code(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return int(exit_.value.code or 0)


def test_dataset_show_counts_words_by_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("yes/a69b9b3e_nohash_0.wav", "yes/0135f3f2_nohash_0.wav", "no/bb05582b_nohash_3.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_wav(tmp_path / name, np.ones(160, np.int16))
    assert exit_code(["dataset", "show", str(tmp_path)]) == 0
    rows = [line.replace("│", " ").split() for line in capsys.readouterr().out.splitlines()]
    assert ["no", "0", "0", "1"] in rows
    assert ["yes", "1", "1", "0"] in rows


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dataset", "frobnicate", "x"], "expected `download speech_commands`"),
        (["dataset", "show", "/nowhere"], "kws dataset download"),
        (["dataset", "download", "speech_commands", "--out", "x", "--version", "9"], "0.01, 0.02"),
        (["dataset", "show", ".", "--version", "0.01"], "kws dataset show .: --version does nothing here"),
        (["dataset", "show", ".", "--out", "x"], "kws dataset show .: --out does nothing here"),
        (["dataset", "download", "negatives", "--version", "0.02"], "--version does nothing here"),
        (["dataset", "download", "speech_commands", "--source", "musan"], "--source does nothing here"),
        (["train", "--config", "/nowhere.toml", "--data", "/nowhere"], "no such configuration"),
        (["train", "--config", str(CONFIG), "--data", "/nowhere"], "no such folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code(arguments) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert "Traceback" not in said
