"""The command line as a whole."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kws.cli import VERBS, build_app, main


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
