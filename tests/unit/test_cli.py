# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from kws.audio import write_wav
from kws.bundle import Bundle
from kws.cli import VERBS, build_app, main
from kws.core import lib
from kws.datasets.synthetic import Pronunciation
from kws.training.wakeword.config import WordConfig
from kws.training.wakeword.show import show_pronunciation


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    done = CliRunner().invoke(build_app({}), ["--version"])
    assert done.exit_code == 0
    assert done.output == f"kws {project['project']['version']}\n"


def test_help_names_every_verb() -> None:
    done = CliRunner().invoke(build_app(), ["--help"])
    assert done.exit_code == 0
    for verb in VERBS:
        assert f" {verb} " in done.output


def test_a_refusal_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["inspect", str(tmp_path / "missing.kws")])
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("kws: ")
    assert "missing.kws" in lines[0]


def test_a_features_file_may_say_none(tmp_path: Path) -> None:
    from kws.importer.bundle import features_from_option

    path = tmp_path / "features.toml"
    path.write_text('num_coefficients = "none"\nnum_mel_bands = 32\n', encoding="utf-8")
    config = features_from_option(str(path))
    assert config.num_coefficients is None
    assert config.num_features == 32


ROOT = Path(__file__).parents[2]
BUNDLE, STREAM = ROOT / "models/speech_commands_12.kws", ROOT / "examples/stream.flac"


def fails_with(error: BaseException) -> dict[str, str]:
    """A verb with a defect."""
    module = ModuleType("kws_defective")

    def defective(path: str) -> None:
        """Fail."""
        raise error

    module.defective = defective  # type: ignore[attr-defined]
    sys.modules["kws_defective"] = module
    return {"defective": "kws_defective"}


def test_a_defect_of_ours_has_its_own_code_and_asks_for_a_report(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KWS_TRACEBACK", raising=False)
    monkeypatch.setattr("kws.cli.VERBS", fails_with(ZeroDivisionError("division by zero")))
    with pytest.raises(SystemExit) as stopped:
        main(["defective", "my file.wav"])
    assert stopped.value.code == 70
    said = capsys.readouterr().err
    assert "a defect of kws, not of what you gave it: ZeroDivisionError: division by zero" in said
    assert "kws defective 'my file.wav'" in said
    assert "Python 3." in said
    assert "Traceback" not in said


def test_whoever_interrupts_is_told_so_and_by_the_code_of_shells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws.cli.VERBS", fails_with(KeyboardInterrupt()))
    with pytest.raises(SystemExit) as stopped:
        main(["defective", "my file.wav"])
    assert stopped.value.code == 130
    assert capsys.readouterr().err.strip() == "kws: interrupted"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a file that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("verb", [["--version"], ["listen", str(BUNDLE), str(STREAM)]])
def test_a_full_disk_behind_stdout_is_no_defect_of_ours(verb: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kws", *verb], stdout=full, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert done.stderr == (
        "kws: output cannot be written (No space left on device); make room, or write it elsewhere\n"
    )
    assert done.returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("verb", ["listen", "replay"])
def test_letters_that_stdout_lacks_are_question_marks(tmp_path: Path, verb: str, encoding: str) -> None:
    (tmp_path / "日本").mkdir()
    shutil.copy(STREAM, tmp_path / "日本" / "a.flac")
    done = subprocess.run(
        [sys.executable, "-m", "kws", verb, str(BUNDLE), "日本"], cwd=tmp_path, capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"??" in done.stdout


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "command",
    [
        "listen b.kws --window",
        "listen b.kws --near",
        "evaluate b.kws clips --snr-db",
        "record nova --seconds",
        "calibrate b.kws --fa-per-hour",
        "machine learn normal --moment",
        "machine learn normal --quiet",
        "monitor native --seconds",
        "update x.kws --board native --timeout",
    ],
)
def test_numbers_are_finite(command: str, value: str) -> None:
    *words, option = command.split()
    done = CliRunner().invoke(build_app(), [*words, f"{option}={value}"])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.stderr


def test_a_core_that_was_not_built_again_after_a_pull_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AttributeError) as missing:
        _ = lib.KWS_OF_TOMORROW
    monkeypatch.setattr("kws.cli.VERBS", fails_with(missing.value))
    with pytest.raises(SystemExit) as stopped:
        main(["defective", "x"])
    assert stopped.value.code == 2
    assert "run 'make core'" in capsys.readouterr().err


@pytest.mark.parametrize("asked", ["option", "variable"])
def test_a_traceback_is_shown_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setattr("kws.cli.VERBS", fails_with(ZeroDivisionError("division by zero")))
    monkeypatch.setenv("KWS_TRACEBACK", "1" if asked == "variable" else "0")
    with pytest.raises(ZeroDivisionError):
        main(["defective", "x", "--traceback"] if asked == "option" else ["defective", "x"])


