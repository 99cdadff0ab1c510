# SPDX-License-Identifier: Apache-2.0
"""This replay against one recorded before: words lost and gained, events that moved, scores that drifted.

Everything is deterministic, so two replays of the same bundle to the same kind of board are identical, event for event
and score for score; whatever is not, is said. A word is compared with itself: by its truth window, never by how many
there were, so that a lost word cannot hide behind another one found.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

from kws.errors import EvaluationError
from kws.files import StrPath
from kws.harness.result import FORMAT, ReplayResult

Entry = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference from the baseline."""

    recording: str
    """Its name; empty for what is no recording."""
    what: str
    before: str
    now: str
    worse: bool


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that differs from a baseline."""

    context: tuple[Change, ...]
    """What else is not the same: bundle, operating point, board, version; it explains, and is no failure."""
    changes: tuple[Change, ...]
    """Verdicts, words and false accepts that changed, and recordings that came or went; worst first."""
    num_moved: int
    """Events that answer the same word at another moment."""
    longest_move_ms: float
    num_scores: int
    """Words and keywords whose highest score changed."""
    largest_drift: int
    """Of a score, 0 to 255."""
    lost: int
    """Clips and words that were right and are wrong."""
    gained: int
    """Clips and words that were wrong and are right."""

    @property
    def identical(self) -> bool:
        """Whether every event and every score is the same."""
        return not (self.changes or self.num_moved or self.num_scores)

    @property
    def worse(self) -> tuple[Change, ...]:
        """Changes that are regressions."""
        return tuple(change for change in self.changes if change.worse)

    @property
    def p_value(self) -> float:
        """Exact two-sided McNemar test: how likely so uneven a flip of right and wrong is by chance."""
        return mcnemar(self.lost, self.gained)

    @property
    def headline(self) -> str:
        """The comparison in one sentence."""
        if self.identical:
            return "identical to the baseline: every event and every score"
        parts = []
        if self.changes:
            flips = f"{self.lost} lost, {self.gained} gained (McNemar p = {self.p_value:.2g})"
            parts.append(f"{flips}, {len(self.worse)} of {len(self.changes)} changes for the worse")
        else:
            parts.append("same verdicts")
        if self.num_moved:
            parts.append(f"{_count(self.num_moved, 'event')} moved, by up to {self.longest_move_ms:.0f} ms")
        if self.num_scores:
            parts.append(f"{_count(self.num_scores, 'score')} differ, by up to {self.largest_drift} of 255")
        return "not identical to the baseline: " + "; ".join(parts)


def mcnemar(lost: int, gained: int) -> float:
    """Exact two-sided McNemar test of paired verdicts.

    Parameters
    ----------
    lost, gained : int
        Verdicts that turned from right to wrong, and from wrong to right.

    Returns
    -------
    float
        Probability of flips at least as uneven if both directions were equally likely; 1 without flips.

    Examples
    --------
    >>> mcnemar(0, 0), mcnemar(5, 0)
    (1.0, 0.0625)
    """
    flips, fewer = lost + gained, min(lost, gained)
    tail = sum(comb(flips, count) for count in range(fewer + 1))
    return float(min(1.0, 2 * tail / 2**flips))


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


def compare(result: ReplayResult, baseline: Entry) -> Comparison:
    """Compare recording by recording, word by word.

    Parameters
    ----------
    result : ReplayResult
    baseline : mapping
        As `read_baseline` returns it.
    """
    return compare_documents(json.loads(json.dumps(result.to_json())), baseline)


def compare_documents(now: Entry, baseline: Entry) -> Comparison:
    """Compare two replays' JSON, as `compare` does."""
    before = {entry["name"]: entry for entry in baseline["recordings"]}
    names = {entry["name"] for entry in now["recordings"]}
    rate_hz = now["sample_rate_hz"]
    pairs = [_Pair(before[entry["name"]], entry, rate_hz) for entry in now["recordings"] if entry["name"] in before]
    changes = [change for pair in pairs for change in pair.changes()]
    changes += [_came_or_went(name, "replayed", "missing") for name in before if name not in names]
    changes += [_came_or_went(name, "not there", "new") for name in names if name not in before]
    moves = [move for pair in pairs for move in pair.moves_ms()]
    drifts = [drift for pair in pairs for drift in pair.drifts()]
    flips = [flip for pair in pairs for flip in pair.flips()]
    return Comparison(
        context=tuple(_context(baseline, now)),
        changes=tuple(sorted(changes, key=lambda change: (not change.worse, change.what))),
        num_moved=len(moves),
        longest_move_ms=max(moves, default=0.0),
        num_scores=len(drifts),
        largest_drift=max(drifts, default=0),
        lost=flips.count(-1),
        gained=flips.count(1),
    )


