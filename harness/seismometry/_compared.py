"""Seismometer's numbers beside the harness's own, and its flags as words, in tables."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from harness.report._blocks import NOTHING, Cell, Column
from harness.report._view import View
from harness.seismometry import _audit, _words
from harness.seismometry._names import Target
from harness.seismometry.project import EVERYBODY, Place, Project

TOLERANCE = 1e-3
"""Two packages that differ by less say the same."""

COHORT = Column(label="Cohort", numeric=False, names_row=True)
N = Column(label="n", explain="Cases.")


def pairs(found: Project, target: Target, told: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """Each number that both have: seismometer's and the harness's."""
    for numbers in told["numbers"]:
        for name, ours in found.ours(target, _place(numbers)).items():
            if numbers[name] is not None and not math.isnan(ours):
                yield numbers[name], ours


def agreement(view: View, found: Project, target: Target, told: Mapping[str, Any]) -> str:
    """A line a cohort, a metric a column: both numbers, and a mark where they differ."""
    lines = []
    for numbers in told["numbers"]:
        place = _place(numbers)
        line = {COHORT: cohort(place), N: whole(len(found.part(place)))}
        for name, ours in found.ours(target, place).items():
            line[_column(name)] = _beside(numbers[name], ours)
        lines.append(line)
    return view.table(f"Seismometer and the harness: {target.event}", lines)


def fairness(view: View, found: Project, target: Target, told: Mapping[str, Any]) -> str:
    """A line a cohort that is large enough, a metric a column; "" without one."""
    lines = []
    for each in _audit.lines(told["fairness"]):
        place = (each.column, each.value)
        ours = found.ours(target, place)
        line = {COHORT: cohort(place), N: whole(each.n)}
        for name, said in each.said.items():
            line[_column(name)] = _flagged(said, undefined=math.isnan(ours.get(name, 0.0)))
        lines.append(line)
    return view.table(f"Fairness audit: {target.event}", lines)


def cohort(place: Place) -> Cell:
    """Its value, and the column below."""
    column, value = place
    return Cell(text="all cases") if place == EVERYBODY else Cell(text=value, detail=column)


def whole(n: int) -> Cell:
    """How many."""
    return Cell(text=f"{n:,}", sort=n)


def _column(name: str) -> Column:
    return Column(label=name, explain=_words.METRICS[name])


def _beside(theirs: float | None, ours: float) -> Cell:
    if math.isnan(ours):
        shown = "" if theirs is None else f"seismometer {theirs:.3f}"
        return Cell(text="undefined", detail=shown, tone="quiet")
    if theirs is None:
        return Cell(text=NOTHING, detail=f"harness {ours:.3f}", badges=("missing",))
    differs = ("differs",) if abs(theirs - ours) > TOLERANCE else ()
    return Cell(text=f"{theirs:.3f}", detail=f"harness {ours:.3f}", sort=theirs, badges=differs)


def _flagged(said: _audit.Said, undefined: bool) -> Cell:
    """A number with its flag as words; what has no value is never shown as a perfect one."""
    if undefined or not said.value:
        return Cell(text="undefined", tone="quiet")
    apart = f"{float(said.apart):+.1f} %" if said.apart else ""
    alert = (said.flag,) if said.flag in _words.ALERTS else ()
    detail = apart or ("" if alert else said.flag)
    return Cell(text=said.value, detail=detail, sort=float(said.value), badges=alert)


def _place(numbers: Mapping[str, Any]) -> Place:
    return numbers["column"], numbers["value"]
