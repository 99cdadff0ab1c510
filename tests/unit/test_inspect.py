# SPDX-License-Identifier: Apache-2.0
"""``kws inspect`` tells what a bundle holds, or what is wrong with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from random_bundles import random_bundle
from rich.console import Console

from kws.bundle import Bundle
from kws.gate import GateConfig
from kws.inspection import describe, print_bundle


def inspect(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kws", "inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_json_holds_sizes_labels_and_layers(tmp_path: Path) -> None:
    bundle = random_bundle(seed=1)
    bundle.save(tmp_path / "a.kws")
    result = inspect(tmp_path / "a.kws", "--json")
    assert result.returncode == 0, result.stderr
    info = json.loads(result.stdout)
    assert info["flash_bytes"] == (tmp_path / "a.kws").stat().st_size
    assert info["arena_bytes"] == bundle.arena_bytes
    assert info["labels"] == ["silence", "unknown", "left", "right"]
    assert info["model"]["macs_per_window"] == sum(layer["macs"] for layer in info["model"]["layers"])
    assert info["model"]["decisions_per_second"] == 25.0
    assert info["decision"]["operating_points"][1]["false_accepts_per_hour"] == 0.5


def test_the_gate_is_told_in_words_and_in_numbers() -> None:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_bundle(
        random_bundle(seed=1, gate=GateConfig(open_margin_db=6.0, hangover_frames=11, preroll_frames=4)), console
    )
    print_bundle(random_bundle(seed=1), console)
    text = console.export_text()
    assert "opens 6.0 dB above the noise, closes 1.2 s after" in text
    assert "pre-roll 80 ms" in text
    assert "none: always on" in text
    assert describe(random_bundle(seed=1, gate=GateConfig()))["gate"]["preroll_frames"] == 3
    assert describe(random_bundle(seed=1))["gate"] is None


@pytest.mark.parametrize("streaming", [True, False])
def test_tables_fit_80_columns_and_name_every_label(streaming: bool) -> None:
    bundle = random_bundle(seed=2, streaming=streaming)
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_bundle(bundle, console)
    text = console.export_text()
    assert ("streaming" if streaming else "window") + " model" in text
    assert "…" not in text.split("provenance")[0]
    for word in [*bundle.labels, "depthwise", "average pool", f"{bundle.arena_bytes:,}", "1: 0.5 false accepts"]:
        assert word in text


def test_the_description_is_plain_data(streaming_bundle: Bundle) -> None:
    assert json.loads(json.dumps(describe(streaming_bundle)))["name"] == "random"


@pytest.mark.parametrize("content", [None, b"", b"not a bundle at all, but long enough to have a header"])
def test_a_file_that_is_no_bundle_ends_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.kws"
    if content is not None:
        path.write_bytes(content)
    result = inspect(path)
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "a.kws" in result.stderr


def test_name_labels_and_sizes_stand_first_and_there_is_one_count_of_macs() -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    bundle = random_bundle(seed=1)
    print_bundle(bundle, console)
    text = console.export_text()
    places = [text.index(word) for word in ("random", "silence, unknown", "flash", "operating points", "layers of one")]
    assert places == sorted(places)
    layers = describe(bundle)["model"]["layers"]
    assert f"{sum(layer['macs_per_decision'] for layer in layers):,}" in text
    assert f"{sum(layer['macs'] for layer in layers):,}" not in text
