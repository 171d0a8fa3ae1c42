"""Predictions to measurements: how good the shipped model is, how sure that is, and for whom."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from harness import contracts, shelf
from harness.cases import ELSEWHERE, SHIPPED, Units
from harness.errors import HarnessError
from harness.predictions import Predictions
from harness.record import Measurement, Where
from harness.statistics.influence import Codes, Influence
from harness.statistics.intervals import Interval, interval
from harness.suite import MetricSpec, Policy

TORCH = "torch"
"""The variant that the shipped one is held against."""

Metrics = Sequence[MetricSpec]
_MAJORITY = MetricSpec(name="majority_rate")
_SUM_TOLERANCE = 1e-4


def score(predictions: Predictions, metrics: Metrics, policy: Policy) -> tuple[Measurement, ...]:
    """Every quality row of a model.

    The shipped variant on test: over all, a class against the rest, and by group; on val; on test
    cases of other datasets; against its torch twin. Raises HarnessError for what is no probability.
    """
    _refuse_improbable(predictions)
    test, val = predictions.select("test"), predictions.select("val")
    return (
        *(row for ask, few in on_test(metrics, test, policy) for row in answers(ask, policy, few)),
        *answers(_ask(metrics, val, {"split": "val"}) if len(val) else [], policy),
        *_elsewhere(_overall(metrics), predictions, policy),
        *_against_torch(metrics, predictions, policy),
    )


def _overall(metrics: Metrics) -> Metrics:
    return metrics if _MAJORITY in metrics else (*metrics, _MAJORITY)


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """One metric of one cohort."""

    spec: MetricSpec
    metric: contracts.Metric
    cohort: Predictions
    where: Where

    @property
    def value(self) -> float:
        """NaN where undefined."""
        ones = np.ones((1, len(self.cohort)))
        return float(self.metric.measure(self.cohort, ones, **self.spec.args)[0])

    def influence(self, units: Codes) -> Influence:
        """How much each unit moves the value, where that is defined."""
        return contracts.influence(self.metric, self.cohort, units, self.spec.args)

    @property
    def need(self) -> str:
        """Why a value is undefined: needs cases of every class; got 12 benign, 0 malignant."""
        true = self.cohort.truth.sum(axis=0)
        got = ", ".join(f"{n} {name}" for n, name in zip(true, self.cohort.classes, strict=True))
        return f"needs {self.metric.NEEDS}; got {got}"


def _ask(metrics: Iterable[MetricSpec], cohort: Predictions, where: Where) -> list[Question]:
    asked = [Question(spec, shelf.load("metrics", spec.name), cohort, where) for spec in metrics]
    return [question for question in asked if cohort.kind in contracts.kinds(question.metric)]


def _ask_by_class(metrics: Metrics, cohort: Predictions) -> Iterator[Question]:
    for k, name in enumerate(cohort.classes):
        asked = _ask(metrics, cohort.one_against_rest(k), {"class": name})
        yield from (question for question in asked if question.metric.PER_CLASS)


def on_test(
    metrics: Metrics, test: Predictions, policy: Policy
) -> Iterator[tuple[list[Question], str | None]]:
    """What is asked of the test cases, a cohort at a time, and why not where it is too small."""
    yield [*_ask(_overall(metrics), test, {}), *_ask_by_class(metrics, test)], None
    for column, values in test.groups.items():
        named = np.where(values == "", "unknown", values)
        for name in sorted(set(named.tolist())):
            cohort = test.where(np.asarray(named == name))
            cases = "1 case" if len(cohort) == 1 else f"{len(cohort)} cases"
            few = f"only {cases}; groups_min_n is {policy.groups_min_n}"
            small = len(cohort) < policy.groups_min_n
            yield _ask(metrics, cohort, {f"group.{column}": name}), few if small else None


def answers(
    questions: Sequence[Question], policy: Policy, few: str | None = None
) -> Iterator[Measurement]:
    """A row each, about the same cases; undefined for `few`, if so."""
    if not questions:
        return
    units = questions[0].cohort.units(policy.interval.over)
    for question in questions:
        value = math.nan if few else question.value
        if math.isnan(value):
            yield _row(question, units, value, reason=few)
            continue
        moved, bounds = question.influence(units.codes), question.metric.RANGE
        found = interval(value, moved, bounds, level=policy.interval.level, over=units.over)
        yield _row(question, units, value, interval=found)


def _elsewhere(metrics: Metrics, predictions: Predictions, policy: Policy) -> Iterator[Measurement]:
    """External validation: the test cases of each other dataset, in order of appearance."""
    for split in dict.fromkeys(predictions.split.tolist()):
        if split.startswith(ELSEWHERE):
            where = {"dataset": split.removeprefix(ELSEWHERE)}
            yield from answers(_ask(metrics, predictions.select(split), where), policy)


def _against_torch(
    metrics: Metrics, predictions: Predictions, policy: Policy
) -> Iterator[Measurement]:
    """What the export changed: each metric on test, and outputs and decisions on test and val."""
    twin, shipped = _in_order(predictions, TORCH), _in_order(predictions, SHIPPED)
    if not len(twin):
        return
    if not all(np.array_equal(getattr(twin, of), getattr(shipped, of)) for of in ("id", "split")):
        raise HarnessError(
            f"variants {TORCH} and {SHIPPED} must be of the same cases of test and val,"
            f" got {len(twin)} against {len(shipped)} cases; predict again"
        )
    test = shipped.select("test")
    theirs = _ask(metrics, twin.select("test", TORCH), {})
    for our, their in zip(_ask(metrics, test, {"variant": TORCH}), theirs, strict=True):
        row = _row(our, test.units(policy.interval.over), our.value - their.value)
        yield dataclasses.replace(row, kind="difference")
    about: dict[str, Any] = {"n": len(twin), "over": "image", "better": "lower"}
    apart = np.abs(shipped.probability - twin.probability).max()
    flips = (shipped.decided != twin.decided).any(axis=1).sum()
    yield Measurement(metric="parity_max_abs", value=float(apart), **about)
    yield Measurement(metric="parity_flips", value=float(flips), unit="cases", **about)


def _row(
    question: Question,
    units: Units,
    value: float,
    interval: Interval | None = None,
    reason: str | None = None,
) -> Measurement:
    """NaN is undefined, for `reason`, or else for what the metric needs."""
    about: dict[str, Any] = {
        "metric": question.spec.name,
        "where": question.where,
        "n": len(np.unique(units.codes)),
        "over": units.over,
        "unit": question.metric.UNIT,
        "better": question.metric.BETTER,
    }
    if math.isnan(value):
        return Measurement(value=None, status="undefined", reason=reason or question.need, **about)
    if interval is not None:
        about |= {"ci": interval.ci, "level": interval.level, "method": interval.method}
    return Measurement(value=value, **about)


def _in_order(predictions: Predictions, variant: str) -> Predictions:
    """The test and val cases of one variant, by split and id."""
    measured = np.isin(predictions.split, ("test", "val")) & (predictions.variant == variant)
    cases = predictions.where(measured)
    return cases.where(np.lexsort((cases.id, cases.split)))


def _refuse_improbable(predictions: Predictions) -> None:
    probability = predictions.probability
    within = np.all((probability >= 0) & (probability <= 1), axis=1, keepdims=True)
    total = np.where(within, probability, 0).sum(axis=1)
    labels = predictions.kind == "multilabel"
    sound = within[:, 0] if labels else np.abs(total - 1) <= _SUM_TOLERANCE
    if wrong := int((~sound).sum()):
        more = "" if labels else " and sum to 1 over the classes"
        raise HarnessError(
            f"probabilities must be finite, within [0, 1]{more}, got {wrong} of"
            f" {len(predictions)} cases that are not; give probabilities, not logits"
        )