def test_what_the_user_should_know_is_one_line_each_and_told_once(tmp_path: Path) -> None:
    for word in ("yes", "NO"):
        (tmp_path / word).mkdir()
        write_wav(tmp_path / word / "a.wav", np.full(16000, 5, np.int16))
        (tmp_path / word / "._a.wav").write_bytes(b"x")
    command = [sys.executable, "-m", "kws", "evaluate", str(BUNDLE), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    notes = [line for line in done.stderr.splitlines() if line.startswith("kws: note: ")]
    assert len(notes) == 2
    assert "skipped 2 hidden files" in notes[0]
    assert notes[1] == "kws: note: folders: took 'NO' for 'no'"


@pytest.mark.parametrize("rate", ["0", "-1"])
def test_a_rate_that_no_audio_can_show_is_refused_before_any_is_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: str
) -> None:
    (tmp_path / "no_audio.wav").write_text("never read")
    with pytest.raises(SystemExit) as stopped:
        main(["calibrate", str(BUNDLE), str(tmp_path), f"--fa-per-hour={rate}"])
    assert stopped.value.code == 2
    assert "expected more than 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("report", "problem"),
    [
        ("room", "room/a.wav is one of them"),
        ("room/a.wav", "is one of them"),
        ("copied", "copied/b.wav is the same as"),
    ],
)
def test_calibrating_measures_on_nothing_that_it_chose_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], report: str, problem: str
) -> None:
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    for name, seed in (("room/a", 1), ("room/c", 2), ("copied/b", 1), ("copied/a", 3), ("other/a", 3)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        samples = np.random.default_rng(seed).integers(-300, 300, 32000).astype(np.int16)
        write_wav(tmp_path / f"{name}.wav", samples)
    command = ["calibrate", str(BUNDLE), str(tmp_path / "room"), f"--out={tmp_path / 'out.kws'}"]
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--report", str(tmp_path / report)])
    assert stopped.value.code == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "--report: expected other recordings than those that thresholds are chosen on" in told
    assert problem in told
    with pytest.raises(SystemExit) as done:
        main([*command, "--report", str(tmp_path / "other")])
    assert done.value.code == 0


@pytest.mark.parametrize("options", [(), ("--no-pause",)])
def test_calibrating_keeps_the_pause_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    quiet, out = tmp_path / "quiet", tmp_path / "out.kws"
    quiet.mkdir()
    write_wav(quiet / "a.wav", np.random.default_rng(1).integers(-300, 300, 32000).astype(np.int16))
    with pytest.raises(SystemExit) as stopped:
        main(["calibrate", str(BUNDLE), str(quiet), f"--out={out}", "--fa-per-hour=0.5", *options])
    assert stopped.value.code == 0
    assert Bundle.load(BUNDLE).decision.pause is not None
    assert (Bundle.load(out).decision.pause is None) == bool(options)


def test_measuring_leaves_what_a_bundle_decides_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "room").mkdir()
    write_wav(tmp_path / "room/a.wav", np.random.default_rng(1).integers(-300, 300, 32000).astype(np.int16))
    out = tmp_path / "out.kws"
    command = ["calibrate", str(BUNDLE), "--measure", f"--out={out}"]
    for options, problem in (((), "expected --report recordings"), (("--fa-per-hour=1",), "leaves thresholds")):
        with pytest.raises(SystemExit) as refused:
            main([*command, *options])
        assert refused.value.code == 2
        assert problem in " ".join(capsys.readouterr().err.split())
    with pytest.raises(SystemExit) as done:
        main([*command, "--report", str(tmp_path / "room")])
    assert done.value.code == 0
    before, after = Bundle.load(BUNDLE).decision, Bundle.load(out).decision
    unmeasured = [replace(point, false_accepts_per_hour=None) for point in after.operating_points]
    assert [replace(point, false_accepts_per_hour=None) for point in before.operating_points] == unmeasured
    assert (after.pause, after.default_operating_point) == (before.pause, before.default_operating_point)
    assert all(point.false_accepts_per_hour == 0.0 for point in after.operating_points)


def test_the_help_of_wakeword_shows_the_brackets_of_phonemes() -> None:
    done = CliRunner().invoke(
        build_app({"wakeword": VERBS["wakeword"]}), ["wakeword", "--help"], env={"COLUMNS": "200"}
    )
    assert "Another spelling or [[phonemes]] of the phrase" in done.output


def test_the_pronunciation_shown_can_be_pasted_into_a_shell() -> None:
    class Engine:
        def pronounce(self, text: str) -> Pronunciation:
            return Pronunciation(text=text, phonemes="h'eI n'oUv@", ipa="hˈeɪ nˈoʊvə")

    console = Console(width=30, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show_pronunciation([WordConfig(label="hey nova")], Engine(), console)  # type: ignore[arg-type]
    words = shlex.split(console.export_text())
    assert words[words.index("--say") + 1] == "[[h'eI n'oUv@]]"
