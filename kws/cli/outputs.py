# SPDX-License-Identifier: Apache-2.0
"""Runs a replay for the command line: progress, tables, and the files that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from kws.errors import BoardLostError
from kws.files import prepare_output
from kws.harness.baseline import read_baseline
from kws.harness.result import ReplayResult
from kws.harness.run import ReplayRequest, run_replay
from kws.harness.verdict import Gate, Verdict
from kws.progress import one_bar
from kws.report.junit import write_junit
from kws.report.page import replay_page, write_page
from kws.report.terminal import print_replay
from kws.suite.gates import Gates
from kws.suite.judge import judge


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Files to write; None: not wanted."""

    report: Path | None = None
    json: Path | None = None
    junit: Path | None = None
    audio: bool = True
    """Embed recordings in the report."""

    def run(self, request: ReplayRequest, baseline_path: Path | None) -> Verdict:
        """Replay, print, write; passed is where everything was heard, no sample was dropped, everything is equal to
        the host's where that is asked for, and nothing is worse than in the baseline."""
        for path, option in ((self.json, "--json"), (self.junit, "--junit"), (self.report, "--report")):
            prepare_output(path, option)
        console = Console()
        baseline = None if baseline_path is None else read_baseline(baseline_path)
        gates = Gates(limits={"equal_to_host": request.verify})
        try:
            result = replay_with_progress(request, console)
        except BoardLostError as lost:
            if isinstance(lost.partial, ReplayResult):  # what was measured is kept, whatever happened then
                print_replay(lost.partial, console)
                gate = Gate(name="board", problem=str(lost))
                self._write(Verdict(result=lost.partial, gates=(gate,)), baseline, console)
            raise
        verdict = judge(result, gates, baseline=baseline)
        print_replay(result, console, comparison=verdict.comparison)
        self._write(verdict, baseline, console)
        for gate in verdict.failed_gates:
            console.print(f"[bold red]failed[/] {gate.name}: {escape(str(gate.problem))}", highlight=False)
        return verdict

    def _write(self, verdict: Verdict, baseline: Mapping[str, Any] | None, console: Console) -> None:
        if self.json is not None:
            verdict.result.write_json(self.json)
        if self.junit is not None:
            write_junit(self.junit, verdict)
        if self.report is not None:
            page = replay_page(
                verdict.result,
                gates=verdict.gates,
                comparison=verdict.comparison,
                baseline=baseline,
                audio=self.audio,
            )
            write_page(self.report, page)
        for path in (self.json, self.junit, self.report):
            if path is not None:
                console.print(f"wrote {path}", markup=False, highlight=False)


def replay_with_progress(request: ReplayRequest, console: Console) -> ReplayResult:
    """Replay under a progress bar that counts recordings and mistakes."""
    with one_bar(console, f"replaying to {request.board}", transient=True) as show:
        return run_replay(request, on_outcome=lambda done, total, _: show(done, total))
