"""Models against models: paired differences on the same cases."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import stdtrit  # type: ignore[import-untyped]

from harness import shelf
from harness.baselines import Entry
from harness.contracts import influence, kinds
from harness.errors import HarnessError
from harness.predictions import Predictions, Units, decide
from harness.statistics.influence import Influence, mean, minus
from harness.statistics.intervals import FEWEST_UNITS
from harness.statistics.power import minimum_detectable_effect, p_below
from harness.suite import Interval, MetricSpec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The mean of a metric over the seeds of a model, and how much each unit moves it."""

    value: float
    influence: Influence
    units: Units


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`effect` is a minus b in the better direction, so that above 0 is a gain.

    `p` is two-sided, by Student's t with `df` degrees of freedom; `counted` of the `n` units bear
    on it. `bounds` are those of the metric, `errors` the standard errors of a and of b, and
    `correlation` that of the two.
    """

    metric: str
    a: float
    b: float
    effect: float
    ci: tuple[float, float]
    level: float
    p: float
    error: float
    df: float
    counted: int
    n: int
    over: str
    method: str
    bounds: tuple[float, float] = (-math.inf, math.inf)
    better: float = 1.0
    errors: tuple[float, float] = (0.0, 0.0)
    correlation: float = 0.0

    def error_at(self, drop: float) -> float:
        """The standard error were a worse than b by `drop`, 0 or more.

        Between two bounds a variance goes with (value - low)(high - value), as that of a share
        does, and the correlation stays; a share at a bound is worth the units that bear on it.
        Else the error is that of now.
        """
        low, high = self.bounds
        if not (math.isfinite(low) and math.isfinite(high)):
            return self.error
        lower = min(max(self.b - self.better * drop, low), high)
        room, error = (self.b - low) * (high - self.b), self.errors[1]
        worth = room / error**2 if room > 0 and error > 0 else self.df + 1
        dropped = math.sqrt((lower - low) * (high - lower) / worth)
        both = dropped**2 + error**2 - 2 * self.correlation * dropped * error
        return math.sqrt(max(both, 0.0))

    def detectable(self, margin: float, level: float) -> float | None:
        """The drop that a gate with this margin calls a regression with 80 % probability.

        None where there is none that large, or no error to tell it from.
        """
        if self.error == 0:
            return None
        low, high = self.bounds
        room = self.b - low if self.better > 0 else high - self.b
        return minimum_detectable_effect(self.error_at, self.df, margin, level, room)


def difference(
    spec: MetricSpec,
    a: Sequence[Predictions],
    b: Sequence[Predictions],
    interval: Interval,
    where: Mapping[str, str] | None = None,
) -> Difference | str:
    """Mean over the seeds of `a` minus that of `b` on the same cases, paired by unit.

    One entry a seed; units are subjects where known. `where` names cohorts. Gives the sentence why
    not, where a side or its error is undefined.
    """
    one, other = (estimate(spec, tables, interval, where) for tables in (a, b))
    if isinstance(one, str):
        return one
    return other if isinstance(other, str) else between(spec, one, other, interval.level)


def estimate(
    spec: MetricSpec,
    tables: Sequence[Predictions],
    interval: Interval,
    where: Mapping[str, str] | None = None,
) -> Estimate | str:
    """One side of a difference, which may stand against many others; or the sentence why not."""
    metric = shelf.load("metrics", spec.name)
    cohorts = [cohort(table, where or {}) for table in tables]
    first = cohorts[0]
    if first.kind not in kinds(metric):
        return f"{spec.name} is for data of kind {' or '.join(kinds(metric))}, not {first.kind}"
    units = first.units(interval.over)
    if len(np.unique(units.codes)) < FEWEST_UNITS:
        return f"{spec.name} has no interval from fewer than {FEWEST_UNITS} {units.over}s"
    ones = np.ones((1, len(first)))
    values = [float(metric.measure(table, ones, **spec.args)[0]) for table in cohorts]
    if not np.isfinite(values).all():
        return f"{spec.name} is undefined: it needs {metric.NEEDS}"
    moved = mean([influence(metric, table, units.codes, spec.args) for table in cohorts])
    if not (math.isfinite(moved.error) and moved.df >= 1):
        return f"{spec.name} has no interval where a class has fewer than two {units.over}s"
    return Estimate(value=float(np.mean(values)), influence=moved, units=units)


def between(spec: MetricSpec, a: Estimate, b: Estimate, level: float) -> Difference:
    """The difference of two estimates on the same units."""
    metric = shelf.load("metrics", spec.name)
    better = -1.0 if metric.BETTER == "lower" else 1.0
    apart = minus(a.influence, b.influence)
    effect, error, counted = better * (a.value - b.value), apart.error, apart.counted
    half = float(stdtrit(apart.df, (1 + level) / 2)) * error
    errors = (a.influence.error, b.influence.error)
    shared = float(a.influence.by_unit @ b.influence.by_unit)
    return Difference(
        metric=spec.name,
        a=a.value,
        b=b.value,
        effect=effect,
        ci=(effect - half, effect + half),
        level=level,
        p=min(1.0, 2 * p_below(-abs(effect), error, apart.df, counted)),
        error=error,
        df=apart.df,
        counted=counted,
        n=len(apart.by_unit),
        over=a.units.over,
        method=f"paired by {a.units.over}, {apart.method}, t with {apart.df:g} df",
        bounds=metric.RANGE,
        better=better,
        errors=errors,
        correlation=shared / math.prod(errors) if math.prod(errors) > 0 else 0.0,
    )


def cohort(predictions: Predictions, where: Mapping[str, str]) -> Predictions:
    """The cases that `where` names: `class` against the rest, and values of `group.NAME`.

    Raises HarnessError for a class or group that the data does not have.
    """
    for key, value in where.items():
        column = predictions.groups.get(key.removeprefix("group."))
        if column is not None:
            column = np.where(column == "", "unknown", column)
        if key == "class" and value in predictions.classes:
            predictions = predictions.one_against_rest(predictions.classes.index(value))
        elif key.startswith("group.") and column is not None and value in column:
            predictions = predictions.where(column == value)
        else:
            raise HarnessError(f"where must be a class or group of the data, got {key} = {value!r}")
    return predictions


def with_scores(cases: Predictions, entry: Entry, threshold: float) -> Predictions:
    """The cases of `cases` with the probabilities of an accepted entry: its labels come from here.

    Raises HarnessError where the entry is not of as many cases.
    """
    probability = entry.probability
    if probability is None or probability.shape != cases.probability.shape:
        got = None if probability is None else probability.shape
        raise HarnessError(
            f"accepted scores of {entry.record.run.get('id')} must be {cases.probability.shape}, "
            f"got {got}; accept the baseline again"
        )
    decision = decide(probability, cases.kind, threshold)
    return dataclasses.replace(cases, probability=probability, decision=decision)
