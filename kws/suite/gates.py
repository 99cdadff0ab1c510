# SPDX-License-Identifier: Apache-2.0
"""Gates: limits on a whole suite, on a slice of it, on a word or a stage. One that nothing measured does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws.errors import ConfigError
from kws.evaluation.listening import Listening
from kws.harness.replay import Outcome
from kws.harness.result import ReplayResult
from kws.harness.verdict import Gate
from kws.labels import Labels
from kws.stages import STAGES
from kws.suite.keys import Key

EVERYWHERE = (
    Key(
        name="min_accuracy",
        kind="number",
        least=0,
        most=1,
        what="the share of clips given their label is at least this, 0 to 1",
    ),
    Key(
        name="max_false_reject_rate",
        kind="number",
        least=0,
        most=1,
        what="the share of keywords without an event is at most this, 0 to 1",
    ),
    Key(
        name="max_false_accepts_per_hour",
        kind="number",
        least=0,
        what="events outside truth windows, in long recordings, are at most this many per hour",
    ),
    Key(
        name="max_median_latency_ms",
        kind="number",
        what="the median from the end of a word to its event is at most this",
    ),
    Key(
        name="max_p95_latency_ms",
        kind="number",
        what="95 % of the times from the end of a word to its event are at most this",
    ),
)
"""Limits for the whole, for slices and for words."""
_CYCLES = Key(
    name="max_cycles_per_second", kind="number", least=0, what="cycles for a second of audio are at most this"
)
_WHERE = Key(name="where", kind="tags", required=True, what="the recordings with these tags: { noise = 'kitchen' }")
KEYS = (
    *EVERYWHERE,
    _CYCLES,
    Key(name="max_ram_bytes", kind="whole", least=0, what="RAM of the board for data, buffers and the bundle's arena"),
    Key(
        name="max_dropped_samples",
        kind="whole",
        least=0,
        what="samples lost on the way to the board are at most this; 0 when omitted",
    ),
    Key(
        name="equal_to_host", kind="flag", what="every feature, score and event equals the host library's, bit for bit"
    ),
    Key(
        name="no_mistakes",
        kind="flag",
        what="every recording is heard right, but for the known failures; true where nothing else judges them",
    ),
    Key(
        name="max_latency_growth_ms",
        kind="number",
        least=0,
        what="median and 95 % latency are at most so much above the baseline's",
    ),
    Key(
        name="max_cycles_growth",
        kind="number",
        least=0,
        what="cycles of each stage are at most by this share above the baseline's: 0.02 is 2 %",
    ),
    Key(name="words", kind="named", inside=EVERYWHERE, what="limits of one word: [gates.words.stop]"),
    Key(name="stages", kind="named", inside=(_CYCLES,), what=f"limits of one stage ({', '.join(STAGES)})"),
    Key(name="slices", kind="tables", inside=(_WHERE, *EVERYWHERE), what="limits of recordings with certain tags"),
)
"""Keys of ``[gates]``."""


@dataclass(frozen=True, kw_only=True)
class Gates:
    """Limits as the suite gives them."""

    limits: Mapping[str, Any]

    @property
    def equal_to_host(self) -> bool:
        """Whether everything must be compared with the host library."""
        return bool(self.limits.get("equal_to_host"))

    @property
    def judge_recordings(self) -> bool:
        """Whether any limit is about what is heard."""
        names = {key.name for key in EVERYWHERE} | {"words", "slices", "equal_to_host", "no_mistakes"}
        return bool(names & set(self.limits))

    @property
    def no_mistakes(self) -> bool:
        """Whether a recording that is heard wrongly fails."""
        return bool(self.limits.get("no_mistakes"))

    def words(self, listening: Listening) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the limits of single words: the label in any of its spellings, and what it is held to.

        Labels that never fire can be held to ``min_accuracy``; they have no events that could break another limit.

        Raises
        ------
        ConfigError
            If the bundle has no such word.
        """
        labels, found = Labels(listening.labels), []
        for name, inside in self.limits.get("words", {}).items():
            label = labels.find(name)
            if label is None:
                raise ConfigError(
                    f"gates.words.{name}: expected a word of the bundle, one of {', '.join(listening.keywords)}, and "
                    "it has no such label; correct the name"
                )
            if label not in listening.keywords and (idle := [limit for limit in inside if limit != "min_accuracy"]):
                raise ConfigError(
                    f"gates.words.{name}: expected a word that can fire, one of {', '.join(listening.keywords)}; "
                    f"{label!r} never does at this operating point, so take {', '.join(idle)} away"
                )
            found.append((label, inside))
        return found

    def judge(
        self, result: ReplayResult, *, baseline: Mapping[str, Any] | None = None, known: Sequence[str] = ()
    ) -> list[Gate]:
        """Hold a result against every limit.

        Parameters
        ----------
        result : ReplayResult
        baseline : mapping, optional
            What was accepted before, for limits on growth.
        known : sequence of str
            Names of recordings whose mistakes are known.

        Raises
        ------
        ConfigError
            As `words`.
        """
        return list(self._judge(result, baseline, known))

    def _judge(self, result: ReplayResult, baseline: Mapping[str, Any] | None, known: Sequence[str]) -> Iterator[Gate]:
        limits = self.limits
        yield from _hold("", limits, figures_of(result.outcomes))
        yield from _hold(
            "", limits, {"max_cycles_per_second": _cycles(result), "max_ram_bytes": result.identity.ram_bytes}
        )
        yield _gate("max_dropped_samples", limits.get("max_dropped_samples", 0), result.dropped_samples)
        if self.equal_to_host:
            equal = result.equality is not None and result.equality.count == result.equality.total
            problem = None if equal else f"expected every recording and got {result.equality}"
            yield Gate(name="equal_to_host", problem=problem)
        if self.no_mistakes:
            wrong = [o.recording.name for o in result.outcomes if o.is_wrong and o.recording.name not in known]
            problem = f"expected every recording heard right and got {len(wrong)} that are not" if wrong else None
            yield Gate(name="no_mistakes", problem=problem)
        for word, inside in self.words(result.listening):
            yield from _hold(f"words.{word}.", inside, figures_of(result.outcomes, word=word))
        for stage, inside in limits.get("stages", {}).items():
            yield from _hold(f"stages.{stage}.", inside, {"max_cycles_per_second": _cycles(result, stage)})
        for inside in limits.get("slices", ()):
            where = inside["where"]
            yield from _hold(f"slices.{_words(where)}.", inside, figures_of(in_slice(result.outcomes, where)))
        yield from _growth(limits, result, baseline)


