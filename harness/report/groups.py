"""For whom it works: the same metrics by age, sex, site, size or what else the data knows."""

from harness.record import Measurement, Where
from harness.report import _fair
from harness.report._pivot import cohorts
from harness.report._view import Group, View

_LEAD = (
    "The same numbers for parts of the test set. A part that is too small is shown as undefined, "
    "never as fair. Compare intervals before values: small parts scatter."
)


def section(view: View) -> str:
    """A table for each dataset whose cases are known by group."""
    return view.chapter("Groups", *view.each(_dataset), lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    def name(where: Where) -> str:
        named = ((_fair.column(group.standings[0], key), value) for key, value in where.items())
        return ", ".join(f"{column}: {value}" for column, value in named)

    return cohorts(view, group, "Group", _wanted, name)


def _wanted(row: Measurement) -> bool:
    """Pairs of groups have their place in the section on fairness."""
    return len(row.where) == 1 and all(key.startswith("group.") for key in row.where)
