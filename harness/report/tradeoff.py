"""What quality costs: the ranking metric against latency and against size."""

from harness.record import Measurement, Where
from harness.report import _cells, _numbers, _words
from harness.report._axes import Axis
from harness.report._blocks import Figure
from harness.report._scatter import Point, scales, scatter
from harness.report._view import Group, View, find, served_one_by_one

_LEAD = (
    "The ranking metric of each model against what it costs, with intervals where they are known. "
    "The scale of the cost is logarithmic. A model keeps its mark throughout."
)


def section(view: View) -> str:
    """Two rows of drawings, one drawing a dataset."""
    groups = view.datasets()
    marks = {name: i for i, name in enumerate(dict.fromkeys(s.model for s in view.standings))}
    timed = [_drawn(group, marks, _latencies(group)) for group in groups]
    sized = [_drawn(group, marks, _sizes(group)) for group in groups]
    places = _cells.listed(_cells.listed_where(place) for g in groups for place in _place(g))
    return view.chapter(
        "Trade-off",
        view.topic("Quality and latency", view.figures([f for f in timed if f]), detail=places),
        view.topic("Quality and size", view.figures([f for f in sized if f])),
        lead=_LEAD,
    )


def _place(group: Group) -> list[Where]:
    """The conditions that are drawn: the first of those that were timed, if any were."""
    return group.places(served_one_by_one)[:1]


def _latencies(group: Group) -> dict[str, Measurement | None]:
    found = {}
    for standing in group.standings:
        rows = [find(standing, "latency_p50", where) for where in _place(group)]
        found[standing.model] = rows[0] if rows else None
    return found


def _sizes(group: Group) -> dict[str, Measurement | None]:
    return {s.model: find(s, "size_bytes") for s in group.standings}


def _drawn(
    group: Group, marks: dict[str, int], costs: dict[str, Measurement | None]
) -> Figure | None:
    known = [(s.model, costs[s.model], find(s, group.metric)) for s in group.standings]
    points = [point for model, x, y in known if (point := _point(model, marks[model], x, y))]
    rows = [(model, x, y) for model, x, y in known if x and y]
    if not points:
        return None
    across, up = scales(points)
    _, x, y = rows[0]
    drawn = [point.name for point in points]
    left_out = ", ".join(model for model, *_ in known if model not in drawn)
    return scatter(
        group.dataset,
        "; ".join(_sentence(model, x, y) for model, x, y in rows if model in drawn),
        points,
        Axis(label=_cost(x), scale=across, write=lambda value: _numbers.tick(value, x)),
        Axis(label=f"{_words.label(group.metric)} {_cells.column(y).arrow}", scale=up),
        note=f"Not drawn, for want of a number: {left_out}." if left_out else "",
    )


def _point(model: str, index: int, x: Measurement | None, y: Measurement | None) -> Point | None:
    if x is None or y is None or not x.value or y.value is None:
        return None
    return Point(name=model, index=index, x=x.value, y=y.value, x_ci=x.ci, y_ci=y.ci)


def _cost(row: Measurement) -> str:
    if row.metric == "size_bytes":
        return "ONNX file"
    return f"p50 latency, {_numbers.unit(row)}"


def _sentence(model: str, x: Measurement, y: Measurement) -> str:
    quality = f"{_numbers.number(y)} {_numbers.interval(y)}".strip()
    return f"{model}: {quality} at {_numbers.number(x)} {_numbers.unit(x)}".strip()
