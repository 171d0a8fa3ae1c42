"""Fairness: each group against all other cases, tested with Holm, and how far groups are apart."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from harness.cases import Cases
from harness.cohorts import MOST_PAIRS, UNKNOWN, Cohort, pairs, singles
from harness.disparity import gap, odds, row
from harness.question import Metrics, Question, ask, row_of, too_few
from harness.record import Measurement
from harness.score import MISSED
from harness.statistics.influence import share
from harness.statistics.intervals import interval
from harness.statistics.mover import difference, effect_of, ratio
from harness.suite import Policy
from harness.versus import SIZED, Chance, Key, Versus, adjusted, versus

PREVALENCE = "prevalence"
Chances = Mapping[Key, Chance]


def fairness(tables: Sequence[Cases], metrics: Metrics, policy: Policy) -> Iterator[Measurement]:
    """Rows of every group of the test cases: `tables` has those of one model, an entry a seed.

    Prevalences, and values of pairs of groups and of each class in a group; difference from the
    rest, with p adjusted by Holm over all groups and metrics here, and ratio to it; the largest gap
    of a column, and of odds.
    Nothing without groups, or where no metric is for such cases.
    """
    first = tables[0]
    lone = list(singles(first)) if len(first) else []
    if not lone:
        return
    always = (MISSED,) if first.of_kind == "mask" and MISSED not in metrics else ()
    asked = [ask((*metrics, *always), table, {}) for table in tables]
    if not asked[0]:
        return
    small, crossed, skipped = _crossed(first, policy)
    groups, level = [*lone, *crossed], policy.interval.level
    yield from _prevalences(first, groups, policy)
    yield from (_too_small(asked[0][0], cohort, policy) for cohort in small)
    yield from (_too_many(asked[0][0], columns, number) for columns, number in skipped)
    by_class = list(_by_class(tables, metrics, lone, policy))
    found = [one for cohort in groups for one in versus(asked, cohort, policy)] + by_class
    unasked = [one for one in found if one.cohort not in lone or one.group.question.spec in always]
    yield from (one.group.row(level) for one in unasked)
    tested = [one for one in found if one.everybody.metric.BETTER is not None]
    chances = adjusted(tested, first.units(policy.interval.over))
    yield from (row for one in tested for row in _against_rest(one, chances, level))
    for _, each in groupby(lone, key=lambda cohort: cohort.columns):
        column = [cohort for cohort in each if cohort.name != UNKNOWN]
        if column:
            yield from _gaps([one for one in tested if one.cohort in column], level)
            yield from odds(tables, column, policy)


def _crossed(
    first: Cases, policy: Policy
) -> tuple[list[Cohort], list[Cohort], list[tuple[str, int]]]:
    """Pairs that are too small, those that are measured, and columns with too many of them."""
    small: list[Cohort] = []
    crossed: list[Cohort] = []
    skipped: list[tuple[str, int]] = []
    for each in pairs(first):
        large = [c for c in each if too_few(first.where(c.member), policy) is None]
        if len(crossed) + len(large) > MOST_PAIRS:
            skipped.append((" x ".join(each[0].columns), len(large)))
            continue
        crossed += large
        small += [cohort for cohort in each if cohort not in large]
    return small, crossed, skipped


def _by_class(
    tables: Sequence[Cases], metrics: Metrics, lone: Sequence[Cohort], policy: Policy
) -> Iterator[Versus]:
    """Each class against the rest, by group: a mean over classes is undefined without one of them.

    Nothing of two classes that exclude each other, which say the same.
    """
    kind, classes = tables[0].of_kind, tables[0].classes
    if len(classes) < (3 if kind == "nominal" else 2):
        return
    for k, name in enumerate(classes):
        alone = [ask(metrics, table.one_against_rest(k), {}) for table in tables]
        asked = [[one for one in each if _has_classes(one)] for each in alone]
        for cohort in lone if asked[0] else ():
            where = {"class": name, **cohort.where}
            yield from versus(asked, dataclasses.replace(cohort, where=where), policy)


def _has_classes(one: Question) -> bool:
    """A small group of a rare class has no calibration to speak of."""
    return one.metric.PER_CLASS and one.spec.name not in SIZED


def _too_small(first: Question, cohort: Cohort, policy: Policy) -> Measurement:
    """One row for all metrics, which would say the same."""
    question = cohort.question(first)
    units, few = question.cohort.units(policy.interval.over), too_few(question.cohort, policy)
    return row_of(question, units, math.nan, reason=few)


def _too_many(first: Question, columns: str, number: int) -> Measurement:
    question = dataclasses.replace(first, where={"gap": columns})
    reason = (
        f"{number} pairs of groups more, and at most {MOST_PAIRS} are measured; declare fewer bands"
    )
    return row_of(question, first.cohort.units("image"), math.nan, reason=reason)


def _prevalences(first: Any, groups: Sequence[Cohort], policy: Policy) -> Iterator[Measurement]:
    """Of two classes: how common the second is in each group that is large enough."""
    if first.of_kind == "mask" or first.kind != "nominal" or len(first.classes) != 2:
        return
    for cohort in groups:
        table = first.where(cohort.member)
        if too_few(table, policy):
            continue
        units, true = table.units(policy.interval.over), table.y_true == 1
        moved = share(true, np.ones(len(true)), units.codes)
        about: dict[str, Any] = {"level": policy.interval.level, "over": units.over}
        found = interval(float(true.mean()), moved, (0.0, 1.0), **about)
        yield Measurement(
            metric=PREVALENCE,
            value=float(true.mean()),
            where=cohort.where,
            n=len(np.unique(units.codes)),
            over=units.over,
            ci=found.ci,
            level=found.level,
            method=found.method,
        )


def _against_rest(one: Versus, chances: Chances, level: float) -> Iterator[Measurement]:
    """The difference, and where it is defined, the ratio."""
    where = {**one.cohort.where, "against": "rest"}
    if one.sides is None:
        reason = one.group.reason or one.rest.reason
        found = row_of(one.group.question, one.group.units, math.nan, reason=reason)
        yield dataclasses.replace(found, kind="difference", where=where)
        return
    group, rest = one.sides
    made = difference(group, rest, level, one.correlation)
    found = row_of(one.group.question, one.group.units, effect_of(group, rest), interval=made)
    chance = chances.get(one.key)
    told = [made.method]
    if chance:
        told.append(f"p = {chance.alone:.3g} alone, Holm over {chance.tests} tests")
    yield dataclasses.replace(
        found,
        kind="difference",
        where=where,
        p=chance and chance.adjusted,
        method="; ".join(told),
    )
    if rest.bounds[0] == 0 and rest.value > 0 and one.group.name not in SIZED:
        made = ratio(group, rest, level, one.correlation)
        found = row_of(one.group.question, one.group.units, group.value / rest.value, made)
        yield dataclasses.replace(found, kind="ratio", where={**where, "as": "ratio"}, unit="1")


def _gaps(found: Sequence[Versus], level: float) -> Iterator[Measurement]:
    """The largest gap of each metric over the known groups of one column."""
    for name in dict.fromkeys(one.group.name for one in found):
        mine = [one for one in found if one.group.name == name]
        [column] = mine[0].cohort.columns
        groups = [(one.cohort.name, one.group) for one in mine]
        unit = mine[0].everybody.metric.UNIT
        yield row(name, {"gap": column}, gap(groups, level), groups, unit)