class _Pair:
    """One recording, then and now."""

    def __init__(self, before: Entry, now: Entry, rate_hz: int) -> None:
        self._before, self._now, self._rate_hz = before, now, rate_hz
        self._windows = _in_order(_nearest(before["windows"] or (), now["windows"] or (), _WINDOW, rate_hz))
        self._strays = _nearest(_stray(before), _stray(now), _EVENT, rate_hz)

    def changes(self) -> Iterable[Change]:
        """Verdict, words, and events that answer no word."""
        before, now = self._before, self._now
        if before["audio_crc32"] != now["audio_crc32"]:
            then, today = (f"{e['num_samples']} samples, CRC {e['audio_crc32']}" for e in (before, now))
            yield self._change("the recording itself", then, today)
        if (before["expected"], before["predicted"]) != (now["expected"], now["predicted"]):
            worse = _right(before) and not _right(now)
            yield self._change("", _verdict(before), _verdict(now), worse=worse)
        for old, new in self._windows:
            if old is None or new is None or (old["event"] is None) != (new["event"] is None):
                known = new or old or {}
                what = f'"{known["label"]}" at {self._seconds(known["start_sample"])}'
                worse = old is not None and (new is None or new["event"] is None)
                yield self._change(what, self._heard(old), self._heard(new), worse=worse)
        yield from self._stray_changes()

    def _change(self, what: str, before: str, now: str, *, worse: bool = False) -> Change:
        name = self._now["name"]
        return Change(recording=name, what=f"{name}, {what}" if what else name, before=before, now=now, worse=worse)

    def _stray_changes(self) -> Iterable[Change]:
        judged = self._now["windows"] is not None
        for old, new in self._strays:
            if old is None and new is not None:
                yield self._change(self._at(new), "nothing", _spoken(new), worse=judged)
            if new is None and old is not None:
                yield self._change(self._at(old), _spoken(old), "nothing")

    def _at(self, event: Entry) -> str:
        return f"at {self._seconds(event['sample_index'])}"

    def moves_ms(self) -> Iterable[float]:
        """How far events moved that answer the same word, or nothing, as before."""
        pairs = [(old["event"], new["event"]) for old, new in self._windows if old and new]
        pairs += self._strays
        for old, new in pairs:
            if old is not None and new is not None and old["sample_index"] != new["sample_index"]:
                yield abs(old["sample_index"] - new["sample_index"]) * 1000.0 / self._rate_hz

    def drifts(self) -> Iterable[int]:
        """By how much the highest scores changed, of each word and of each keyword in the recording."""
        for old, new in self._windows:
            if old is not None and new is not None and old["peak"] != new["peak"]:
                yield abs(old["peak"] - new["peak"])
        for label in self._before["peaks"].keys() & self._now["peaks"].keys():
            if self._before["peaks"][label] != self._now["peaks"][label]:
                yield abs(self._before["peaks"][label] - self._now["peaks"][label])

    def flips(self) -> Iterable[int]:
        """-1 for what was right and is wrong, 1 for the reverse: a clip is one thing, of a stream each word."""
        words = [(old, new) for old, new in self._windows if old is not None and new is not None]
        each = [int(new["event"] is not None) - int(old["event"] is not None) for old, new in words]
        if self._now["expected"] is None:
            yield from each
            return
        steps = {*each, int(_right(self._now)) - int(_right(self._before))} - {0}
        yield steps.pop() if len(steps) == 1 else 0

    def _heard(self, window: Entry | None) -> str:
        if window is None:
            return _NO_WINDOW
        event = window["event"]
        if event is None:
            return f"missed, peak {window['peak']}"
        return f"heard at {self._seconds(event['sample_index'])}, {event['score']}"

    def _seconds(self, sample: int) -> str:
        return f"{sample / self._rate_hz:.2f} s"


