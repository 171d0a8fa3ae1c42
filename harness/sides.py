"""One metric of one group of cases: its value with what moves it, or why it has none."""

import dataclasses
import math

import numpy as np

from harness.cases import Units
from harness.question import Question, row_of
from harness.record import Measurement
from harness.statistics.mover import Estimate


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """`units` are those of its cases, in the codes of the whole table.

    `estimate` is None where the value is undefined, for `reason`.
    """

    question: Question
    units: Units
    estimate: Estimate | None = None
    reason: str | None = None

    @property
    def known(self) -> bool:
        """Whether it has a value with an interval."""
        return self.estimate is not None and self.estimate.known

    @property
    def name(self) -> str:
        """Of the metric."""
        return self.question.spec.name

    @property
    def count(self) -> int:
        """How many units it is of."""
        return len(np.unique(self.units.codes))

    def row(self, level: float) -> Measurement:
        """The value as a row."""
        if self.estimate is None:
            return row_of(self.question, self.units, math.nan, reason=self.reason)
        found = self.estimate.at(level)
        return row_of(self.question, self.units, self.estimate.value, interval=found)


def side(question: Question, units: Units, few: str | None = None, centre: float = 0.0) -> Side:
    """Ask; nothing is computed where it is undefined for `few`."""
    value = math.nan if few else question.value
    if math.isnan(value):
        return Side(question=question, units=units, reason=few or question.need)
    estimate = Estimate(
        value=value,
        influence=question.influence(np.unique(units.codes, return_inverse=True)[1]),
        bounds=question.metric.RANGE,
        over=units.over,
        centre=centre,
    )
    return Side(question=question, units=units, estimate=estimate)


def correlation(a: Side, b: Side) -> float:
    """Of the errors of two sides, by the units that both have cases of; 0 where there are none."""
    if a.estimate is None or b.estimate is None:
        return 0.0
    ours, theirs = np.unique(a.units.codes), np.unique(b.units.codes)
    _, mine, other = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    errors = a.estimate.influence.error * b.estimate.influence.error
    if not len(mine) or not errors > 0:
        return 0.0
    shared = a.estimate.influence.by_unit[mine] @ b.estimate.influence.by_unit[other]
    return float(shared) / errors
