"""Predictions to measurements: how good the shipped model is, how sure that is, and for whom."""

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from harness import contracts, shelf
from harness.cases import ELSEWHERE, SHIPPED, Cases, Units
from harness.errors import HarnessError
from harness.record import Measurement, Where
from harness.statistics.influence import Codes, Influence
from harness.statistics.intervals import Interval, interval
from harness.suite import MetricSpec, Policy

TORCH = "torch"
"""The variant that the shipped one is held against."""

Metrics = Sequence[MetricSpec]
_MAJORITY = MetricSpec(name="majority_rate")
MISSED, FALSE_ALARM = MetricSpec(name="missed_cases"), MetricSpec(name="false_alarm_cases")
"""Of masks always asked: how often nothing is found, and how often what is not there."""


def score(predictions: Cases, metrics: Metrics, policy: Policy) -> tuple[Measurement, ...]:
    """Every quality row of a model.

    The shipped variant on test: over all, a class against the rest, and by group; on val; on test
    cases of other datasets; against its torch twin. Raises HarnessError for what is no probability.
    """
    predictions.sound()
    test, val = predictions.select("test"), predictions.select("val")
    return (
        *(row for ask, few in on_test(metrics, test, policy) for row in answers(ask, policy, few)),
        *answers(ask(metrics, val, {"split": "val"}) if len(val) else [], policy),
        *_elsewhere(_overall(metrics, predictions.of_kind), predictions, policy),
        *_against_torch(metrics, predictions, policy),
    )


def _overall(metrics: Metrics, kind: str) -> Metrics:
    always = (MISSED, FALSE_ALARM) if kind == "mask" else (_MAJORITY,)
    return (*metrics, *(spec for spec in always if spec not in metrics))


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """One metric of one cohort."""

    spec: MetricSpec
    metric: contracts.Metric
    cohort: Any
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
        return f"needs {self.metric.NEEDS}; got {self.cohort.tally()}"

    @property
    def excluded(self) -> int:
        """How many cases the policy leaves out, or the metric has nothing to say of."""
        count = getattr(self.metric, "excluded", None)
        return count(self.cohort) if count else 0


def ask(metrics: Iterable[MetricSpec], cohort: Cases, where: Where) -> list[Question]:
    """Of the metrics that are for such cases, and what always stands beside them."""
    wanted = _with_those_beside(metrics)
    asked = [Question(spec, shelf.load("metrics", spec.name), cohort, where) for spec in wanted]
    return [question for question in asked if cohort.of_kind in contracts.kinds(question.metric)]


def _with_those_beside(metrics: Iterable[MetricSpec]) -> list[MetricSpec]:
    """Each of `BESIDE` after its metric, with the same arguments, where it is not asked for."""
    asked = list(metrics)
    names, wanted = {spec.name for spec in asked}, []
    for spec in asked:
        beside = getattr(shelf.load("metrics", spec.name), "BESIDE", ())
        more = [MetricSpec(name=name, args=spec.args) for name in beside if name not in names]
        wanted += [spec, *more]
    return wanted


def _ask_by_class(metrics: Metrics, cohort: Cases) -> Iterator[Question]:
    if len(cohort.classes) == 1:
        return
    for k, name in enumerate(cohort.classes):
        asked = ask(metrics, cohort.one_against_rest(k), {"class": name})
        yield from (question for question in asked if question.metric.PER_CLASS)


def on_test(
    metrics: Metrics, test: Cases, policy: Policy
) -> Iterator[tuple[list[Question], str | None]]:
    """What is asked of the test cases, a cohort at a time, and why not where it is too small."""
    overall = _overall(metrics, test.of_kind)
    yield [*ask(overall, test, {}), *_ask_by_class(overall, test)], None
    for column, values in test.groups.items():
        named = np.where(values == "", "unknown", values)
        for name in sorted(set(named.tolist()), key=in_order):
            cohort = test.where(np.asarray(named == name))
            yield ask(metrics, cohort, {f"group.{column}": name}), too_few(cohort, policy)


def too_few(cohort: Cases, policy: Policy) -> str | None:
    """Why nothing is said of a part of the cases; None where it is large enough."""
    cases = "1 case" if len(cohort) == 1 else f"{len(cohort)} cases"
    small = len(cohort) < policy.groups_min_n
    return f"only {cases}; groups_min_n is {policy.groups_min_n}" if small else None


def in_order(band: str) -> tuple[float, str]:
    """The key by which groups stand: "<0.5" before "0.5-4" before "12-20", then words."""
    number = re.match(r"(?:>=)?(-?\d+(?:\.\d+)?)", band)
    low = float(number[1]) if number else math.inf
    return -math.inf if re.match(r"<-?[\d.]", band) else low, band


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
            yield row_of(question, units, value, reason=few)
            continue
        moved, bounds = question.influence(units.codes), question.metric.RANGE
        found = interval(value, moved, bounds, level=policy.interval.level, over=units.over)
        yield row_of(question, units, value, interval=found)


def _elsewhere(metrics: Metrics, predictions: Cases, policy: Policy) -> Iterator[Measurement]:
    """External validation: the test cases of each other dataset, in order of appearance."""
    for split in dict.fromkeys(predictions.split.tolist()):
        if split.startswith(ELSEWHERE):
            where = {"dataset": split.removeprefix(ELSEWHERE)}
            yield from answers(ask(metrics, predictions.select(split), where), policy)


def _against_torch(metrics: Metrics, predictions: Cases, policy: Policy) -> Iterator[Measurement]:
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
    theirs = ask(metrics, twin.select("test", TORCH), {})
    for our, their in zip(ask(metrics, test, {"variant": TORCH}), theirs, strict=True):
        row = row_of(our, test.units(policy.interval.over), our.value - their.value)
        yield dataclasses.replace(row, kind="difference")
    apart, flips, n, over = shipped.parity(twin)
    about: dict[str, Any] = {"n": n, "over": over, "better": "lower"}
    yield Measurement(metric="parity_max_abs", value=apart, **about)
    yield Measurement(
        metric="parity_flips", value=flips, unit="cases" if over == "image" else f"{over}s", **about
    )


def row_of(
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
        "excluded": question.excluded,
        "unit": question.metric.UNIT,
        "better": question.metric.BETTER,
    }
    if math.isnan(value):
        return Measurement(value=None, status="undefined", reason=reason or question.need, **about)
    if interval is not None:
        about |= {"ci": interval.ci, "level": interval.level, "method": interval.method}
    return Measurement(value=value, **about)


def _in_order(predictions: Cases, variant: str) -> Any:
    """The test and val cases of one variant, by split and id."""
    measured = np.isin(predictions.split, ("test", "val")) & (predictions.variant == variant)
    cases = predictions.where(measured)
    return cases.where(np.lexsort((cases.id, cases.split)))
