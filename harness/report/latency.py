"""How fast, in every backend, batch size and number of threads that was timed."""

from harness.record import CONDITIONS, Measurement, Where
from harness.report import _cells
from harness.report._blocks import MODEL, Cell, Column
from harness.report._pivot import measured
from harness.report._view import Group, View
from harness.rules import LATENCY_METRICS

_LEAD = (
    "Time of one call, after warming up, on the machine under Conditions. Of masks a call is of a "
    "window, a slice or a box: times the windows a case, it is the time of a case. "
    "A percentile that too few calls were timed for is refused."
)


def section(view: View) -> str:
    """A table for each dataset whose models were timed."""
    return view.chapter("Latency", *view.each(_dataset), lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    known = {row.metric: row for row in group.metrics(_wanted)}
    metrics = [metric for metric in LATENCY_METRICS if metric in known]
    columns = [_cells.column(known[metric]) for metric in metrics]
    lines = [
        {
            MODEL: _cells.model(found.standing, lambda code: "latency" in code),
            **{_condition(key): _shown(found.where, key) for key in CONDITIONS},
            **dict(zip(columns, map(_cells.measured, found.rows), strict=True)),
        }
        for found in measured(group, _wanted, metrics)
    ]
    return view.table(f"Latency of {group.dataset}", lines)


def _wanted(row: Measurement) -> bool:
    return row.metric in LATENCY_METRICS


def _shown(where: Where, key: str) -> Cell:
    return _cells.text(where.get(key, "").removesuffix("ExecutionProvider"))


def _condition(key: str) -> Column:
    return Column(label=key.capitalize(), numeric=key in ("batch", "threads"))
