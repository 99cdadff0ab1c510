# SPDX-License-Identifier: Apache-2.0
"""A verdict in Markdown: the summary that GitHub shows of a step, and what fits into a comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kws.harness.mistakes import mistakes_of
from kws.harness.verdict import Verdict

_MOST_SHOWN = 20


def verdict_markdown(verdict: Verdict, title: str) -> str:
    """Return a verdict as Markdown: passed or failed, gates, figures, what changed, the first mistakes.

    Parameters
    ----------
    verdict : Verdict
    title : str
        Name of the suite.
    """
    return "\n".join(_lines(verdict, title)) + "\n"


def _lines(verdict: Verdict, title: str) -> Iterator[str]:
    result = verdict.result
    yield f"## {'✅' if verdict.passed else '❌'} {_plain(title)}"
    yield ""
    yield (
        f"{len(result.outcomes)} of {result.num_planned} recordings, {result.audio_s:.0f} s, "
        f"on {_plain(result.identity.board)} with {_plain(result.bundle.name)} (CRC {result.bundle.crc32:08x}), "
        f"operating point {result.bundle.operating_point}."
    )
    if verdict.comparison is not None:
        yield ""
        yield _plain(verdict.comparison.headline) + "."
    yield from _table(("gate", ""), [(gate.name, gate.problem or "holds") for gate in verdict.gates])
    yield from _table(("figure", ""), list(_figures(verdict)))
    if verdict.comparison is not None:
        changes = (*verdict.comparison.context, *verdict.comparison.changes)
        rows = [(change.what, change.before, change.now) for change in changes]
        yield from _table(("changed", "before", "now"), rows)
    yield from _table(("mistake", ""), list(_mistakes(verdict)))
    yield from _table(("known failure", "reason"), list(verdict.known.items()))
    if verdict.mended:
        yield ""
        yield f"Heard right though listed as known failures: {', '.join(map(_plain, verdict.mended))}."


def _figures(verdict: Verdict) -> Iterator[tuple[str, str]]:
    result = verdict.result
    figures = {
        "accuracy": result.accuracy,
        "keywords missed": result.false_rejects,
        "other clips with an event": result.alarmed_clips,
        "false accepts": result.false_accepts,
        "equal to host": result.equality,
    }
    yield from ((name, str(value)) for name, value in figures.items() if value is not None)
    latency = result.spotting.latency_json()
    if latency is not None:
        yield "latency", f"median {latency['median']:.0f} ms, 95 % below {latency['p95']:.0f} ms"
    yield "dropped samples", str(result.dropped_samples)


def _mistakes(verdict: Verdict) -> Iterator[tuple[str, str]]:
    rate_hz = verdict.result.listening.sample_rate_hz
    for outcome in verdict.result.outcomes:
        name = outcome.recording.name
        if outcome.is_wrong and name not in verdict.known:
            yield name, "; ".join(mistakes_of(outcome, rate_hz))
    yield from ((name, why) for name, why in verdict.result.unheard.items() if name not in verdict.known)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for row in rows[:_MOST_SHOWN]:
        yield "| " + " | ".join(map(_plain, row)) + " |"
    if len(rows) > _MOST_SHOWN:
        yield ""
        yield f"... and {len(rows) - _MOST_SHOWN} more"


def _plain(text: str) -> str:
    """Text that is no markup, whatever recordings are called."""
    escaped = text.replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    for mark in "|`*_[]":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped
