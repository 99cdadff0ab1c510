# SPDX-License-Identifier: Apache-2.0
"""Which bundles are measured by default, and where their results are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from kws import places
from kws.bench.reference import reference_bundle
from kws.bench.result import BenchResult
from kws.bundle import Bundle
from kws.errors import ConfigError, note
from kws.importer.bundle import import_bundle, import_settings

COMMITTED = places.committed_cycles()
DEFAULT_RESULT = COMMITTED / "speech_commands_12-netduinoplus2.json"
"""The shipped model's."""


def bundles_to_measure(paths: Sequence[Path] | None) -> Iterator[Bundle]:
    """Return the given bundles, or by default the reference network, all shipped ones and a published wake word."""
    if paths:
        yield from (Bundle.load(path) for path in paths)
        return
    yield reference_bundle()
    yield from (Bundle.load(path) for path in sorted(places.models().glob("*.kws")))
    if (wake_word := published_wake_word()) is not None:
        yield wake_word


def published_wake_word() -> Bundle | None:
    """Return microWakeWord's "okay nabu" as its package carries it; None, and a note, where that is not installed."""
    package = find_spec("pymicro_wakeword")
    if package is None or package.origin is None:
        note("okay_nabu is not measured: it is in the package pymicro-wakeword, which is not installed")
        return None
    settings = import_settings(Path(package.origin).parent / "models" / "okay_nabu.tflite")
    return import_bundle(settings.model, features=settings.features, labels=settings.labels, decision=settings.decision)


def committed_path(result: BenchResult) -> Path:
    """Return where the result of a bundle on a board is committed.

    Raises
    ------
    ConfigError
        If there is none yet.
    """
    path = COMMITTED / _file_name(result)
    if not path.is_file():
        raise ConfigError(f"{path}: no committed result to compare with; `kws bench --update` writes it")
    return path


def save_result(result: BenchResult, folder: Path) -> None:
    """Write a result into a folder, which is made if need be.

    Raises
    ------
    ConfigError
        If it cannot be written.
    """
    path = folder / _file_name(result)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(result.as_json(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}); expected a folder that may be written"
        ) from error


def _file_name(result: BenchResult) -> str:
    return f"{result.bundle}-{result.board}.json"
