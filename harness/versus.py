"""A group against the rest: one metric of both, the test of their difference, and Holm over all."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.cases import Cases, Units
from harness.cohorts import Cohort
from harness.question import Question, too_few
from harness.seeds import joined, measured
from harness.sides import Side, correlation, side
from harness.statistics.influence import MOST_GROUPS, Codes
from harness.statistics.mover import Estimate, p_value
from harness.statistics.multiplicity import holm
from harness.statistics.regrouping import p_of, regrouped, summed, whole
from harness.suite import Policy

SIZED = ("ece", "ece_top_label", "brier_reliability", "brier_resolution")
"""Metrics that the number of cases alone moves: held against random groups of the same size."""
CENTRING, DRAWS = 199, 9_999
"""Random groups: for what size alone makes, and at least so many for a test."""
FINE = 50
"""So many, too, times what a test is adjusted by: the least p is then a fiftieth, below LEVEL."""
LEVEL = 0.05
"""The chance that anything is called a gap where there is none, in all of one record."""
FEW, MANY = 200, 2_000
"""Units of a class that an interval is not left alone with; units that it is right for else."""
Key = tuple[str, str, bytes]
"""Of a test: its metric, the class or "", and which cases are on one side."""
Moved = dict[tuple[str, str], NDArray[np.float64]]
"""By metric and class, how much each unit moves the value of all cases."""
NO_REST = "there is no rest: all cases are of this group"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Versus:
    """One metric of a group and of the rest; `everybody` asks it of all cases.

    `p` is two-sided and of this test alone, None where a side has no interval.
    """

    cohort: Cohort
    group: Side
    rest: Side
    everybody: Question
    correlation: float
    p: float | None

    @property
    def key(self) -> Key:
        """The same of two tests that are one: of two groups each is the rest of the other."""
        return self.group.name, self.cohort.of_class, self.cohort.partition

    @property
    def sides(self) -> tuple[Estimate, Estimate] | None:
        """Both estimates, where both are defined."""
        if self.group.estimate is None or self.rest.estimate is None:
            return None
        return self.group.estimate, self.rest.estimate


class Chance(NamedTuple):
    """The p of a test alone, adjusted by Holm, and over how many tests."""

    alone: float
    adjusted: float
    tests: int


def versus(asked: Sequence[Sequence[Question]], cohort: Cohort, policy: Policy) -> Iterator[Versus]:
    """Each metric of one group, over the seeds that are `asked` it of all cases."""
    first, member = asked[0][0].cohort, cohort.member
    units, few = first.units(policy.interval.over), _few(first, cohort, policy)
    own = [units._replace(codes=units.codes[part]) for part in (member, ~member)]
    halves = [
        joined([[cohort.question(one, rest) for one in each] for each in asked])
        for rest in (False, True)
    ]
    for everybody, *both in zip(joined(asked), *halves, strict=True):
        tested = everybody.metric.BETTER is not None
        if not tested and len(cohort.columns) == 1:
            continue
        centres = _centres(everybody, member, units.codes) if not any(few) else (0.0, 0.0)
        group, rest = (side(*each) for each in zip(both, own, few, centres, strict=True))
        shared = correlation(group, rest)
        p = None
        if tested and group.estimate is not None and rest.estimate is not None:
            p = p_value(group.estimate, rest.estimate, shared)
        yield Versus(
            cohort=cohort,
            group=group,
            rest=dataclasses.replace(rest, reason=rest.reason and _of_the_rest(rest.reason)),
            everybody=everybody,
            correlation=shared,
            p=p,
        )


def _few(first: Cases, cohort: Cohort, policy: Policy) -> tuple[str | None, str | None]:
    """Why nothing is said of the group, and why not of the rest."""
    if cohort.member.all():
        return too_few(first, policy), NO_REST
    group, rest = (first.where(part) for part in (cohort.member, ~cohort.member))
    return (small := too_few(group, policy)), small or too_few(rest, policy)


def _of_the_rest(reason: str) -> str:
    return reason if reason == NO_REST else f"of the rest: {reason}"


def _centres(everybody: Question, member: NDArray[np.bool_], units: Codes) -> tuple[float, float]:
    """What a random group of this size and its rest have on average; 0 where size is nothing."""
    if everybody.spec.name not in SIZED:
        return 0.0, 0.0
    drawn = regrouped(partial(measured, everybody), member, units, CENTRING)
    group, rest = (float(np.nanmean(each)) if np.isfinite(each).any() else 0.0 for each in drawn)
    return group, rest


def adjusted(found: Sequence[Versus], units: Units) -> dict[Key, Chance]:
    """The p of every different test, adjusted over all of them.

    Pairs of groups together weigh no more than the single groups, and neither do groups by class,
    so that many of them do not bury these. What would count is tested again by random groups, where
    intervals may be too sure.
    """
    different: dict[Key, Versus] = {}
    for one in sorted(found, key=lambda one: len(one.cohort.columns)):
        if one.p is not None:
            different.setdefault(one.key, one)
    if not different:
        return {}
    weights = _weights(list(different.values()))
    alone = {key: one.p or 0.0 for key, one in different.items()}
    moved: Moved = {}
    claimed = holm(list(alone.values()), weights) < LEVEL
    for (key, one), claim, weight in zip(different.items(), claimed, weights, strict=True):
        if claim:
            draws = max(DRAWS, round(FINE * sum(weights) / weight))
            alone[key] = _confirmed(one, units.codes, alone[key], draws, moved)
    raised = holm(list(alone.values()), weights)
    return {
        key: Chance(alone[key], float(p), len(alone)) for key, p in zip(alone, raised, strict=True)
    }


def _weights(different: Sequence[Versus]) -> list[float]:
    """1 for a group, and at most that for a pair and for a class of one.

    All pairs together have no more than all groups, and neither have all classes.
    """
    kinds = [(bool(one.cohort.of_class), len(one.cohort.columns)) for one in different]
    groups, each = max(kinds.count((False, 1)), 1), Counter(kinds)
    return [min(1.0, groups / each[kind]) for kind in kinds]


def _confirmed(one: Versus, units: Codes, p: float, draws: int, known: Moved) -> float:
    """The larger of p and that by random groups; p where intervals are right, or units are mixed.

    Intervals may be too sure where a class has few units in the group or in the rest, or nothing
    scatters; of fewer than `MANY` units, where an end of the metric is open or size alone moves it.
    What is drawn is how much each unit moves the metric, which `known` keeps, but where size moves
    it, or a jackknife knows that of several units together alone.
    """
    member = one.cohort.member
    if one.sides is None or not whole(member, units):
        return p
    few = min(each.influence.fewest for each in one.sides) < FEW
    still = min(each.influence.error for each in one.sides) == 0
    loose = not all(map(math.isfinite, one.sides[0].bounds)) or one.group.name in SIZED
    if not (few or still or (loose and int(units.max()) < MANY)):
        return p
    grouped = not hasattr(one.everybody.metric, "influence") and int(units.max()) >= MOST_GROUPS
    if one.group.name in SIZED or grouped:
        groups, rests = regrouped(partial(measured, one.everybody), member, units, draws)
        return max(p, p_of(one.sides[0].value - one.sides[1].value, groups - rests))
    name, of_class, _ = one.key
    if (name, of_class) not in known:
        known[name, of_class] = one.everybody.influence(units).by_unit
    moved, inside = known[name, of_class], np.bincount(units, member) > 0
    drawn = summed(moved, int(inside.sum()), draws)
    return max(p, p_of(float(moved[inside].sum()), drawn))
