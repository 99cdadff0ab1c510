# SPDX-License-Identifier: Apache-2.0
"""Every example runs from a clone, and says what it should."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_commands import commands_in

import kws

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MODEL = "models/speech_commands_12.kws"
FAKE_SOUNDDEVICE = '''
"""A microphone that plays examples/stream.flac at 48 kHz, the only rate it knows, and is then unplugged."""
import numpy as np, soundfile
class PortAudioError(Exception): pass
def check_input_settings(device=None, channels=1, samplerate=None, dtype=None):
    if samplerate != 48000: raise PortAudioError("Invalid sample rate")
class InputStream:
    def __init__(self, **_): self.left = soundfile.read("examples/stream.flac", dtype="int16")[0].repeat(3)
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def read(self, count):
        if len(self.left) < count: raise PortAudioError("unplugged")
        block, self.left = self.left[:count], self.left[count:]
        return block[:, np.newaxis], False
'''


def run(*command: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) | ({"PYTHONPATH": str(path)} if path else {})
    arguments = [sys.executable, *command]
    return subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)


def test_every_example_is_listed_and_tested() -> None:
    listed, tested = (EXAMPLES / "README.md").read_text(encoding="utf-8"), Path(__file__).read_text(encoding="utf-8")
    for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.toml")]:
        assert f"`{path.name}`" in listed, path
        assert f"examples/{path.name}" in tested, path


def test_words_of_a_file_are_printed() -> None:
    done = run("examples/listen_to_file.py")
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["stop", "no"], done.stderr


def test_words_of_a_microphone_are_printed_as_they_come(tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text(FAKE_SOUNDDEVICE, encoding="utf-8")
    done = run("examples/listen_to_microphone.py", MODEL, path=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0] == "say yes, no, up, down, left, right, on, off, stop, go", done.stderr
    assert [line.split()[2] for line in lines[1:]] == ["stop", "no"]
    assert "is it still connected" in done.stderr


def test_arrays_are_heard_in_every_form() -> None:
    done = run("examples/arrays.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("'stop' at") == 3
    assert "Classification('right'" in done.stdout
    assert "missed: []" in done.stdout


def test_recordings_are_tests() -> None:
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/test_words.py")
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_two_bundles_are_compared(tmp_path: Path) -> None:
    bundle = kws.Bundle.load(ROOT / MODEL)
    deaf = tmp_path / "deaf.kws"
    point = bundle.decision.operating_points[0]
    muted = [0 if label == "stop" else limit for label, limit in zip(bundle.labels, point.thresholds, strict=True)]
    bundle.replace(decision=replace_thresholds(bundle, tuple(muted))).save(deaf)
    done = run("examples/compare_bundles.py", MODEL, str(deaf), "examples/clips")
    assert "stop/slt.flac: taken for stop -> stop, events ['stop'] -> []" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "1 of 10 recordings changed"


def test_the_suite_passes(tmp_path: Path) -> None:
    done = run("-m", "kws", "suite", "run", "examples/suite.toml", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def levels(samples: np.ndarray) -> np.ndarray:
    """Of every 10 ms. On another processor a voice's network rounds pitch otherwise, phases drift, levels hardly do."""
    return np.sqrt(np.mean(samples.reshape(-1, 160).astype(np.float64) ** 2, axis=1))


def test_the_recordings_are_remade_by_their_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_clips", ROOT / "examples/make_clips.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    monkeypatch.setattr(maker, "FOLDER", tmp_path)
    maker.main()
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.flac"))
    assert made == sorted(path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*.flac"))
    assert (tmp_path / "stream.csv").read_bytes() == (EXAMPLES / "stream.csv").read_bytes()
    for path in made:
        new, shipped = (levels(kws.read_audio(folder / path)) for folder in (tmp_path, EXAMPLES))
        assert np.abs(new - shipped).max() <= 0.1 * shipped.max(), path


def replace_thresholds(bundle: kws.Bundle, thresholds: tuple[int, ...]) -> object:
    import dataclasses

    decision = bundle.decision
    points = tuple(dataclasses.replace(point, thresholds=thresholds) for point in decision.operating_points)
    return dataclasses.replace(decision, operating_points=points)


def test_the_readmes_python_hears_what_a_replay_hears(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (snippet,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    exec(compile(snippet, "README.md", "exec"), {})
    result = kws.run_replay(kws.ReplayRequest(paths="examples/stream.flac", bundle=MODEL))
    (outcome,) = result.outcomes
    events = [
        f"{event.label} {(event.sample_index - outcome.start_sample) / 16000} {event.score / 255}"
        for event in outcome.heard.events
    ]
    assert len(events) == 2
    assert capsys.readouterr().out.splitlines() == events


RUNNABLE = [
    command
    for command in commands_in((ROOT / "README.md").read_text(encoding="utf-8"))
    if re.match(r"kws (inspect models|replay models|suite run examples|listen .*examples)", command)
    and not re.search(r"netduino|nrf52|DIR", command)
]


@pytest.mark.parametrize("command", RUNNABLE)
def test_commands_of_the_readme_that_need_nothing_but_a_clone_run(command: str) -> None:
    done = run("-m", *shlex.split(command))
    assert done.returncode == 0, done.stdout + done.stderr


def test_enough_commands_of_the_readme_are_run() -> None:
    assert len(RUNNABLE) >= 5


def test_the_readmes_program_at_each_word_is_told_the_word_whatever_shell_it_is_typed_into() -> None:
    (line,) = [
        command for command in commands_in((ROOT / "README.md").read_text(encoding="utf-8")) if "--exec" in command
    ]
    typed = line.replace("models/wake_computer_50.kws", f"{MODEL} examples/stream.flac")
    assert typed != line
    typed = typed.replace("kws", f"{shlex.quote(sys.executable)} -m kws", 1)
    done = subprocess.run(["sh", "-c", typed], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert sorted(text for text in done.stdout.splitlines() if text.startswith("heard")) == ["heard no", "heard stop"]


def test_an_example_that_needs_arguments_says_which() -> None:
    done = run("examples/compare_bundles.py")
    assert done.returncode != 0
    assert done.stderr.endswith("python examples/compare_bundles.py OLD.kws NEW.kws CLIPS...\n")
    assert "Traceback" not in done.stderr
