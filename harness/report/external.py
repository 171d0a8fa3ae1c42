"""How it does elsewhere: models measured on data that they were not trained on."""

from harness.record import Measurement, Where
from harness.report._named import named
from harness.report._pivot import cohorts
from harness.report._view import Group, View, quality

_LEAD = (
    "The same checkpoints on the test cases of other sets with the same classes. Data of another "
    "origin is the harder question: these numbers rank nobody here."
)


def section(view: View) -> str:
    """A table for each dataset whose models were measured on others too."""
    return view.chapter("External validation", *view.each(_dataset), lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    def wanted(row: Measurement) -> bool:
        shown = named(group, row) or not quality(row)
        return row.where.keys() == {"dataset"} and shown

    return cohorts(view, group, "Measured on", wanted, _name)


def _name(where: Where) -> str:
    return where["dataset"]
