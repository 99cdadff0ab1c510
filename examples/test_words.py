# SPDX-License-Identifier: Apache-2.0
"""Recordings as tests: pytest examples/test_words.py"""

from pathlib import Path

import pytest

import kws

HERE = Path(__file__).parent
BUNDLE = HERE.parent / "models" / "speech_commands_12.kws"


@pytest.fixture(scope="module")
def spotter() -> kws.Spotter:
    return kws.load(BUNDLE)


@pytest.mark.parametrize("word", ["yes", "no", "go", "right"])
def test_the_word_is_heard(spotter: kws.Spotter, word: str) -> None:
    detections = spotter.listen(HERE / "clips" / word / "heart.flac")
    assert [detection.label for detection in detections] == [word]


def test_another_word_is_not_heard(spotter: kws.Spotter) -> None:
    assert spotter.listen(HERE / "clips" / "bed" / "heart.flac") == []


def test_most_clips_get_their_label() -> None:
    result = kws.run_replay(kws.ReplayRequest(paths=HERE / "clips", bundle=BUNDLE))
    assert result.accuracy.value >= 0.9, [outcome for outcome in result.outcomes if not outcome.correct]