def in_slice(outcomes: Sequence[Outcome], where: Mapping[str, Any]) -> list[Outcome]:
    """Return the outcomes of recordings that have all these tags."""
    wanted = {tag: str(value) for tag, value in where.items()}
    return [outcome for outcome in outcomes if wanted.items() <= dict(outcome.recording.tags).items()]


def figures_of(outcomes: Sequence[Outcome], *, word: str | None = None) -> dict[str, float | None]:
    """Return what each limit of `EVERYWHERE` is held against; None: these recordings cannot tell.

    Parameters
    ----------
    outcomes : sequence of Outcome
    word : str, optional
        Count only clips, windows and events of this word; the hours are those of all.
    """
    clips = [o.correct for o in outcomes if o.correct is not None and word in (None, o.recording.expected)]
    matchings = [outcome.matching for outcome in outcomes if outcome.matching is not None]
    hits = [hit for matching in matchings for hit in matching.hits if word in (None, hit.window.label)]
    missed = sum(word in (None, window.label) for matching in matchings for window in matching.misses)
    streams = [o.matching for o in outcomes if o.matching is not None and o.recording.windows is not None]
    hours = sum(matching.truth.negative_hours for matching in streams)
    alarms = sum(word in (None, event.label) for matching in streams for event in matching.false_accepts)
    rates = {matching.truth.sample_rate_hz for matching in matchings}
    latencies_ms = [1000.0 * hit.latency_samples / rate for rate in rates for hit in hits]
    median, high = np.percentile(latencies_ms, [50, 95]) if latencies_ms else (None, None)
    return {
        "min_accuracy": sum(clips) / len(clips) if clips else None,
        "max_false_reject_rate": missed / (len(hits) + missed) if hits or missed else None,
        "max_false_accepts_per_hour": alarms / hours if hours > 0.0 else None,
        "max_median_latency_ms": median,
        "max_p95_latency_ms": high,
    }


def _hold(prefix: str, limits: Mapping[str, Any], figures: Mapping[str, float | None]) -> Iterator[Gate]:
    for name, value in figures.items():
        if name in limits:
            yield _gate(name, limits[name], value, prefix=prefix)


def _gate(name: str, limit: float, value: float | None, *, prefix: str = "") -> Gate:
    problem = None
    if value is None:
        problem = f"expected {limit} and nothing replayed could measure it"
    elif value < limit if name.startswith("min") else value > limit:
        problem = f"expected {'at least' if name.startswith('min') else 'at most'} {limit} and got {value:.6g}"
    return Gate(name=prefix + name, problem=problem)


def _words(where: Mapping[str, Any]) -> str:
    return ",".join(f"{tag}={value}" for tag, value in sorted(where.items()))


def _cycles(result: ReplayResult, stage: str | None = None) -> float | None:
    """Cycles for a second of audio."""
    counted = [total.cycles for total in result.stages if stage in (None, total.stage)]
    return sum(counted) / result.counted_audio_s if counted else None


def _growth(limits: Mapping[str, Any], result: ReplayResult, baseline: Mapping[str, Any] | None) -> Iterator[Gate]:
    if "max_latency_growth_ms" in limits:
        now, before = result.summary()["latency_ms"], (baseline or {}).get("summary", {}).get("latency_ms")
        for key in ("median", "p95"):
            grown = None if now is None or before is None else now[key] - before[key]
            yield _gate("max_latency_growth_ms", limits["max_latency_growth_ms"], grown, prefix=f"{key}.")
    if "max_cycles_growth" in limits:
        costs = (baseline or {}).get("costs", {})
        before_cycles = {entry["stage"]: entry["cycles_per_second"] for entry in costs.get("stages", ())}
        for stage in [total.stage for total in result.stages] or ["every_stage"]:
            now_cycles, then = _cycles(result, stage), before_cycles.get(stage)
            share = now_cycles / then - 1.0 if now_cycles is not None and then else None
            yield _gate("max_cycles_growth", limits["max_cycles_growth"], share, prefix=f"stages.{stage}.")
