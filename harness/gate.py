"""Verdicts: what each gate of a suite says of each model, from records alone."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from harness import shelf
from harness.baselines import Entry
from harness.comparable import incomparable
from harness.compare import difference, with_scores
from harness.contracts import kinds
from harness.differences import alike
from harness.environment import differences
from harness.errors import HarnessError
from harness.judgement import trial
from harness.plan import EXTERNAL
from harness.record import CONDITIONS, Measurement, Verdict
from harness.rules import LATENCY_METRICS
from harness.suite import Gate, MetricSpec, Policy, Suite
from harness.trial import Trial, noted

SEVERITY = {"missing": 1, "regressed": 1, "not-comparable": 4, "inconclusive": 3}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Current checkpoints of one model, dataset and device by seed, with their test predictions."""

    subject: str
    entries: Mapping[int, Entry]
    predictions: Mapping[int, Any]


def verdicts(suite: Suite, side: Side, accepted: Mapping[int, Entry]) -> list[Trial | Verdict]:
    """Of every gate of `suite` on one model, to be `settled` with those of all others.

    Raises HarnessError where a gate selects no row.
    """
    seeds = sorted(side.entries.keys() & accepted.keys())
    if not side.entries or (accepted and not seeds):
        measured = sorted(side.entries)
        reason = f"no seed in common: accepted {sorted(accepted)}, measured {measured}; " + (
            "run an accepted seed, or accept those"
            if measured
            else "harness run the suite as it is"
        )
        return [_verdict(gate.name, side, "missing", reason) for gate in suite.gates]
    different = incomparable([(side.entries[seed], accepted[seed]) for seed in seeds])
    if different:
        return [_verdict(gate.name, side, "not-comparable", different) for gate in suite.gates]
    changed = dict.fromkeys(
        each
        for seed in seeds
        for each in differences(
            side.entries[seed].record.environment, accepted[seed].record.environment
        )
    )
    return [
        noted(verdict, tuple(changed))
        for gate in suite.gates
        for verdict in _verdicts(suite, gate, side, accepted, seeds)
    ]


def _verdicts(
    suite: Suite, gate: Gate, side: Side, accepted: Mapping[int, Entry], seeds: Sequence[int]
) -> list[Trial | Verdict]:
    """Of one gate: one for each row that it selects; not run where the metric is for other data."""
    [kind] = {table.kind for table in side.predictions.values()}
    if gate.metric in shelf.names("metrics"):
        known = kinds(shelf.load("metrics", gate.metric))
        if kind not in known:
            reason = f"{gate.metric} is for data of kind {' or '.join(known)}, not {kind}"
            return [_verdict(gate.name, side, "not-run", reason)]
    elif side.subject.endswith(f"/{EXTERNAL}"):
        reason = "predictions made elsewhere have no file to time or weigh"
        return [_verdict(gate.name, side, "not-run", reason)]
    return [
        _judge(suite, gate, where, side, accepted, seeds)
        for where in _selected(gate, side, accepted)
    ]


def exit_code(found: Sequence[Verdict], policy: Policy) -> int:
    """0 pass, 1 regression, 3 inconclusive where that fails, 4 not comparable; the worst decides.

    Raises HarnessError where nothing was judged: a gate that measured nothing must not pass.
    """
    judged = [verdict for verdict in found if verdict.status != "not-run"]
    if not judged:
        raise HarnessError("check must judge at least one gate, got none; add a quality gate")
    codes = {SEVERITY.get(verdict.status, 0) for verdict in judged}
    if policy.inconclusive == "pass":
        codes.discard(3)
    return next((code for code in (1, 4, 3) if code in codes), 0)


