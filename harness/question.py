"""One metric asked of one cohort, and the row that answers it."""

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from harness import contracts, shelf
from harness.cases import Cases, Units
from harness.record import Measurement, Where
from harness.statistics.influence import Codes, Influence
from harness.statistics.intervals import Interval, interval
from harness.suite import MetricSpec, Policy

Metrics = Sequence[MetricSpec]


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
