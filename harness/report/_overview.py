"""A suite's models over its datasets, as a table."""

from harness.overview import Overview
from harness.report import _cells, _words
from harness.report._blocks import MODEL, Cell, Column
from harness.report._view import Line, View

_RANK = Column(
    label="Mean rank",
    explain="Of the ranks on all datasets shown; of models that have one on each.",
    better="lower",
    order="ascending",
)


def tables(view: View) -> list[str]:
    """A topic for each suite and device with more than one dataset."""
    return [
        view.topic(
            f"{overview.suite} over its datasets", _table(view, overview), detail=_what(overview)
        )
        for overview in view.overviews
    ]


def _what(overview: Overview) -> str:
    return f"{_words.label(overview.metric)}, {overview.device}"


def _table(view: View, overview: Overview) -> str:
    known = [row for line in overview.lines for row in (*line.rows, line.mean) if row]
    better = next((row.better for row in known if row.better is not None), None)
    columns = [Column(label=name, better=better) for name in overview.datasets]
    mean = Column(label="Mean", explain="Over all datasets shown.", better=better)
    lines: list[Line] = [
        {
            MODEL: view.linked(_cells.text(line.model), overview.suite, line.model),
            _RANK: _cells.measured(line.rank),
            mean: _cells.measured(line.mean),
            **_cells_of(columns, [_cells.measured(row) for row in line.rows]),
        }
        for line in overview.lines
    ]
    return view.table(f"{overview.suite} over its datasets", lines, filtered=True)


def _cells_of(columns: list[Column], cells: list[Cell]) -> dict[Column, Cell]:
    return dict(zip(columns, cells, strict=True))