_NO_WINDOW = "not in the truth"
_WINDOW = ("start_sample", "end_sample")
_EVENT = ("sample_index", "sample_index")
"""Where an entry of a replay's JSON begins and ends."""


def _stray(entry: Entry) -> list[Entry]:
    """Events that answer no word."""
    answered = [window["event"] for window in entry["windows"] or () if window["event"] is not None]
    return [event for event in entry["events"] if event not in answered]


def _nearest(
    before: Sequence[Entry], now: Sequence[Entry], span: tuple[str, str], reach_samples: int
) -> list[tuple[Entry | None, Entry | None]]:
    """Pair windows or events of the same label, the nearest first, as far as less than ``reach_samples`` lie between.

    A truth may be mended by a few samples, or by a word that was forgotten.
    """
    first, last = span
    distances = sorted(
        (between, abs(old[first] - new[first]), i, j)
        for i, old in enumerate(before)
        for j, new in enumerate(now)
        if old["label"] == new["label"]
        and (between := max(0, old[first] - new[last], new[first] - old[last])) < reach_samples
    )
    left_before, left_now = dict(enumerate(before)), dict(enumerate(now))
    pairs: list[tuple[Entry | None, Entry | None]] = []
    for _, _, i, j in distances:
        if i in left_before and j in left_now:
            pairs.append((left_before.pop(i), left_now.pop(j)))
    pairs += [(old, None) for old in left_before.values()]
    return pairs + [(None, new) for new in left_now.values()]


def _in_order(pairs: Sequence[tuple[Entry | None, Entry | None]]) -> list[tuple[Entry | None, Entry | None]]:
    """Pair windows of a label that found none near, if as many were left on both sides: a truth moved as a whole."""
    left_before: defaultdict[str, list[Entry]] = defaultdict(list)
    left_now: defaultdict[str, list[Entry]] = defaultdict(list)
    result: list[tuple[Entry | None, Entry | None]] = []
    for old, new in pairs:
        if new is None and old is not None:
            left_before[old["label"]].append(old)
        elif old is None and new is not None:
            left_now[new["label"]].append(new)
        else:
            result.append((old, new))
    for label in {**left_before, **left_now}:
        old_ones, new_ones = left_before[label], left_now[label]
        if len(old_ones) == len(new_ones):
            result += zip(old_ones, new_ones, strict=True)
        else:
            result += [(old, None) for old in old_ones] + [(None, new) for new in new_ones]
    return result


def _came_or_went(name: str, before: str, now: str) -> Change:
    return Change(recording=name, what=name, before=before, now=now, worse=now == "missing")


def _spoken(event: Entry) -> str:
    return f'"{event["label"]}" ({event["score"]})'


def _right(entry: Entry) -> bool:
    return entry["expected"] is not None and entry["predicted"] == entry["expected"]


def _verdict(entry: Entry) -> str:
    expected = entry["expected"]
    return str(entry["predicted"]) if expected is None or _right(entry) else f"{entry['predicted']} (is {expected})"


def _context(before: Entry, now: Entry) -> Iterable[Change]:
    places = (
        ("bundle", "bundle", "crc32"),
        ("operating point", "bundle", "operating_point"),
        ("board", "board", "name"),
    )
    for what, group, key in places:
        if before[group][key] != now[group][key]:
            yield Change(recording="", what=what, before=str(before[group][key]), now=str(now[group][key]), worse=False)
    if before["kws_version"] != now["kws_version"]:
        versions = before["kws_version"], now["kws_version"]
        yield Change(recording="", what="kws", before=versions[0], now=versions[1], worse=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
