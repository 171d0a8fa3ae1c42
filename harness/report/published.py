"""What others report of the same test cases, beside what was measured here."""

import dataclasses

from harness.published import Beside
from harness.report import _beside, _cells, _words
from harness.report._blocks import Cell, Column, Mark
from harness.report._view import Group, Line, View

_LEAD = (
    "Results published of the same data, best first. Where the same network was measured here, a "
    "published number is within, above or below the interval of ours, and is the dashed line on "
    "the bar. It has an error of its own, which its source does not tell."
)
_RESULT = Column(label="Result", numeric=False, names_row=True)
_SOURCE = Column(label="Source", numeric=False)
_TWIN = Column(label="Here", numeric=False, explain="The same network, where it was measured here.")
_N = Column(label="n", explain="Test cases of the published result.")
_PARAMETERS = Column(label="Parameters", explain="As published.", better="lower")


def section(view: View) -> str:
    """A table for each dataset that others published results of, and who they are."""
    sources = list(dict.fromkeys(row.source.title for row in view.published))
    about = [view.paragraph(_about(view, title)) for title in sources]
    return view.chapter(
        "Published results", *view.each(_dataset), view.topic("Sources", *about), lead=_LEAD
    )


def _about(view: View, title: str) -> str:
    source = next(row.source for row in view.published if row.source.title == title)
    return f"{title}: {source.about} {source.citation}. {source.url}"


def _dataset(view: View, group: Group) -> str:
    lines = [_line(view, group, row) for row in group.published]
    return view.table(f"Published results of {group.dataset}", lines, filtered=True)


def _line(view: View, group: Group, row: Beside) -> Line:
    scores: dict[Column, Cell] = {}
    for metric in _beside.metrics(group):
        label = f"Measured {_words.label(metric)}"
        scores[_beside.column(metric)] = _beside.cell([row], metric, named=False)
        scores[Column(label=label, explain=_words.explain(metric))] = _measured(row, metric)
    return {
        _RESULT: _name(row),
        _SOURCE: _cells.text(row.source.title),
        _TWIN: view.linked(_cells.text(row.model or ""), row.suite, row.model or ""),
        _N: _cells.count(row.n),
        **scores,
        _PARAMETERS: _cells.count(row.result.parameters),
    }


def _name(row: Beside) -> Cell:
    notes = (f"It {row.result.note}.",) if row.result.note else ()
    return dataclasses.replace(_cells.text(row.result.name), notes=notes)


def _measured(row: Beside, metric: str) -> Cell:
    place = row.places.get(metric)
    if place is None or place.measured.value is None:
        return _cells.measured(place.measured if place else None)
    value, ci = place.measured.value, place.measured.ci
    mark = Mark(value=value, ci=ci, reference=row.result.scores[metric])
    return _cells.measured(place.measured, mark)
