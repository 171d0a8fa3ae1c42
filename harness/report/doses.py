"""How much data a model needs: the ranking metric against the subjects that it was trained on."""

import dataclasses
import json
from collections.abc import Sequence

from harness.record import Measurement
from harness.report import _cells, _numbers, _words
from harness.report._axes import Axis
from harness.report._blocks import MODEL, Cell, Column, Figure
from harness.report._scatter import Point, scales, scatter
from harness.report._view import Group, Line, View, find, joined
from harness.standings import Standing

_LEAD = (
    "The same networks and the same test cases, with fewer subjects to train on. Where a line "
    "still rises at its right end, more data would help. The scale of subjects is logarithmic."
)
_SUBJECTS = Column(label="Trained on", unit="subjects", explain="Subjects of the training split.")
_DATASET = Column(label="Dataset", numeric=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """A model on one dose of the data: so many subjects, and its row of the ranking metric."""

    standing: Standing
    subjects: int
    row: Measurement


def section(view: View) -> str:
    """A table and a drawing for each data set of which a suite declares doses."""
    families: dict[str, list[Group]] = {}
    for group in view.datasets():
        if (key := _family(group)) is not None:
            families.setdefault(key, []).append(group)
    pieces = [_drawn(view, groups) for groups in families.values()]
    return view.chapter("Dose of data", *pieces, lead=_LEAD)


def _family(group: Group) -> str | None:
    """What all doses of a data set share: the suite, the device, the data and how it is divided."""
    records = [r for s in group.standings for r in s.records if r.status != "failed"]
    if not records:
        return None
    about = [records[0].run.get(name) for name in ("suite", "device", "data", "split")]
    return json.dumps(about, sort_keys=True)


def _drawn(view: View, groups: Sequence[Group]) -> str:
    """Nothing where there is one dose alone."""
    found = [dose for group in groups for standing in group.standings if (dose := _dose(standing))]
    if len({dose.subjects for dose in found}) < 2:
        return ""
    whole = max(found, key=lambda dose: dose.subjects).standing
    models = [s.model for g in groups if g.dataset == whole.dataset for s in g.standings]
    order = list(dict.fromkeys([*models, *(dose.standing.model for dose in found)]))
    found.sort(key=lambda dose: (order.index(dose.standing.model), dose.subjects))
    table = view.table(f"Doses of {whole.dataset}", [_line(dose) for dose in found])
    figure = _figure(whole.dataset, found, order)
    detail = f"{whole.suite}, {whole.device}"
    return view.topic(whole.dataset, joined(table, view.figures([figure])), detail=detail)


def _dose(standing: Standing) -> Dose | None:
    """None where the subjects or the metric are not known."""
    measured = [record for record in standing.records if record.status != "failed"]
    row = find(standing, standing.metric)
    subjects: int | None = measured[0].run.get("train_subjects") if measured else None
    if row is None or row.value is None or subjects is None:
        return None
    return Dose(standing=standing, subjects=subjects, row=row)


def _line(dose: Dose) -> Line:
    return {
        MODEL: _cells.text(dose.standing.model),
        _DATASET: _cells.text(dose.standing.dataset),
        _SUBJECTS: Cell(text=f"{dose.subjects:,}", sort=dose.subjects),
        _cells.column(dose.row): _cells.marked(dose.row, dose.standing),
    }


def _figure(dataset: str, doses: Sequence[Dose], order: Sequence[str]) -> Figure:
    last = {dose.standing.model: dose for dose in doses}
    points = [
        Point(
            name=dose.standing.model if last[dose.standing.model] is dose else "",
            index=order.index(dose.standing.model),
            x=dose.subjects,
            y=float(dose.row.value or 0.0),
            y_ci=dose.row.ci,
        )
        for dose in doses
    ]
    across, up = scales(points)
    quality = _cells.column(doses[0].row)
    return scatter(
        dataset,
        "; ".join(_sentence(dose) for dose in doses),
        points,
        Axis(label="Subjects trained on", scale=across, write=lambda value: f"{value:,.0f}"),
        Axis(label=f"{_words.label(doses[0].row.metric)} {quality.arrow}", scale=up),
        joined=True,
    )


def _sentence(dose: Dose) -> str:
    number = f"{_numbers.number(dose.row)} {_numbers.interval(dose.row)}".strip()
    return f"{dose.standing.model}: {number} of {dose.subjects:,} subjects"
