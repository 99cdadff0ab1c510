# SPDX-License-Identifier: Apache-2.0
"""``kws suite``: regression suites, from the first file to the accepted result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from kws.harness.result import ReplayResult
    from kws.harness.verdict import Verdict
    from kws.suite.baseline import Files
    from kws.suite.suite import Suite

app = typer.Typer(
    no_args_is_help=True, help="Regression suites: recordings, what must hold of them, what was accepted."
)

_SUITE = Path("suite.toml")
_SuiteFile = Annotated[Path, typer.Argument(help="The suite, a TOML file.")]
_Out = Annotated[Path | None, typer.Option(help="Folder of the results; out/NAME when omitted.")]


@app.command()
def init(
    bundle: Annotated[Path, typer.Argument(help="Bundle NAME.kws.")],
    paths: Annotated[
        list[Path], typer.Argument(help="Recordings, or folders of them; truth is looked for beside them.")
    ],
    out: Annotated[Path, typer.Option(help="The suite to write.")] = _SUITE,
    board: Annotated[str, typer.Option(help="host, native, an emulated board, a serial port or URL.")] = "host",
) -> None:
    """Write a suite for recordings that are there, and the schema that editors complete it with."""
    from rich.console import Console

    from kws.cli.arguments import check_order
    from kws.suite.init import describe, write_suite

    check_order("suite init", bundle, paths)
    recordings = write_suite(out, bundle, paths, board=board)
    console = Console()
    console.print(f"wrote {out}: {describe(recordings)}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"next: kws suite run {out}", markup=False, highlight=False)


@app.command()
def run(
    suite: _SuiteFile = _SUITE,
    board: Annotated[str | None, typer.Option(help="Another board than the suite's.")] = None,
    boards: Annotated[Path | None, typer.Option(help="A pool of boards (boards.toml).")] = None,
    out: _Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run ended.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="So many boards side by side, each in a process.")] = 1,
    ray: Annotated[bool, typer.Option("--ray", help="Have Ray place the processes, on one computer or many.")] = False,
    retries: Annotated[int, typer.Option(min=0, help="How often a lost board is opened again.")] = 0,
    cycles: Annotated[bool, typer.Option(help="Count cycles per stage on emulated boards; slower.")] = True,
    report: Annotated[bool, typer.Option("--report", help="Write a page to look at and listen to.")] = False,
) -> None:
    """Replay a suite and judge it; exits with 0 passed, 1 a gate failed, 2 not possible, 3 a board was lost."""
    from rich.console import Console

    from kws.errors import BoardLostError
    from kws.harness.result import ReplayResult
    from kws.progress import one_bar
    from kws.suite.baseline import baseline_of
    from kws.suite.run import RunOptions, run_suite
    from kws.suite.suite import read_suite

    console = Console()
    known = read_suite(suite).on(board=board, boards=boards)
    baseline_of(known)  # read now: a broken one is no surprise at the end
    files = _prepared(suite, out)
    options = RunOptions(
        log=files.log,
        resume=resume,
        jobs=jobs,
        engine="ray" if ray else "process",
        retries=retries,
        count_cycles=cycles,
    )
    try:
        with one_bar(console, f"replaying {suite.name}", transient=True) as show:
            result = run_suite(known, options, on_measured=show)
    except BoardLostError as lost:
        if isinstance(lost.partial, ReplayResult):
            _finish(known, lost.partial, files, console, report=report, lost=str(lost))
        raise
    if not _finish(known, result, files, console, report=report).passed:
        raise typer.Exit(1)


@app.command()
def compare(
    now: Annotated[
        Path, typer.Argument(help="A suite, whose last result is compared with what was accepted; or a result.")
    ] = _SUITE,
    before: Annotated[Path | None, typer.Argument(help="The result before it, or a baseline.")] = None,
    out: _Out = None,
) -> None:
    """Say what changed between two results, word by word and score by score; exits with 1 if anything got worse."""
    from rich.console import Console

    from kws.errors import ConfigError
    from kws.harness.baseline import compare_documents, read_baseline
    from kws.report.terminal import print_comparison
    from kws.suite.baseline import accepted_of
    from kws.suite.suite import read_suite

    console = Console()
    if now.suffix == ".toml":
        suite = read_suite(now)
        after, earlier = _files(now, out).read(), read_baseline(before) if before else accepted_of(suite)
    elif before is None:
        raise ConfigError(f"expected a second result after {now}, or a suite: kws suite compare NOW.json BEFORE.json")
    else:
        after, earlier = read_baseline(now), read_baseline(before)
    if "accepted" in earlier:
        accepted = earlier["accepted"]
        line = f"accepted by {accepted['by']} on {accepted['at']}: {accepted['why']}"
        console.print(line, highlight=False, markup=False)
    comparison = compare_documents(after, earlier)
    print_comparison(comparison, console)
    if comparison.worse:
        raise typer.Exit(1)


@app.command()
def accept(
    suite: _SuiteFile = _SUITE,
    *,
    why: Annotated[str, typer.Option(help="Why this result is right; it stands in the baseline.")],
    by: Annotated[str | None, typer.Option(help="Who says so; the name of this account when omitted.")] = None,
    out: _Out = None,
) -> None:
    """Make the last result what later ones are compared with; who, when and why stand in it."""
    import getpass

    from rich.console import Console

    from kws.errors import ConfigError
    from kws.suite.baseline import accept as make_baseline
    from kws.suite.suite import read_suite

    if not why.strip():
        raise ConfigError("--why: expected a reason and got none; it is what the next reader of the baseline needs")
    path = make_baseline(read_suite(suite), _files(suite, out), by=by or getpass.getuser(), why=why)
    Console().print(f"wrote {path}; keep it beside {suite}", highlight=False, soft_wrap=True)


def _files(suite: Path, out: Path | None) -> Files:
    from kws.suite.baseline import Files

    return Files(folder=out or Path("out") / suite.stem)


def _prepared(suite: Path, out: Path | None) -> Files:
    """Make sure of everything that will be written before the first sample is sent."""
    from kws.files import prepare_output

    files = _files(suite, out)
    for path in (files.log, files.result, files.costs, files.junit, files.summary, files.report):
        prepare_output(path, "--out")
    return files


def _finish(
    suite: Suite, result: ReplayResult, files: Files, console: Console, *, report: bool, lost: str | None = None
) -> Verdict:
    """Judge, print, and write everything."""
    import os
    from dataclasses import replace

    from kws.harness.verdict import Gate
    from kws.report.junit import write_junit
    from kws.report.markdown import verdict_markdown
    from kws.report.terminal import print_verdict
    from kws.suite.judge import judge_suite

    verdict = judge_suite(suite, result)
    if lost is not None:
        verdict = replace(verdict, gates=(*verdict.gates, Gate(name="board", problem=lost)))
    files.write(result)
    write_junit(files.junit, verdict)
    summary = verdict_markdown(verdict, suite.path.stem)
    files.summary.write_text(summary, encoding="utf-8", errors="backslashreplace")
    if step := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(step, "a", encoding="utf-8") as file:
            file.write(summary)
    print_verdict(verdict, console, all_in=files.junit)
    if report:
        _write_report(suite, verdict, files, console)
    written = [files.result, files.junit, files.summary, *([files.report] if report else [])]
    names = ", ".join(path.name for path in written)
    console.print(f"wrote {files.folder}: {names}", markup=False, highlight=False)
    return verdict


def _write_report(suite: Suite, verdict: Verdict, files: Files, console: Console) -> None:
    from kws.progress import one_bar
    from kws.report.page import replay_page, write_page
    from kws.suite.baseline import baseline_of
    from kws.suite.rehear import with_scores

    with one_bar(console, "drawing the page", transient=True) as show:
        result = with_scores(suite, verdict.result, on_heard=show)
    page = replay_page(result, gates=verdict.gates, comparison=verdict.comparison, baseline=baseline_of(suite))
    write_page(files.report, page)
