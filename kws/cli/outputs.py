# SPDX-License-Identifier: Apache-2.0
"""Runs a replay for the command line: progress, tables, and the files that were asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kws.errors import BoardLostError
from kws.files import prepare_output
from kws.harness.baseline import Comparison, compare, read_baseline
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay
from kws.harness.suite import Suite
from kws.harness.verdict import Gate
from kws.progress import one_bar
from kws.report.junit import write_junit
from kws.report.page import replay_page, write_page
from kws.report.terminal import print_replay


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Files to write; None: not wanted."""

    report: Path | None = None
    json: Path | None = None
    junit: Path | None = None
    audio: bool = True
    """Embed recordings in the report."""

    def run(self, suite: Suite) -> bool:
        """Replay, print, write; returns whether everything that was expected holds."""
        for path, option in ((self.json, "--json"), (self.junit, "--junit"), (self.report, "--report")):
            prepare_output(path, option)
        console = Console()
        baseline = None if suite.baseline is None else read_baseline(suite.baseline)
        try:
            result = replay_with_progress(suite.request, console)
        except BoardLostError as lost:
            if isinstance(lost.partial, ReplayResult):  # what was measured is kept, whatever happened then
                print_replay(lost.partial, console)
                self._write(lost.partial, [Gate(name="board", problem=str(lost))], None, baseline, console)
            raise
        comparison = None if baseline is None else compare(result, baseline)
        print_replay(result, console, comparison=comparison)
        gates = suite.gates(result, comparison)
        self._write(result, gates, comparison, baseline, console)
        failed = [gate for gate in gates if gate.problem is not None]
        for gate in failed:
            console.print(f"[bold red]failed[/] {gate.name}: {gate.problem}", highlight=False)
        return not failed

    def _write(
        self,
        result: ReplayResult,
        gates: list[Gate],
        comparison: Comparison | None,
        baseline: dict[str, Any] | None,
        console: Console,
    ) -> None:
        if self.json is not None:
            result.write_json(self.json)
        if self.junit is not None:
            write_junit(self.junit, result, gates, comparison)
        if self.report is not None:
            page = replay_page(result, gates=gates, comparison=comparison, baseline=baseline, audio=self.audio)
            write_page(self.report, page)
        for path in (self.json, self.junit, self.report):
            if path is not None:
                console.print(f"wrote {path}", highlight=False)


def replay_with_progress(request: ReplayRequest, console: Console) -> ReplayResult:
    """Replay under a progress bar that counts recordings and mistakes."""
    with one_bar(console, f"replaying to {request.board}", transient=True) as show:
        return run_replay(request, on_outcome=lambda done, total, _: show(done, total))
