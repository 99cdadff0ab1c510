# SPDX-License-Identifier: Apache-2.0
"""A replay as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kws.evaluation.clips import ClipScore
from kws.evaluation.listening import Listening
from kws.evaluation.summary import Evaluation
from kws.harness.baseline import Comparison
from kws.harness.mistakes import mistakes
from kws.harness.result import ReplayResult
from kws.harness.verdict import Verdict
from kws.phrases import counted, first_few

_MISTAKES_SHOWN = 20
_CHANGES_SHOWN = 20
_SHORTEST_HEAD = 3
"""Characters below which numbers say more."""
_BAR_CHARACTERS = 40


def print_replay(result: ReplayResult, console: Console, *, comparison: Comparison | None = None) -> None:
    """Print the figures, the confusion, the compute per stage, and what changed since the baseline."""
    _print_result(result, console)
    _print_mistakes(mistakes(result), console, "--report FILE.html shows and plays them, --json FILE lists all")
    _print_mistakes(list(result.unheard.values()), console, "--json FILE lists all", title="could not be heard")
    if comparison is not None:
        print_comparison(comparison, console)


def print_verdict(verdict: Verdict, console: Console, *, all_in: Path) -> None:
    """Print a suite's result and what it fails at.

    Parameters
    ----------
    verdict : Verdict
    console : rich.console.Console
    all_in : path
        Where every mistake is told.
    """
    result = verdict.result
    unknown = [outcome for outcome in result.outcomes if outcome.recording.name not in verdict.known]
    _print_result(result, console)
    _print_mistakes(mistakes(replace(result, outcomes=tuple(unknown))), console, f"all are in {all_in}")
    unheard = [why for name, why in result.unheard.items() if name not in verdict.known]
    _print_mistakes(unheard, console, f"all are in {all_in}", title="could not be heard")
    if verdict.known:
        console.print(
            f"known failures ({len(verdict.known)}): {first_few(verdict.known)}", markup=False, highlight=False
        )
    if verdict.mended:
        names = first_few(verdict.mended)
        console.print(f"heard right though listed as known failures: {names}", markup=False, highlight=False)
    if verdict.comparison is not None:
        print_comparison(verdict.comparison, console)
    for gate in verdict.failed_gates:
        console.print(f"[bold red]failed[/] {escape(gate.name)}: {escape(str(gate.problem))}", highlight=False)
    if verdict.passed:
        console.print(f"[bold green]passed[/] {counted(len(verdict.gates), 'gate')}", highlight=False)


def _print_result(result: ReplayResult, console: Console) -> None:
    if len(result.clips) > 1:
        console.print(confusion_table(result.confusion.tolist(), result.verdicts, width=console.width))
    elif len(result.outcomes) <= 20:
        console.print(_events(result))
    if result.stages:
        console.print(_stages(result))
    console.print(_figures(result))


def _print_mistakes(found: Sequence[str], console: Console, all_where: str, *, title: str = "mistakes") -> None:
    if not found:
        return
    console.print(f"[bold]{title}[/] ({len(found)})")
    for mistake in found[:_MISTAKES_SHOWN]:
        console.print(f"  {mistake}", markup=False, highlight=False, soft_wrap=True)
    if len(found) > _MISTAKES_SHOWN:
        rest = len(found) - _MISTAKES_SHOWN
        console.print(f"  ... and {rest} more; {all_where}", markup=False, highlight=False, soft_wrap=True)


def confusion_table(matrix: Sequence[Sequence[int]], labels: Sequence[str], *, width: int = 80) -> Table:
    """Expected label down, verdict across; rows without a clip are left out.

    Labels above columns are cut as far as they stay different; where that is too wide, numbers stand for them.
    """
    heads = column_heads(labels, width)
    numbered = heads[0] != labels[0][: len(heads[0])]
    title = "confusion: what it is (row), what it was taken for (column)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    table.add_column("", no_wrap=True)
    for head in heads:
        table.add_column(escape(head), justify="right", no_wrap=True)
    table.add_column("found", justify="right", no_wrap=True)
    for index, counts in enumerate(matrix):
        total = sum(counts)
        if total:
            name = f"{heads[index]} {labels[index]}" if numbered else labels[index]
            table.add_row(escape(name), *_cells(counts, index), f"{counts[index] / total:.1%}")
    return table


def column_heads(labels: Sequence[str], width: int) -> list[str]:
    """Return what stands above the columns: labels as long as fit, at least until they differ; or their numbers."""
    room = width - max(map(len, labels)) - len("100.0%") - 5
    for length in range(max(map(len, labels)), _SHORTEST_HEAD - 1, -1):
        heads = [label[:length].strip() for label in labels]
        if sum(len(head) + 2 for head in heads) <= room and len(set(heads)) == len(labels):
            return heads
    return [str(number) for number in range(1, len(labels) + 1)]


def _cells(counts: Sequence[int], right: int) -> list[str]:
    marks = {True: "bold green", False: "red"}
    return [f"[{marks[column == right]}]{n}[/]" if n else "[dim]·[/]" for column, n in enumerate(counts)]


def _events(result: ReplayResult) -> Table:
    table = Table("recording", "at", "heard", "posterior", title="events", title_justify="left")
    for outcome in result.outcomes:
        for event in outcome.heard.events:
            seconds = (event.sample_index - outcome.start_sample) / result.listening.sample_rate_hz
            name, label = escape(outcome.recording.name), escape(event.label)
            table.add_row(name, f"{seconds:.2f} s", label, f"{event.score / 255:.2f}")
    return table


def _stages(result: ReplayResult) -> Table:
    table = Table(title=f"compute per stage on {escape(result.identity.board)}", title_justify="left")
    for name in ("stage", "calls", "cycles a call", "time a call", "cycles per second of audio"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for stage in result.stages:
        table.add_row(
            stage.stage,
            f"{stage.calls:,}",
            f"{stage.mean_cycles:,.0f}",
            f"{stage.mean_us:,.1f} µs",
            f"{result.cycles_per_second(stage):,.0f}",
        )
    return table


def _figures(result: ReplayResult) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    bundle = result.bundle
    point = f"operating point {bundle.operating_point}"
    table.add_row("bundle", escape(f"{bundle.name} (CRC {bundle.crc32:08x}), {point}"))
    table.add_row("board", escape(f"{result.identity.board} ({result.identity.name})"))
    if result.accuracy is not None:
        table.add_row("accuracy", f"[bold]{result.accuracy}[/]")
        table.add_row("", "[dim]in a stream, silence before each clip; kws evaluate judges each alone[/]")
    if result.false_rejects is not None:
        table.add_row("keywords missed", str(result.false_rejects))
    if result.alarmed_clips is not None:
        table.add_row("other clips with an event", str(result.alarmed_clips))
    if result.false_accepts is not None:
        table.add_row("false accepts", str(result.false_accepts))
    summary = result.summary()["latency_ms"]
    if summary is not None:
        table.add_row("latency", _latency(summary))
    if result.equality is not None:
        style = "green" if result.equality.count == result.equality.total else "bold red"
        table.add_row("equal to host", f"[{style}]{result.equality.count} of {result.equality.total}[/], bit for bit")
    if result.asleep > 0.0:
        table.add_row("gate closed", f"{result.asleep:.0%} of the time")
    speed = result.audio_s / max(result.wall_s, 1e-9)
    table.add_row("streamed", f"{result.audio_s:.1f} s of audio in {result.wall_s:.1f} s ({speed:.1f} x real time)")
    style = "green" if result.dropped_samples == 0 else "bold red"
    table.add_row("dropped samples", f"[{style}]{result.dropped_samples}[/]")
    return table


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print what changed, the first of it by name."""
    style = "green" if comparison.identical else "red" if comparison.worse else "yellow"
    console.print(f"[{style}]{escape(comparison.headline)}[/]", highlight=False)
    rows = (*comparison.context, *comparison.changes)
    if not rows:
        return
    table = Table("what", "before", "now", title="since the baseline", title_justify="left")
    for change in rows[:_CHANGES_SHOWN]:
        style = "red" if change.worse else "green" if change in comparison.changes else "yellow"
        table.add_row(escape(change.what), escape(change.before), f"[{style}]{escape(change.now)}[/]")
    console.print(table)
    if len(rows) > _CHANGES_SHOWN:
        console.print(f"and {len(rows) - _CHANGES_SHOWN} more; the report shows them all", highlight=False)


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print clip accuracy and confusion, and the streams' figures at each operating point."""
    if evaluation.clips is not None:
        console.print(
            confusion_table(evaluation.clips.confusion.tolist(), evaluation.clips.labels, width=console.width)
        )
        console.print(f"[dim]accuracy[/]  [bold]{evaluation.clips.accuracy}[/]")
        console.print(f"[dim]{_what_clips_mean(evaluation.clips)}[/]", highlight=False)
    for verdict in evaluation.points:
        score = verdict.score
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        table.add_column()
        table.add_row("operating point", f"[bold]{escape(verdict.name)}[/]")
        if score.num_keywords:
            table.add_row("keywords missed", str(score.false_rejects))
            table.add_row("wrong words", str(score.num_wrong_words))
        if score.has_negative_audio:
            table.add_row("false accepts", str(score.false_accepts))
        latency = score.latency_json()
        if latency is not None:
            table.add_row("latency", _latency(latency))
        console.print(table)


def _what_clips_mean(clips: ClipScore) -> str:
    alone = "each clip alone, from a clean state; kws replay cuts it out of a stream and may differ by a little"
    if not clips.num_by_event:
        return alone
    return f"{alone}; {clips.num_by_event} clips are too long for one decision: their first event in a stream counts"


def _latency(latency: Mapping[str, float]) -> str:
    return f"median {latency['median']:.0f} ms, 95 % below {latency['p95']:.0f} ms after the word"


def posterior_bars(smoothed: Sequence[int], listening: Listening) -> Table:
    """One bar per label, marked where its threshold lies."""
    table = Table.grid(padding=(0, 1))
    for label, posterior, threshold in zip(listening.labels, smoothed, listening.thresholds, strict=True):
        bar = ["█" if 255 * (i + 1) <= posterior * _BAR_CHARACTERS else " " for i in range(_BAR_CHARACTERS)]
        if threshold:
            bar[min(_BAR_CHARACTERS - 1, threshold * _BAR_CHARACTERS // 255)] = "│"
        table.add_row(escape(label), "".join(bar), f"{posterior / 255:.2f}")
    return table
