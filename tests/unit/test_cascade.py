# SPDX-License-Identifier: Apache-2.0
"""A wake word, then commands: restated from two pipelines that hear parts of one stream, each from its beginning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_bundles import random_bundle, speech_like
from typer.testing import CliRunner

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.cascade import Cascade
from kws.cli import build_app
from kws.errors import ConfigError, KwsError
from kws.pipeline import Pipeline


@pytest.fixture(scope="module")
def commands() -> Bundle:
    return random_bundle(seed=1)


def restated(wake: Bundle, commands: Bundle, samples: np.ndarray, window: int) -> list[tuple[str, int, int, int]]:
    """(bundle, label, sample, score) of every event, sample by sample of who may hear what."""
    events, at = [], 0
    while at < samples.size:
        found = Pipeline(wake).feed(samples[at:])
        if not found:
            break
        first = found[0]
        events.append(("wake", first.label_index, at + first.sample_index, first.score))
        begin, at = at + first.sample_index, at + first.sample_index + window
        events += [
            ("command", event.label_index, begin + event.sample_index, event.score)
            for event in Pipeline(commands).feed(samples[begin:at])
        ]
    return events


@pytest.mark.parametrize("window", [16, 1616, 12000, 30000])
def test_each_hears_its_part_of_the_stream_from_its_beginning(
    streaming_bundle: Bundle, commands: Bundle, window: int
) -> None:
    samples = speech_like(6.0, seed=5)
    cascade = Cascade(streaming_bundle, commands, window_s=window / 16000)
    expected = restated(streaming_bundle, commands, samples, window)
    labels = {"wake": streaming_bundle.labels, "command": commands.labels}
    found = cascade.feed(samples)
    assert [(event.label, event.label_index, event.sample_index, event.score) for event in found] == [
        (labels[who][label], label, sample, score) for who, label, sample, score in expected
    ]
    assert len([who for who, *_ in expected if who == "wake"]) >= 2
    assert window < 30000 or [who for who, *_ in expected if who == "command"]


@pytest.mark.parametrize("chunk", [1, 77, 160, 5000])
def test_chunks_do_not_matter(streaming_bundle: Bundle, commands: Bundle, chunk: int) -> None:
    samples = speech_like(3.0, seed=5)
    whole = Cascade(streaming_bundle, commands, window_s=0.5)
    pieces = Cascade(streaming_bundle, commands, window_s=0.5)
    found = [event for at in range(0, samples.size, chunk) for event in pieces.feed(samples[at : at + chunk])]
    assert found == whole.feed(samples)
    assert found
    pieces.reset()
    assert pieces.feed(samples) == found


def test_one_arena_serves_both_and_its_state_is_told(streaming_bundle: Bundle, commands: Bundle) -> None:
    cascade = Cascade(streaming_bundle, commands, window_s=1.0)
    assert cascade.arena_bytes == max(Pipeline(bundle).arena_bytes for bundle in (streaming_bundle, commands))
    samples = speech_like(3.0, seed=5)
    first = cascade.feed(samples)[0].sample_index
    cascade.reset()
    assert not cascade.listens_for_commands
    cascade.feed(samples[:first])
    assert cascade.listens_for_commands
    cascade.feed(np.zeros(15999, np.int16))
    assert cascade.listens_for_commands
    cascade.feed(np.zeros(1, np.int16))
    assert not cascade.listens_for_commands


def test_lost_sound_counts_in_indices_and_in_the_window(streaming_bundle: Bundle, commands: Bundle) -> None:
    samples = speech_like(3.0, seed=5)
    cascade = Cascade(streaming_bundle, commands, window_s=1.0)
    first = cascade.feed(samples)[0].sample_index
    cascade.reset()
    cascade.feed(samples[:first])
    cascade.skip(20000)
    assert not cascade.listens_for_commands
    again = cascade.feed(samples)
    assert again[0].sample_index == first + 20000 + first


def test_what_cannot_be_is_refused(streaming_bundle: Bundle, commands: Bundle) -> None:
    with pytest.raises(ConfigError, match="more than 0"):
        Cascade(streaming_bundle, commands, window_s=0.0)
    with pytest.raises(KwsError, match="operating point 99"):
        Cascade(streaming_bundle, commands, operating_point=99)


def test_listen_prints_the_wake_word_and_the_commands_behind_it(
    streaming_bundle: Bundle, commands: Bundle, tmp_path: Path
) -> None:
    streaming_bundle.save(tmp_path / "wake.kws")
    commands.save(tmp_path / "commands.kws")
    samples = speech_like(3.0, seed=5)
    write_wav(tmp_path / "sound.wav", samples)
    app = build_app({"listen": "kws.cli.listen"})
    arguments = ["listen", str(tmp_path / "wake.kws"), str(tmp_path / "sound.wav")]
    arguments += ["--commands", str(tmp_path / "commands.kws"), "--window", "1.0"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    expected = Cascade(streaming_bundle, commands, window_s=1.0).feed(samples)
    told = [line.split()[2] for line in done.output.splitlines()[1:]]
    assert told[: len(expected)] == [event.label for event in expected]
