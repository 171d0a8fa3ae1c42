"""Models against models: paired differences on the same cases."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]

from harness import shelf
from harness.baselines import Entry
from harness.cases import Cases, Units
from harness.contracts import influence, kinds
from harness.differences import ROUNDING, Difference, alike
from harness.errors import HarnessError
from harness.record import DIRECTIONS
from harness.statistics.influence import Codes, Influence, mean, minus
from harness.statistics.intervals import FEWEST_UNITS
from harness.statistics.permutation import permutation
from harness.statistics.power import p_below
from harness.suite import Interval, MetricSpec

FEW, MANY, CANDIDATE = 10, 2_000, 0.05
"""Units of a class that Student's t is not left alone with, units that it is right for, and p."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The mean of a metric over the seeds of a model, and how much each unit moves it."""

    value: float
    influence: Influence
    units: Units


def difference(
    spec: MetricSpec,
    a: Sequence[Cases],
    b: Sequence[Cases],
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
    if isinstance(other, str):
        return other
    found = between(spec, one, other, interval.level)
    return confirmed(found, spec, a, b, one.units.codes, where)


def confirmed(
    found: Difference,
    spec: MetricSpec,
    a: Sequence[Cases],
    b: Sequence[Cases],
    units: Codes,
    where: Mapping[str, str] | None = None,
) -> Difference:
    """`found` with p values that do not rest on Student's t where that may be too sure.

    That is where a class has few units, an end of the metric is open, or nothing scatters: then the
    models change places on random units, and the larger p counts, as far as 9,999 choices tell.
    `a` and `b` are of the same seeds in the same order, or of one seed each.
    """
    same = len(a) == len(b) and all(map(alike, a, b))
    found = dataclasses.replace(found, same=same)
    still = found.error <= ROUNDING
    few = found.fewest < FEW or not all(map(math.isfinite, found.bounds))
    moved = abs(found.effect) > ROUNDING and len(a) == len(b) and found.n <= MANY
    if not moved or not (still or (few and min(found.below, found.above) < CANDIDATE)):
        return found
    metric = shelf.load("metrics", spec.name)
    sides = [[cohort(table, where or {}) for table in tables] for tables in (a, b)]
    both = [type(pair[0]).concatenated(pair) for pair in zip(*sides, strict=True)]
    p, made = permutation([partial(metric.measure, table, **spec.args) for table in both], units)
    told = made is None or p > 2 / (made + 1)
    if math.isnan(p) or not (still or told):
        return found
    without = 2 * min(found.below, found.above)
    known = max(without, p) if not still else p if told else min(without, p)
    return found.tested(known, method=f"{found.method}; p by permutation")


def estimate(
    spec: MetricSpec,
    tables: Sequence[Cases],
    interval: Interval,
    where: Mapping[str, str] | None = None,
) -> Estimate | str:
    """One side of a difference, which may stand against many others; or the sentence why not."""
    metric = shelf.load("metrics", spec.name)
    cohorts = [cohort(table, where or {}) for table in tables]
    first = cohorts[0]
    if metric.BETTER not in DIRECTIONS:
        return f"{spec.name} is not better where it is higher, nor where it is lower"
    if first.of_kind not in kinds(metric):
        return f"{spec.name} is for data of kind {' or '.join(kinds(metric))}, not {first.of_kind}"
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
    if not np.array_equal(a.units.codes, b.units.codes):
        raise HarnessError(
            f"both sides must know the same {a.units.over}s of each case, got different ones; "
            "give subjects to both or to none"
        )
    metric = shelf.load("metrics", spec.name)
    better = -1.0 if metric.BETTER == "lower" else 1.0
    apart = minus(a.influence, b.influence)
    effect, error = better * (a.value - b.value), apart.error
    fewest = min(a.influence.fewest, b.influence.fewest)
    half = float(stdtrit(apart.df, (1 + level) / 2)) * error
    errors, widest = (a.influence.error, b.influence.error), metric.RANGE[1] - metric.RANGE[0]
    shared = float(a.influence.by_unit @ b.influence.by_unit)
    return Difference(
        metric=spec.name,
        a=a.value,
        b=b.value,
        effect=effect,
        ci=(max(effect - half, -widest), min(effect + half, widest)),
        level=level,
        below=p_below(effect, error, apart.df, fewest),
        above=p_below(-effect, error, apart.df, fewest),
        error=error,
        df=apart.df,
        fewest=fewest,
        n=len(apart.by_unit),
        over=a.units.over,
        method=f"paired by {a.units.over}, {apart.method}, t with {apart.df:g} df",
        bounds=metric.RANGE,
        better=better,
        errors=errors,
        correlation=shared / math.prod(errors) if math.prod(errors) > 0 else 0.0,
    )


def cohort(predictions: Cases, where: Mapping[str, str]) -> Cases:
    """The cases that `where` names: `class` against the rest, and values of `group.NAME`.

    Raises HarnessError for a class or group that the data does not have.
    """
    classes = predictions.classes
    for key, value in where.items():
        column = predictions.groups.get(key.removeprefix("group."))
        if column is not None:
            column = np.where(column == "", "unknown", column)
        if key == "class" and value in predictions.classes:
            predictions = predictions.one_against_rest(predictions.classes.index(value))
        elif key.startswith("group.") and column is not None and value in column:
            predictions = predictions.where(column == value)
        else:
            known = _known(classes, predictions.groups)
            got = f"{key} = {value!r}; there are {known}"
            raise HarnessError(f"where must be a class or group of the data, got {got}")
    return predictions


def _known(classes: Sequence[str], groups: Mapping[str, NDArray[Any]]) -> str:
    """What `where` may say, as it is written."""
    said = [f"class={name}" for name in classes]
    for name, column in groups.items():
        values = {value or "unknown" for value in column.tolist()}
        said += [f"group.{name}={value}" for value in sorted(values)]
    return ", ".join(said)


def with_scores(cases: Any, entry: Entry, threshold: float) -> Any:
    """The cases of `cases` with what an accepted entry said of them: labels come from here.

    Raises HarnessError where the entry is not of as many cases.
    """
    try:
        return cases.with_scores(entry.scores or {}, threshold)
    except (KeyError, ValueError) as error:
        raise HarnessError(
            f"accepted scores of {entry.record.run.get('id')} must be of these {len(cases)} cases "
            f"and their classes, got others: {error}; accept the baseline again"
        ) from None
