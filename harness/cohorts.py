"""Groups of cases: those that a column declares, pairs of two columns, and all others, the rest."""

import dataclasses
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.cases import Cases
from harness.question import Question, in_order
from harness.record import Where

UNKNOWN = "unknown"
"""What cases are called of which a column says nothing."""
MOST_PAIRS = 60
"""More pairs of groups than these are not measured in one record: rows and tests would explode."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """A group: `where` as its rows have it, and which of the (n,) cases it is.

    `where` has a `class`, too, where it is asked of one class against the rest.
    """

    where: Where
    member: NDArray[np.bool_]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that make it: one, or two."""
        return tuple(key.removeprefix("group.") for key in self.where if key != "class")

    @property
    def of_class(self) -> str:
        """The class that is asked about, against the rest; "" for all of them."""
        return self.where.get("class", "")

    @property
    def name(self) -> str:
        """What the group is called: `F`, or of a pair `F, 40-65`."""
        return ", ".join(value for key, value in self.where.items() if key != "class")

    @property
    def partition(self) -> bytes:
        """The same of a group and of its rest, whose tests are one."""
        member = self.member if self.member[0] else ~self.member
        return member.tobytes()

    def question(self, everybody: Question, rest: bool = False) -> Question:
        """The same asked of this group, or of its rest."""
        part = everybody.cohort.where(~self.member if rest else self.member)
        return dataclasses.replace(everybody, cohort=part, where=self.where)


def singles(table: Cases) -> Iterator[Cohort]:
    """Each value of each column, in order; cases of an empty value are `unknown`."""
    for column, values in table.groups.items():
        named = np.where(values == "", UNKNOWN, values)
        for name in sorted(set(named.tolist()), key=in_order):
            yield Cohort(where={f"group.{column}": name}, member=np.asarray(named == name))


def pairs(table: Cases) -> Iterator[list[Cohort]]:
    """For each two columns, the pairs of their known values that there are cases of."""
    known = [one for one in singles(table) if one.name != UNKNOWN]
    for first, second in combinations(table.groups, 2):
        yield [
            Cohort(where={**a.where, **b.where}, member=a.member & b.member)
            for a in known
            for b in known
            if a.columns == (first,) and b.columns == (second,) and np.any(a.member & b.member)
        ]
