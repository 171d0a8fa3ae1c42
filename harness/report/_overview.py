"""A suite's models over its datasets: a table, who can be told apart, and a drawing of that."""

import dataclasses

from harness.across import Across
from harness.overview import Overview
from harness.report import _cells, _numbers, _words
from harness.report._blocks import MODEL, Cell, Column
from harness.report._ranking import diagram
from harness.report._view import Line, View

_RANK = Column(
    label="Mean rank",
    explain="Of the places by value on all datasets shown, among models that have one on each; "
    "equals share the mean of theirs.",
    better="lower",
    order="ascending",
)


def tables(view: View) -> list[str]:
    """A topic for each suite and device with more than one dataset."""
    return [
        view.topic(
            f"{overview.suite} over its datasets",
            _table(view, overview),
            *(_told(view, overview.across) if overview.across and not view.alone else ()),
            detail=_what(overview),
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
    tested = overview.across if not view.alone else None
    groups = dict(zip(tested.models, tested.groups, strict=True)) if tested else {}
    lines: list[Line] = [
        {
            MODEL: view.linked(_cells.text(line.model), overview.suite, line.model),
            _RANK: dataclasses.replace(
                _cells.measured(line.rank), detail=groups.get(line.model, "")
            ),
            mean: _cells.measured(line.mean),
            **_cells_of(columns, [_cells.measured(row) for row in line.rows]),
        }
        for line in overview.lines
    ]
    return view.table(f"{overview.suite} over its datasets", lines, filtered=True)


def _told(view: View, across: Across) -> list[str]:
    """What the tests say; a drawing only where they could say anything."""
    pieces = [view.paragraph(_sentence(across)), view.paragraph(_left_out(across))]
    if across.possible:
        pieces.append(view.figures([diagram("Critical differences", across)]))
    return pieces


def _sentence(across: Across) -> str:
    models, level = len(across.models), f"{100 * across.level:g} %"
    if models < 2:
        return ""
    pairs = f"{models * (models - 1) // 2} pairs of {models} models"
    if not across.possible:
        return (
            f"On {across.datasets} datasets no two of {models} models can be told apart, whatever "
            f"their values: Wilcoxon's signed ranks, with Holm over all pairs at {level}, need "
            f"{across.fewest} datasets at least."
        )
    told = f"{len(across.told) or 'None'} of {pairs}"
    alike = "Friedman's test that all models rank alike"
    return (
        f"{told} {'are' if len(across.told) > 1 else 'is'} told apart by Wilcoxon's signed ranks "
        f"over {across.datasets} datasets, with Holm over all pairs at {level}. "
        f"{alike}: {_numbers.chance(across.friedman, 'p')}."
    )


def _left_out(across: Across) -> str:
    if not across.left_out:
        return ""
    return f"Left out, for want of a value on every dataset: {', '.join(across.left_out)}."


def _cells_of(columns: list[Column], cells: list[Cell]) -> dict[Column, Cell]:
    return dict(zip(columns, cells, strict=True))
