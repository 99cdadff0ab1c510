# SPDX-License-Identifier: Apache-2.0
"""The demo, small: a phrase becomes a bundle, a board runs it, and nothing differs from the host library."""

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from kws.bundle import Bundle
from kws.errors import ConfigError, SpeechEngineError
from kws.training.demo.data import DemoSize, make_demo_data
from kws.training.demo.run import Demo, demo_config

SMALL = DemoSize(
    voices=24, phrase_clips=100, other_clips=2, near_words=4, near_mutations=3, noise_recordings=4, held_out=(2, 2, 1)
)


def test_a_phrase_becomes_a_bundle_that_a_board_runs_as_the_host_does(tmp_path: Path) -> None:
    config = demo_config("zubrella")
    config = dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, epochs=2))
    screen = io.StringIO()
    Demo(Console(file=screen, width=200), tmp_path / "demo", SMALL).run(config, board="native")
    said = " ".join(screen.getvalue().split())
    assert "5 of 5 equal the host library to the bit" in said
    assert "0 samples lost" in said
    assert str(tmp_path / "demo" / "report.html") in said
    assert "zubrella" in (tmp_path / "demo" / "report.html").read_text()
    assert Bundle.load(tmp_path / "demo" / "demo.kws").labels == ("silence", "unknown", "zubrella")
    assert len(list((tmp_path / "demo" / "held_out" / "zubrella").glob("*.wav"))) == 2


def test_the_proof_is_spoken_by_voices_the_network_never_heard() -> None:
    config = demo_config()
    first, again = (make_demo_data(config, SMALL) for _ in range(2))
    assert first.training.sha256 == again.training.sha256
    assert {label: len(clips) for label, clips in first.held_out.items()} == {
        "hey nova": 2,
        "unknown": 2,
        "silence": 1,
    }
    learnt = {clip.tobytes() for clip in first.training.training.clips()}
    assert not learnt & {clip.tobytes() for clips in first.held_out.values() for clip in clips}


def test_a_folder_that_holds_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="is not empty"):
        Demo(Console(file=io.StringIO()), tmp_path, SMALL).run(demo_config(), board="native")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("word", ["", "  ", "silence"])
def test_what_is_no_phrase_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="--word"):
        demo_config(word)


def test_a_phrase_too_short_to_be_told_apart_is_refused() -> None:
    with pytest.raises(SpeechEngineError, match="phonemes"):
        make_demo_data(demo_config("oh"), SMALL)
