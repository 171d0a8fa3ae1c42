"""How far apart the groups of a column are: the largest gap, equal opportunity, equalised odds."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from harness.cases import Cases
from harness.cohorts import UNKNOWN, Cohort
from harness.question import ask, too_few
from harness.record import Measurement, Where
from harness.seeds import joined
from harness.sides import Side, correlation, side
from harness.statistics.intervals import Interval
from harness.statistics.mover import difference, effect_of
from harness.suite import MetricSpec, Policy

OPPORTUNITY, ODDS = "equal_opportunity_difference", "equalized_odds_difference"
_RATES = (MetricSpec(name="sensitivity"), MetricSpec(name="specificity"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Between the group of the highest and that of the lowest value, of `groups` in all."""

    value: float
    high: str
    low: str
    groups: int
    interval: Interval


Named = Sequence[tuple[str, Side]]


def gap(groups: Named, level: float, families: int = 1) -> Gap | None:
    """None where fewer than two groups have a value with an interval.

    The two are chosen for being furthest apart. So the interval is wide enough for any pair of
    groups (Bonferroni), in each of so many `families`.
    """
    known = [(name, one, one.estimate) for name, one in groups if one.known and one.estimate]
    if len(known) < 2:
        return None
    ordered = sorted(known, key=lambda each: each[2].value - each[2].centre)
    (low, below, least), (high, above, most) = ordered[0], ordered[-1]
    pairs = families * len(list(combinations(known, 2)))
    strict = 1 - (1 - level) / pairs
    found = difference(most, least, strict, correlation(above, below))
    told = f"{found.method}, wide enough for any of {pairs} pairs" if pairs > 1 else found.method
    return Gap(
        value=effect_of(most, least),
        high=high,
        low=low,
        groups=len(known),
        interval=Interval(ci=found.ci, level=level if found.ci else None, method=told),
    )


def row(
    metric: str, where: Where, found: Gap | None, groups: Named, unit: str = "1"
) -> Measurement:
    """A gap as a row; undefined where there are not two groups to be compared."""
    known = [one for _, one in groups if one.known]
    apart = sum(one.count for _, one in groups if not one.known)
    about: dict[str, Any] = {"metric": metric, "where": where, "unit": unit, "better": "lower"}
    about |= {"n": sum(one.count for one in known), "excluded": apart}
    about |= {"over": groups[0][1].units.over}
    if found is None:
        reason = (
            "needs two groups that are known, large enough and have cases of every class; "
            f"got {len(known)}"
        )
        return Measurement(value=None, status="undefined", reason=reason, **about)
    told = f"{found.high} over {found.low}, of {found.groups} groups; {found.interval.method}"
    return Measurement(
        value=found.value,
        ci=found.interval.ci,
        level=found.interval.level,
        method=told,
        **about,
    )


def odds(
    tables: Sequence[Cases], cohorts: Sequence[Cohort], policy: Policy
) -> Iterator[Measurement]:
    """Equal opportunity and equalised odds over the groups of one column; nothing of masks.

    Of more than two classes, or of labels, of the macro means and of each class against the rest.
    """
    first = tables[0]
    if first.of_kind == "mask":
        return
    [column] = cohorts[0].columns
    yield from _odds(tables, cohorts, {"gap": column}, policy)
    if len(first.classes) > 2 or first.of_kind == "multilabel":
        for k, name in enumerate(first.classes):
            alone = [table.one_against_rest(k) for table in tables]
            yield from _odds(alone, cohorts, {"class": name, "gap": column}, policy)


def _odds(
    tables: Sequence[Cases], cohorts: Sequence[Cohort], where: Where, policy: Policy
) -> Iterator[Measurement]:
    level, found = policy.interval.level, rates(tables, cohorts, policy)
    yield row(OPPORTUNITY, where, gap(found["sensitivity"], level), found["sensitivity"])
    each = [(gap(groups, level, families=2), groups) for groups in found.values()]
    known = [(one, groups) for one, groups in each if one is not None]
    if len(known) < len(each):
        yield row(ODDS, where, None, next(groups for one, groups in each if one is None))
        return
    yield row(ODDS, where, *max(known, key=lambda pair: pair[0].value))


def rates(
    tables: Sequence[Cases], cohorts: Sequence[Cohort], policy: Policy
) -> dict[str, list[tuple[str, Side]]]:
    """Sensitivity and specificity of each known group."""
    units = tables[0].units(policy.interval.over)
    found: dict[str, list[tuple[str, Side]]] = {spec.name: [] for spec in _RATES}
    for cohort in cohorts:
        if cohort.name == UNKNOWN:
            continue
        parts = [table.where(cohort.member) for table in tables]
        own = units._replace(codes=units.codes[np.flatnonzero(cohort.member)])
        for question in joined([ask(_RATES, part, cohort.where) for part in parts]):
            few = too_few(parts[0], policy)
            found[question.spec.name].append((cohort.name, side(question, own, few)))
    return found
