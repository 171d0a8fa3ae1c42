"""Other tests of a paired difference, where they are asked for: bootstrap, permutation, McNemar."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness import shelf
from harness.cases import Cases, Units
from harness.compare import cohort
from harness.differences import Difference
from harness.statistics.mcnemar import mcnemar
from harness.statistics.permutation import permutation
from harness.statistics.resampling import (
    RESAMPLES,
    percentile_interval,
    percentile_p,
    replicates,
)
from harness.suite import Interval, MetricSpec

Test = Literal["default", "bootstrap", "permutation", "mcnemar"]
Tables = Sequence[Cases]

MOST_UNDEFINED = 0.05
"""Share of undefined resamples from which the rest no longer stand for all."""
COUNTED: Mapping[str, int | None] = {
    "accuracy": None,
    "exact_match": None,
    "sensitivity": 1,
    "specificity": 0,
}
"""Shares of right cases, which McNemar's test is for: of all, or of those of one class of two."""


def retest(
    found: Difference,
    test: Test,
    spec: MetricSpec,
    a: Tables,
    b: Tables,
    interval: Interval,
    where: Mapping[str, str] | None = None,
) -> Difference | str:
    """`found` with the p of another test, and with its interval where it has one.

    As `compare.difference` takes them, but that `a` and `b` are of the same seeds in the same
    order. Gives the sentence why not, where the test is not for such data.
    """
    if test == "default":
        return found
    sides = [[cohort(table, where or {}) for table in tables] for tables in (a, b)]
    units = sides[0][0].units(interval.over)
    if test == "bootstrap":
        return _bootstrap(found, spec, sides, units, interval.level)
    if test == "permutation":
        return _permutation(found, spec, sides, units)
    return _mcnemar(found, spec, sides, units)


def _bootstrap(
    found: Difference, spec: MetricSpec, sides: Sequence[Tables], units: Units, level: float
) -> Difference | str:
    measure = shelf.load("metrics", spec.name).measure
    measures = [partial(measure, table, **spec.args) for tables in sides for table in tables]
    drawn = replicates(measures, units.codes, RESAMPLES, seed=0)
    cut = len(sides[0])
    spread = _sign(spec) * (drawn[:cut].mean(axis=0) - drawn[cut:].mean(axis=0))
    defined = spread[np.isfinite(spread)]
    lost = len(spread) - len(defined)
    if lost >= MOST_UNDEFINED * len(spread):
        return f"{spec.name} is undefined in {lost} of {len(spread)} resamples"
    return found.tested(
        percentile_p(defined),
        ci=percentile_interval(defined, level),
        method=f"paired percentile bootstrap over {units.over}s, {RESAMPLES:,} resamples",
    )


def _permutation(
    found: Difference, spec: MetricSpec, sides: Sequence[Tables], units: Units
) -> Difference:
    measure = shelf.load("metrics", spec.name).measure
    both = [type(pair[0]).concatenated(pair) for pair in zip(*sides, strict=True)]
    p, made = permutation([partial(measure, table, **spec.args) for table in both], units.codes)
    how = "exact permutation" if made is None else "permutation"
    choices = "" if made is None else f", {made:,} random choices"
    return found.tested(p, method=f"{how} over {units.over}s{choices}; interval: {found.method}")


def _mcnemar(
    found: Difference, spec: MetricSpec, sides: Sequence[Tables], units: Units
) -> Difference | str:
    one: Any = sides[0][0]
    other: Any = sides[1][0]
    if not _counted(spec, one):
        return f"McNemar's test is for shares of right cases, and {spec.name} here is none"
    if len(sides[0]) > 1:
        return "McNemar's test is of one checkpoint against another; name a --seed"
    of = COUNTED[spec.name]
    mine = np.ones(len(one), dtype=np.bool_) if of is None else one.y_true == of
    p = mcnemar(_right(one)[mine], _right(other)[mine], units.codes[mine])
    return found.tested(p, method=f"exact McNemar over {units.over}s; interval: {found.method}")


def _counted(spec: MetricSpec, table: Any) -> bool:
    """Does the metric, of such data, count cases that are right?"""
    if table.of_kind == "multilabel":
        return spec.name == "exact_match"
    return spec.name in COUNTED and (COUNTED[spec.name] is None or len(table.classes) == 2)


def _right(table: Any) -> NDArray[np.bool_]:
    """(n,): is everything about a case decided rightly?"""
    right: NDArray[np.bool_] = (table.truth == table.decided).all(axis=1)
    return right


def _sign(spec: MetricSpec) -> float:
    return -1.0 if shelf.load("metrics", spec.name).BETTER == "lower" else 1.0
