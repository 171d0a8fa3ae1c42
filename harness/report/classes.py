"""How well each class is told from all the others."""

from harness.record import Measurement
from harness.report._pivot import cohorts
from harness.report._view import Group, View

_LEAD = "Each class against all the others: a mean over classes can hide that a rare one is missed."


def section(view: View) -> str:
    """A table for each dataset that has rows of single classes."""
    return view.chapter("Classes", *view.each(_dataset), lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    return cohorts(view, group, "Class", _wanted, lambda where: where["class"])


def _wanted(row: Measurement) -> bool:
    return set(row.where) == {"class"}
