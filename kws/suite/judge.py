# SPDX-License-Identifier: Apache-2.0
"""Judges a result: its gates, what changed since the baseline, and which recordings fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kws.harness.baseline import Comparison, compare
from kws.harness.mistakes import mistakes_of
from kws.harness.result import ReplayResult
from kws.harness.verdict import Gate, Verdict
from kws.phrases import first_few
from kws.suite.baseline import baseline_of
from kws.suite.gates import Gates
from kws.suite.suite import Suite

_Reason = Callable[[str], str | None]


def judge_suite(suite: Suite, result: ReplayResult) -> Verdict:
    """Judge the result of a suite by all that the suite asks for.

    Raises
    ------
    ConfigError
        If it limits a word that the bundle does not have.
    EvaluationError
        If its baseline cannot be read.
    """
    baseline = baseline_of(suite)
    verdict = judge(result, gates_of(suite, baseline), baseline=baseline, reason_for=suite.reason_for)
    if baseline is None and suite.needs_baseline:
        problem = f"expected {suite.baseline} and there is none yet; accept a result: kws suite accept {suite.path}"
        return replace(verdict, gates=(*verdict.gates, Gate(name="baseline", problem=problem)))
    return verdict


def gates_of(suite: Suite, baseline: Mapping[str, Any] | None) -> Gates:
    """Return the suite's limits; where neither they nor a baseline judge what is heard, no mistake is allowed."""
    if baseline is not None or suite.gates.judge_recordings:
        return suite.gates
    return Gates(limits={**suite.gates.limits, "no_mistakes": True})


def judge(
    result: ReplayResult,
    gates: Gates,
    *,
    baseline: Mapping[str, Any] | None = None,
    reason_for: _Reason = lambda name: None,
) -> Verdict:
    """Judge a result.

    A recording fails if it could not be heard, got worse than in the baseline, differs from the host library where
    equality is asked for, or is heard wrongly where no mistake is allowed; never if its failure is known.

    Parameters
    ----------
    result : ReplayResult
    gates : Gates
    baseline : mapping, optional
        A result's JSON.
    reason_for : callable
        Why a recording may be heard wrongly; None if it may not.
    """
    comparison = None if baseline is None else compare(result, baseline)
    wrong = {outcome.recording.name for outcome in result.outcomes if outcome.is_wrong} | set(result.unheard)
    names = [*(outcome.recording.name for outcome in result.outcomes), *result.unheard]
    reasons = {name: reason_for(name) for name in names}
    known = {name: reason for name, reason in reasons.items() if reason is not None}
    judged = [_heard(result, known), *gates.judge(result, baseline=baseline, known=tuple(known))]
    failures = _failures(result, gates, comparison, known)
    if comparison is not None:
        worse = [change for change in comparison.worse if change.recording not in known]
        judged.append(Gate(name="baseline", problem=comparison.headline if worse else None))
    return Verdict(
        result=result,
        gates=tuple(judged),
        comparison=comparison,
        failures={name: tuple(why) for name, why in failures.items()},
        known={name: reason for name, reason in known.items() if name in wrong},
        mended=tuple(name for name in known if name not in wrong),
    )


def _heard(result: ReplayResult, known: Mapping[str, str]) -> Gate:
    unheard = [name for name in result.unheard if name not in known]
    problem = f"expected every recording heard and got {first_few(unheard)} that could not be" if unheard else None
    return Gate(name="heard", problem=problem)


def _failures(
    result: ReplayResult, gates: Gates, comparison: Comparison | None, known: Mapping[str, str]
) -> dict[str, list[str]]:
    failures = {name: [why] for name, why in result.unheard.items() if name not in known}
    for change in comparison.worse if comparison is not None else ():
        if change.recording not in known and change.recording not in result.unheard:
            failures.setdefault(change.recording, []).append(f"{change.what}: was {change.before}, now {change.now}")
    for outcome in result.outcomes:
        name = outcome.recording.name
        if gates.equal_to_host and outcome.equals_host is False:
            failures.setdefault(name, []).append("features, scores or events differ from the host library")
        if gates.no_mistakes and outcome.is_wrong and name not in known:
            failures.setdefault(name, []).extend(mistakes_of(outcome, result.listening.sample_rate_hz))
    return failures
