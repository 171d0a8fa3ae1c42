"""Points with whiskers, named in place, over a logarithmic x; on request joined model by model."""

import dataclasses
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from harness.report._axes import Axis, Interval, frame, reach
from harness.report._blocks import Figure
from harness.report._labels import Box, place
from harness.report._svg import COLOURS, Scale, marker, polyline, tag

WIDTH, HEIGHT = 340, 280


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point, `name` is written beside it unless ""; `index` chooses its mark."""

    name: str
    index: int
    x: float
    y: float
    x_ci: Interval = None
    y_ci: Interval = None


def scales(points: Sequence[Point]) -> tuple[Scale, Scale]:
    """Of x and y, holding every whisker."""
    xs = reach([p.x for p in points], [p.x_ci for p in points])
    ys = reach([p.y for p in points], [p.y_ci for p in points])
    across = Scale.around([x for x in xs if x > 0], 42, WIDTH - 22, log=True)
    return across, Scale.around(ys, HEIGHT - 38, 26)


def scatter(
    caption: str,
    description: str,
    points: Sequence[Point],
    x: Axis,
    y: Axis,
    note: str = "",
    *,
    joined: bool = False,
) -> Figure:
    """The drawing; `x` and `y` hold the `scales` of the points.

    joined: a line runs through the points of one mark, in their order.
    """
    spots = [(x.scale(p.x), y.scale(p.y)) for p in points]
    box = Box(left=44, top=26, right=WIDTH, bottom=HEIGHT - 40)
    names = place(spots, [p.name for p in points], box)
    inside = (
        frame(x, y),
        *(_joined(points, spots) if joined else ()),
        *(line for p in points for line in _whiskers(p, x.scale, y.scale)),
        *(marker(p.index, *spot) for p, spot in zip(points, spots, strict=True)),
        *(_name(p, name, spot) for p, name, spot in zip(points, names, spots, strict=True)),
    )
    return Figure(
        caption=caption,
        title=f"{caption}: {y.label} against {x.label}",
        description=description,
        note=note,
        width=WIDTH,
        height=HEIGHT,
        inside=Markup("").join(inside),
    )


def _joined(points: Sequence[Point], spots: Sequence[tuple[float, float]]) -> Iterator[Markup]:
    for index in dict.fromkeys(point.index for point in points):
        line = [spot for p, spot in zip(points, spots, strict=True) if p.index == index]
        yield polyline(line, f"line s{index % COLOURS}")


def _whiskers(point: Point, across: Scale, up: Scale) -> Iterator[Markup]:
    x, y = across(point.x), up(point.y)
    if point.y_ci:
        low, high = map(up, point.y_ci)
        yield tag("line", x1=x, x2=x, y1=low, y2=high, class_="whisker")
    if point.x_ci and point.x_ci[0] > 0:
        low, high = map(across, point.x_ci)
        yield tag("line", x1=low, x2=high, y1=y, y2=y, class_="whisker")


def _name(point: Point, box: Box, spot: tuple[float, float]) -> Markup:
    """Written from the side that is near the point; a line leads to it where it had to move."""
    if not point.name:
        return Markup("")
    x, y = spot
    anchor = "start" if box.left > x else "end" if box.right < x else "middle"
    at = {"start": box.left, "end": box.right, "middle": (box.left + box.right) / 2}[anchor]
    middle = (box.top + box.bottom) / 2
    text = tag("text", point.name, x=at, y=middle + 4, text_anchor=anchor, class_="called")
    if abs(middle - y) < 20 or anchor == "middle":
        return text
    return tag("line", x1=x, y1=y, x2=at, y2=middle, class_="lead") + text