def _judge(
    suite: Suite,
    gate: Gate,
    where: Mapping[str, str],
    side: Side,
    accepted: Mapping[int, Entry],
    seeds: Sequence[int],
) -> Trial | Verdict:
    name = dataclasses.replace(gate, where=where).name
    if gate.metric in LATENCY_METRICS:
        reason = "latency is only judged between two timings of one job; not part of this check"
        return _verdict(name, side, "not-run", reason)
    current = _mean(side.entries, gate.metric, where, seeds or sorted(side.entries))
    if current is None:
        then = _mean(accepted, gate.metric, where, seeds)
        why = _why(side.entries, gate.metric, where) or "absent"
        if then is None and any(
            entry.record.find(gate.metric, **where) for entry in side.entries.values()
        ):
            return _verdict(name, side, "not-run", f"undefined, and nothing else accepted: {why}")
        return _verdict(name, side, "missing", f"undefined or absent now: {why}", baseline=then)
    if not seeds:
        return _verdict(name, side, "new", "nothing accepted yet: harness accept", current=current)
    baseline = _mean(accepted, gate.metric, where, seeds)
    if baseline is None:
        return _verdict(name, side, "new", "the accepted record has no such value", current=current)
    spec = next((metric for metric in suite.metrics if metric.name == gate.metric), None)
    if spec is None:
        return _by_value(name, gate, side, baseline, current)
    return _by_cases(suite, spec, gate, where, side, accepted, seeds)


def _by_value(name: str, gate: Gate, side: Side, baseline: float, current: float) -> Verdict:
    """Sizes and parities are exact and better when lower: no interval, only the declared limit."""
    limit = baseline + gate.margin if gate.margin is not None else baseline * (gate.ratio or 1)
    status = "regressed" if current > limit else "improved" if current < baseline else "ok"
    reason = f"{current:g} against at most {limit:g}"
    return _verdict(
        name, side, status, reason, baseline=baseline, current=current, effect=baseline - current
    )


def _by_cases(
    suite: Suite,
    spec: MetricSpec,
    gate: Gate,
    where: Mapping[str, str],
    side: Side,
    accepted: Mapping[int, Entry],
    seeds: Sequence[int],
) -> Trial | Verdict:
    now = [side.predictions[seed] for seed in seeds]
    threshold = suite.policy.threshold
    then = [with_scores(side.predictions[seed], accepted[seed], threshold) for seed in seeds]
    name = dataclasses.replace(gate, where=where).name
    found = difference(spec, now, then, suite.policy.interval, where)
    if isinstance(found, str):
        same = all(map(alike, now, then))
        status, reason = (
            ("ok", "every case is answered as before") if same else ("inconclusive", found)
        )
        numbers = {"baseline": _mean(accepted, gate.metric, where, seeds)}
        numbers |= {"current": _mean(side.entries, gate.metric, where, seeds)}
        return _verdict(name, side, status, reason, **numbers)
    return trial(name, side.subject, found, gate.margin or 0.0)


def _verdict(gate: str, side: Side, status: str, reason: str, **numbers: object) -> Verdict:
    return Verdict(gate=gate, subject=side.subject, status=status, reason=reason, **numbers)  # type: ignore[arg-type]


def _selected(gate: Gate, side: Side, accepted: Mapping[int, Entry]) -> list[Mapping[str, str]]:
    """The `where` of every row that the gate is about, on either side; never none."""
    found: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
    for entry in (*side.entries.values(), *accepted.values()):
        for row in entry.record.measurements:
            if _about(gate, row):
                found[tuple(sorted(row.where.items()))] = row.where
    if not found:
        raise HarnessError(
            f"gate {gate.name} must select a row of {side.subject}, got none; check its where"
        )
    return list(found.values())


def _about(gate: Gate, row: Measurement) -> bool:
    named = all(row.where.get(key) == value for key, value in gate.where.items())
    others = [key for key in row.where if key not in gate.where and key not in CONDITIONS]
    return row.metric == gate.metric and row.kind == "value" and named and not others


def _mean(
    entries: Mapping[int, Entry], metric: str, where: Mapping[str, str], seeds: Sequence[int]
) -> float | None:
    rows = [entries[seed].record.find(metric, **where) for seed in seeds]
    values = [row.value for row in rows if row is not None and row.value is not None]
    return sum(values) / len(values) if values and len(values) == len(rows) else None


def _why(entries: Mapping[int, Entry], metric: str, where: Mapping[str, str]) -> str | None:
    rows = [entry.record.find(metric, **where) for entry in entries.values()]
    return next((row.reason for row in rows if row is not None and row.reason), None)
