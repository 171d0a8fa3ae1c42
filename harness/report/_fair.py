"""What the rows of a group say in a few words: not told apart, lower than the rest, too small."""

import dataclasses
from collections.abc import Iterator

from harness.record import Measurement, Where
from harness.report._blocks import Column
from harness.report._view import find
from harness.standings import Standing
from harness.versus import LEVEL
from harness.volumes import SIZE

MINUS = Column(label="Minus the rest", explain="The group's value minus that of all other cases.")
P = Column(
    label="p, adjusted",
    explain="The chance of such a difference were there none, by Holm over all that are tested.",
)
SMALL = "too small to tell"
ALIKE = "not told apart"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One metric of one group: its value, its difference from the rest, and the ratio."""

    where: Where
    value: Measurement
    apart: Measurement | None
    ratio: Measurement | None

    @property
    def claimed(self) -> bool:
        """Whether the group is told apart from the rest."""
        return self.apart is not None and self.apart.p is not None and self.apart.p < LEVEL

    @property
    def words(self) -> str:
        """What a reader may conclude."""
        if self.value.value is None:
            return SMALL if (self.value.reason or "").startswith("only ") else "undefined"
        if self.apart is None or self.apart.value is None:
            return "nothing to compare with"
        if self.apart.p is None:
            return "no test"
        if not self.claimed:
            return ALIKE
        side = "higher" if self.apart.value > 0 else "lower"
        return f"{side} than the rest" + (f": {self._direction}" if self._direction else "")

    @property
    def _direction(self) -> str:
        """Better or worse, where the metric has a direction."""
        if self.apart is None or self.apart.value is None or not isinstance(self.apart.better, str):
            return ""
        return "better" if (self.apart.value > 0) == (self.apart.better == "higher") else "worse"


def rest(standing: Standing, row: Measurement) -> Measurement | None:
    """The difference of a part from all other cases."""
    return find(standing, row.metric, {**row.where, "against": "rest"})


def told(standing: Standing, metric: str, of_class: str = "") -> Iterator[Told]:
    """Of every group, and every pair of groups, of one metric; or of one class in every group."""
    for row in standing.rows:
        if row.metric == metric and of_groups(row, of_class):
            apart = rest(standing, row)
            if apart is not None or len(row.where) > 1:
                ratio = find(standing, metric, {**row.where, "against": "rest", "as": "ratio"})
                yield Told(where=row.where, value=row, apart=apart, ratio=ratio)


def of_groups(row: Measurement, of_class: str = "") -> bool:
    """Whether a row is the value of a group, or of a pair of groups; or of a class in them."""
    keys = row.where.keys() - {"class"}
    groups = bool(keys) and all(key.startswith("group.") for key in keys)
    return groups and row.kind == "value" and row.where.get("class", "") == of_class


def classes(standing: Standing, metric: str) -> list[str]:
    """Those that groups were compared by, each against the rest."""
    rows = [row for row in standing.rows if row.metric == metric and "against" in row.where]
    return list(dict.fromkeys(row.where["class"] for row in rows if "class" in row.where))


def columns(standing: Standing, where: Where) -> str:
    """What the groups are by: `sex`, or `sex and age`."""
    return " and ".join(column(standing, key) for key in where)


def name(standing: Standing, where: Where) -> str:
    """What a group is called: `sex F, age 40-65`."""
    return ", ".join(f"{column(standing, key)} {value}" for key, value in where.items())


def column(standing: Standing, key: str) -> str:
    """What a column of groups is called; the size of what is segmented is in ml."""
    plain = key.removeprefix("group.")
    return f"{plain} (ml)" if plain == SIZE and standing.task == "segment" else plain
