# SPDX-License-Identifier: Apache-2.0
"""A wake word, then commands: restated from two pipelines that hear parts of one stream, each from its beginning."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from random_bundles import random_bundle, speech_like
from typer.testing import CliRunner

import kws
from kws.audio import read_audio, write_wav
from kws.bundle import Bundle
from kws.cascade import Cascade
from kws.cascade_spotter import CascadeSpotter
from kws.cli import build_app
from kws.errors import ConfigError, KwsError
from kws.pipeline import Pipeline

ROOT = Path(__file__).parents[2]


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
    for window_s in (0.0, -1.0, float("nan"), float("inf"), 86_400.0):
        with pytest.raises(ConfigError, match="more than 0"):
            Cascade(streaming_bundle, commands, window_s=window_s)
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
    expected = CascadeSpotter(streaming_bundle, commands, window_s=1.0).listen(samples)
    lines = [f"{event.time_s:8.2f} s  {event.label}  {event.posterior:.2f}" for event in expected]
    kinds = ["command" if event.is_command else "wake word" for event in expected]
    assert {"command", "wake word"} == set(kinds)
    assert done.output.splitlines()[1:] == [f"{line}  {kind}" for line, kind in zip(lines, kinds, strict=True)]


def test_a_recording_has_the_silence_around_it_that_a_spotter_of_the_wake_word_hears(
    streaming_bundle: Bundle, commands: Bundle
) -> None:
    samples = speech_like(3.0, seed=5)
    spotter = CascadeSpotter(streaming_bundle, commands, window_s=1.0)
    plain = kws.load(streaming_bundle)
    lead, tail = (np.zeros(size, np.int16) for size in (plain.listening.lead_samples, plain.listening.tail_samples))
    expected = Cascade(streaming_bundle, commands, window_s=1.0).feed(np.concatenate([lead, samples, tail]))
    found = spotter.listen(samples)
    assert [(event.label, event.sample_index + lead.size, event.score) for event in found] == [
        (event.label, event.sample_index, event.score) for event in expected
    ]
    first = plain.listen(samples)[0]
    assert (found[0].label, found[0].sample_index, found[0].score) == (first.label, first.sample_index, first.score)
    blocks = [event for at in range(0, samples.size, 777) for event in spotter.feed(samples[at : at + 777])]
    assert blocks == [event for event in found if event.sample_index <= samples.size]


def test_a_word_at_the_end_of_a_recording_is_heard() -> None:
    words = Bundle.load(ROOT / "models/speech_commands_12.kws")
    samples = read_audio(ROOT / "examples/stream.flac")[:24000]
    (expected,) = kws.load(words).listen(samples)
    assert expected.sample_index > samples.size
    (found,) = CascadeSpotter(words, words).listen(samples)
    assert (found.label, found.sample_index, found.score) == ("stop", expected.sample_index, expected.score)


def test_listen_names_the_words_that_can_fire(
    streaming_bundle: Bundle, commands: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streaming_bundle.save(tmp_path / "wake.kws")
    commands.save(tmp_path / "commands.kws")
    write_wav(tmp_path / "silent.wav", np.zeros(8000, np.int16))
    monkeypatch.setattr("kws.microphone.Microphone", lambda *_: SimpleNamespace(overflows=0, blocks=lambda: iter([])))
    app, pair = build_app({"listen": "kws.cli.listen"}), [str(tmp_path / "wake.kws"), "--commands"]
    pair += [str(tmp_path / "commands.kws"), "--operating-point", "1"]
    words = ", ".join(kws.load(streaming_bundle, operating_point=1).keywords)
    more = ", ".join(kws.load(commands).keywords)
    assert words != ", ".join(streaming_bundle.labels)
    assert CliRunner().invoke(app, ["listen", *pair]).output == f"listening for {words}, then {more}, until Ctrl-C\n"
    done = CliRunner().invoke(app, ["listen", *pair, str(tmp_path / "silent.wav")])
    assert done.output.endswith(f"silent.wav, 0.5 s; none of {words}\n")
