"""Models against models: paired differences on the same cases."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from harness import shelf
from harness.baselines import Entry
from harness.contracts import kinds
from harness.errors import HarnessError
from harness.predictions import Predictions, decide
from harness.statistics.intervals import (
    FEWEST_UNITS,
    RESAMPLES,
    percentile_interval,
    replicates,
)
from harness.suite import Interval, MetricSpec

Z_DETECT = 1.959964 + 0.841621  # normal quantiles: two-sided 5 %, power 80 %


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`effect` is a minus b in the better direction, so that above 0 is a gain."""

    metric: str
    a: float
    b: float
    effect: float
    ci: tuple[float, float]
    error: float
    method: str

    @property
    def minimum_detectable_effect(self) -> float:
        """The change that such data would show with 80 % power at a two-sided level of 5 %."""
        return Z_DETECT * self.error


def difference(
    spec: MetricSpec,
    a: Sequence[Predictions],
    b: Sequence[Predictions],
    interval: Interval,
    where: Mapping[str, str] | None = None,
) -> Difference | str:
    """Mean over the seeds of `a` minus that of `b` on the same cases, by a paired bootstrap.

    One entry a seed; units (subjects where known) are drawn once for both sides. `where` names
    cohorts. Gives the sentence why not, where a side or too many resamples are undefined.
    """
    metric = shelf.load("metrics", spec.name)
    sides = [[cohort(table, where or {}) for table in tables] for tables in (a, b)]
    first = sides[0][0]
    if first.kind not in kinds(metric):
        return f"{spec.name} is for data of kind {' or '.join(kinds(metric))}, not {first.kind}"
    units = first.units(interval.over)
    if len(np.unique(units.codes)) < FEWEST_UNITS:
        return f"{spec.name} has no interval from fewer than {FEWEST_UNITS} {units.over}s"
    measures = [partial(metric.measure, table, **spec.args) for tables in sides for table in tables]
    ones = np.ones((1, len(first)))
    values = np.array([measure(ones)[0] for measure in measures])
    if not np.isfinite(values).all():
        return f"{spec.name} is undefined: it needs {metric.NEEDS}"
    drawn = replicates(measures, units.codes, RESAMPLES, seed=0)
    sign = -1.0 if metric.BETTER == "lower" else 1.0
    cut = len(a)
    spread = sign * (drawn[:cut].mean(axis=0) - drawn[cut:].mean(axis=0))
    defined = spread[np.isfinite(spread)]
    if len(defined) < 0.95 * len(spread):
        lost = len(spread) - len(defined)
        return f"{spec.name} is undefined in {lost} of {len(spread)} resamples"
    mean_a, mean_b = float(values[:cut].mean()), float(values[cut:].mean())
    return Difference(
        metric=spec.name,
        a=mean_a,
        b=mean_b,
        effect=sign * (mean_a - mean_b),
        ci=percentile_interval(defined, interval.level),
        error=float(defined.std(ddof=1)),
        method=f"paired percentile bootstrap over {units.over}s, {RESAMPLES} resamples",
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
