# SPDX-License-Identifier: Apache-2.0
"""Results of suites on disk: the run's, and the one that was accepted, by whom, when and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kws.bundle import Bundle
from kws.errors import EvaluationError
from kws.harness.baseline import read_baseline
from kws.harness.result import ReplayResult
from kws.phrases import first_few
from kws.suite.suite import Suite


@dataclass(frozen=True, kw_only=True)
class Files:
    """What a run writes, all in one folder."""

    folder: Path

    @property
    def log(self) -> Path:
        """Written as the run goes."""
        return self.folder / "log.jsonl"

    @property
    def result(self) -> Path:
        """What was heard: the same bytes for the same run."""
        return self.folder / "result.json"

    @property
    def costs(self) -> Path:
        """Time, cycles and memory, which differ a little between runs on a real board."""
        return self.folder / "costs.json"

    @property
    def junit(self) -> Path:
        """For CI systems."""
        return self.folder / "junit.xml"

    @property
    def summary(self) -> Path:
        """In Markdown."""
        return self.folder / "summary.md"

    @property
    def report(self) -> Path:
        """The page to look at and listen to."""
        return self.folder / "report.html"

    def write(self, result: ReplayResult) -> None:
        """Write result and costs."""
        content = result.to_json()
        costs = content.pop("costs")
        self.result.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        self.costs.write_text(json.dumps(costs, indent=1) + "\n", encoding="utf-8")

    def read(self) -> dict[str, Any]:
        """Read what `write` wrote.

        Raises
        ------
        EvaluationError
            If there is none.
        """
        if not self.result.is_file():
            raise EvaluationError(f"{self.result}: there is no result; run the suite first: kws suite run SUITE.toml")
        return read_baseline(self.result) | {"costs": json.loads(self.costs.read_text(encoding="utf-8"))}


def accept(suite: Suite, files: Files, *, by: str, why: str) -> Path:
    """Make the last result the baseline of a suite.

    Parameters
    ----------
    suite : Suite
    files : Files
        Of the run.
    by, why : str
        Who takes responsibility for it, and the reason; they stand in the baseline, with the time.

    Returns
    -------
    path
        Of the baseline, which belongs beside the suite in version control.

    Raises
    ------
    EvaluationError
        If there is no result, it is not complete, or another bundle's.
    """
    result = files.read()
    if unheard := result.get("unheard"):
        raise EvaluationError(
            f"{files.result}: {first_few(unheard)} could not be heard; mend what is wrong with that, or take it out of "
            f"the suite, and run it again: kws suite run {suite.path} --resume"
        )
    if not result["complete"]:
        raise EvaluationError(
            f"{files.result}: recordings are missing; finish the run first: kws suite run {suite.path} --resume"
        )
    crc32 = f"{Bundle.load(suite.bundle).crc32:08x}"
    if result["bundle"]["crc32"] != crc32:
        raise EvaluationError(
            f"{files.result}: is the result of a bundle with CRC {result['bundle']['crc32']} and {suite.bundle} has "
            f"{crc32}; run the suite again"
        )
    accepted = {"by": by, "at": datetime.now(UTC).isoformat(timespec="seconds"), "why": why}
    try:
        suite.baseline.write_text(json.dumps({"accepted": accepted, **result}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{suite.baseline}: cannot be written ({error.strerror}); check the folder") from error
    return suite.baseline


def baseline_of(suite: Suite) -> Mapping[str, Any] | None:
    """Return what was accepted; None if nothing was yet.

    Raises
    ------
    EvaluationError
        If it cannot be read.
    """
    return read_baseline(suite.baseline) if suite.baseline.exists() else None


def accepted_of(suite: Suite) -> Mapping[str, Any]:
    """Return what was accepted.

    Raises
    ------
    EvaluationError
        If nothing was yet, or it cannot be read.
    """
    if (baseline := baseline_of(suite)) is None:
        raise EvaluationError(
            f"{suite.baseline}: nothing was accepted yet; accept the last result: kws suite accept {suite.path} --why "
            '"..."'
        )
    return baseline
