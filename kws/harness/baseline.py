# SPDX-License-Identifier: Apache-2.0
"""This replay against one recorded before: which recordings changed, which figures moved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.errors import EvaluationError
from kws.files import StrPath
from kws.harness.result import FORMAT, ReplayResult


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference from the baseline."""

    what: str
    before: str
    now: str
    worse: bool


def read_baseline(path: StrPath) -> dict[str, Any]:
    """Read a replay's JSON.

    Raises
    ------
    EvaluationError
        If the file is missing or is not a replay's JSON.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"{path}: cannot be read as a baseline ({error}); write one with kws replay ... --json {path}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise EvaluationError(
            f"{path}: expected a replay of format {FORMAT} and got something else; write a new baseline with "
            f"kws replay ... --json {path}"
        )
    return content


def compare(result: ReplayResult, baseline: Mapping[str, Any]) -> list[Change]:
    """List what differs from a baseline, recordings first.

    Everything is deterministic, so any recording that got worse is a regression; no tolerance is applied.
    """
    now = result.to_json()
    before = {entry["name"]: entry for entry in baseline["recordings"]}
    changes = [
        change
        for entry in now["recordings"]
        if entry["name"] in before
        for change in _recording_changes(before[entry["name"]], entry)
    ]
    missing = sorted(set(before) - {entry["name"] for entry in now["recordings"]})
    changes += [Change(what=name, before="replayed", now="missing", worse=True) for name in missing]
    return changes + _summary_changes(baseline["summary"], now["summary"])


def _recording_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    changes = []
    if before["predicted"] != now["predicted"]:
        worse = before["predicted"] == now["expected"]
        changes.append(
            Change(what=now["name"], before=str(before["predicted"]), now=str(now["predicted"]), worse=worse)
        )
    for figure in ("misses", "false_accepts"):
        if before[figure] != now[figure]:
            worse = (now[figure] or 0) > (before[figure] or 0)
            name = f"{now['name']} {figure.replace('_', ' ')}"
            changes.append(Change(what=name, before=str(before[figure]), now=str(now[figure]), worse=worse))
    return changes


def _summary_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    changes = []
    for figure, better in (("accuracy", 1), ("false_reject_rate", -1), ("false_accepts_per_hour", -1)):
        old, new = before.get(figure), now.get(figure)
        if old is not None and new is not None and old["value"] != new["value"]:
            worse = (new["value"] - old["value"]) * better < 0
            changes.append(
                Change(
                    what=figure.replace("_", " "), before=f"{old['value']:.4g}", now=f"{new['value']:.4g}", worse=worse
                )
            )
    return changes
