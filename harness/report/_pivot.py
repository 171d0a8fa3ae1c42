"""Rows of many metrics as lines of a table: one for each model in each cohort or condition."""

import dataclasses
from collections.abc import Callable, Sequence

from harness.record import Measurement, Where
from harness.report import _cells
from harness.report._blocks import MODEL, Cell, Column
from harness.report._view import Group, View, find
from harness.standings import Standing


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one model was measured to be in one place, metric by metric; None where it was not."""

    standing: Standing
    where: Where
    rows: Sequence[Measurement | None]

    @property
    def n(self) -> Cell:
        """How many cases the first known number is over."""
        return _cells.count(next((row.n for row in self.rows if row is not None), None))


def measured(
    group: Group, wanted: Callable[[Measurement], bool], metrics: Sequence[str]
) -> list[Found]:
    """Place by place, the models in the order of the leaderboard."""
    found = [
        Found(standing=s, where=where, rows=[find(s, metric, where) for metric in metrics])
        for where in group.places(wanted)
        for s in group.standings
    ]
    return [one for one in found if any(row is not None for row in one.rows)]


def cohorts(
    view: View,
    group: Group,
    label: str,
    wanted: Callable[[Measurement], bool],
    name: Callable[[Where], str],
) -> str:
    """A table of parts of the test set: which part, who, of how many cases, how good."""
    metrics = group.metrics(wanted)
    columns = [_cells.column(row) for row in metrics]
    lines = [
        {
            Column(label=label, numeric=False): _cells.text(name(found.where)),
            MODEL: _cells.text(found.standing.model),
            _cells.N: found.n,
            **{
                column: _cells.marked(row, found.standing)
                for column, row in zip(columns, found.rows, strict=True)
            },
        }
        for found in measured(group, wanted, [row.metric for row in metrics])
    ]
    return view.table(f"{group.dataset}, by {label.lower()}", lines)
