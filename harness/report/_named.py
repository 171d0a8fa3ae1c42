"""Which numbers are columns: those that a suite names, not those that every record just has."""

from harness.record import Measurement
from harness.report._view import Group
from harness.score import ALWAYS

_UNASKED = {spec.name for spec in ALWAYS}


def named(group: Group, row: Measurement) -> bool:
    """Whether the suite names the metric of a row, or it is there by what the suite names."""
    runs = [record.run for standing in group.standings for record in standing.records]
    return row.metric not in _UNASKED or any(row.metric in run.get("metrics", ()) for run in runs)
