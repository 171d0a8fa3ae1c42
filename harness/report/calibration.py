"""Whether probabilities can be taken at their word: curves, and ECE beside its floor."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from harness.cases import UNCALIBRATED
from harness.record import Measurement, Where
from harness.reliability import METRICS
from harness.report import _cells, _numbers
from harness.report._blocks import MODEL, Cell, Column, Figure
from harness.report._reliability import curve, diagram
from harness.report._view import Group, Line, View, find, joined
from harness.standings import Standing

_LEAD = (
    "Whether a probability can be taken at its word: of 100 cases that are given 20 %, about 20 "
    "should have the finding. A dot is the cases of one part of the scale, the bar through it the "
    "interval of how often it was so, the columns below are how many cases that rests on. On the "
    "dashed line the model is right; a dot below it was given too much, one above it too little. "
    "ECE is the mean distance from that line. On few cases chance alone makes some: the floor is "
    "what a perfectly calibrated model with these probabilities would show, and an ECE near its "
    "floor is no sign of a fault. A slope below 1 is a model that is too sure both ways, an "
    "intercept above 0 one whose risks are too low all in all."
)
_SHOWN = (
    *("ece", "ece_floor", "ece_top_label", "ece_top_label_floor"),
    *("calibration_slope", "calibration_intercept", "brier", "brier_reliability"),
    *("brier_resolution", "brier_uncertainty", "brier_remainder", "log_loss"),
)
_FLOORS = {"ece": "ece_floor", "ece_top_label": "ece_top_label_floor"}
_OF = Column(
    label="Probabilities",
    numeric=False,
    explain="As shipped; before calibration, what the network itself says.",
)
_BIN = Column(label="Said", numeric=False, explain="A part of the scale of probabilities.")
_STATED = Column(label="Mean said", explain="Mean probability of the cases in it.")
_RATE = Column(label="Was so", explain="Share of them that had it.")


def section(view: View) -> str:
    """Drawings and a table for each dataset whose suite asks for calibration."""
    return view.chapter("Calibration", *view.each(_dataset), lead=_LEAD)


def _dataset(view: View, group: Group) -> str:
    if not group.metrics(lambda row: row.metric in METRICS and not row.where):
        return ""
    known = {row.metric: row for row in group.metrics(lambda row: row.metric in _SHOWN)}
    metrics = [known[name] for name in _SHOWN if name in known]
    places: tuple[Where, ...] = ({}, {"variant": UNCALIBRATED})
    lines = [
        _line(group, standing, where, metrics)
        for standing in group.standings
        for where in places
        if any(find(standing, row.metric, where) for row in metrics)
    ]
    figures = [figure for s in group.standings for figure in _figures(s, view.alone)]
    bins = [_bins(view, s) for s in group.standings if view.alone]
    return joined(
        view.paragraph(_of_what(group)),
        view.figures(figures),
        view.table(f"Calibration of {group.dataset}", lines),
        *bins,
    )


def _line(group: Group, standing: Standing, where: Where, metrics: Sequence[Measurement]) -> Line:
    rows = [find(standing, row.metric, where) for row in metrics]
    return {
        MODEL: _cells.text(standing.model),
        _OF: _cells.text("before calibration" if where else "as shipped"),
        _cells.N: _cells.count(next((row.n for row in rows if row is not None), None)),
        **{
            _cells.column(first): _cell(group, standing, row, where)
            for first, row in zip(metrics, rows, strict=True)
        },
    }


def _cell(group: Group, standing: Standing, row: Measurement | None, where: Where) -> Cell:
    if row is None or row.metric in _FLOORS.values():
        return dataclasses.replace(_cells.measured(row), interval="")
    floor = find(standing, _FLOORS[row.metric], where) if row.metric in _FLOORS else None
    cell = _cells.marked(row, standing, floor.value if floor else None)
    return dataclasses.replace(cell, badges=tuple(_badges(row, floor, _binary(group))))


def _badges(row: Measurement, floor: Measurement | None, binary: bool) -> Iterator[str]:
    """What the whole interval agrees on."""
    if row.ci is None:
        return
    low, high = row.ci
    if floor is not None and floor.value is not None and low > floor.value:
        yield "above its floor"
    if row.metric == "calibration_slope" and not low <= 1 <= high:
        yield "too sure" if high < 1 else "too cautious"
    if row.metric == "calibration_intercept" and binary and not low <= 0 <= high:
        yield "risks too low" if low > 0 else "risks too high"


def _figures(standing: Standing, alone: bool) -> Iterator[Figure]:
    """Of the first seed, the others as lines; on the page of a model by group and label, too."""
    records = [record for record in standing.records if record.status != "failed"]
    if not records:
        return
    for where in _places(records[0].measurements, alone):
        first, *others = (curve(record.measurements, where) for record in records)
        was = {**where, "variant": UNCALIBRATED}
        before = curve(records[0].measurements, was)
        seed = f"Seed {records[0].run.get('seed', '?')}, others as lines." if others else ""
        name = _cells.listed_where({k.removeprefix("group."): v for k, v in where.items()})
        yield diagram(name or standing.model, first, before, others, note=seed)


def _places(rows: Sequence[Measurement], alone: bool) -> list[Where]:
    """What there are curves of: of everything first, then by group and by label."""
    every = [
        {k: v for k, v in row.where.items() if k != "bin"} for row in rows if "bin" in row.where
    ]
    distinct = [dict(key) for key in dict.fromkeys(tuple(where.items()) for where in every)]
    known = [where for where in distinct if "variant" not in where]
    return [where for where in known if alone or not where]


def _bins(view: View, standing: Standing) -> str:
    """The numbers of the curve of everything."""
    found = curve(standing.rows, {})
    lines = [
        {
            _BIN: _cells.text(each.name),
            _cells.N: _cells.count(each.rate.n),
            _STATED: Cell(text=_numbers.ratio(each.stated), sort=each.stated),
            _RATE: _cells.measured(each.rate),
        }
        for each in found
    ]
    return view.table(f"Reliability of {standing.model}", lines)


def _of_what(group: Group) -> str:
    """Which probability is judged."""
    run = _run(group)
    classes = list(run.get("classes", ()))
    if _binary(group):
        return f'The probability is that of "{classes[1]}".'
    if run.get("kind") == "multilabel":
        return "Numbers are means over the labels; the page of a model has a curve of each label."
    return (
        "The curve is of the likeliest class: how sure the model was of its answer, and how often "
        "that was right. Of other numbers, ECE, slope and intercept are means over the classes, "
        "each against the rest."
    )


def _binary(group: Group) -> bool:
    run = _run(group)
    return len(run.get("classes", ())) == 2 and run.get("kind") != "multilabel"


def _run(group: Group) -> dict[str, Any]:
    runs = [record.run for standing in group.standings for record in standing.records]
    return dict(next((run for run in runs if run.get("classes")), {}))
