"""A reliability diagram: how often it was so against what was said, and how many cases."""

import dataclasses
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from harness.record import Measurement, Where
from harness.reliability import OBSERVED, STATED
from harness.report._axes import Axis, frame
from harness.report._blocks import Figure
from harness.report._svg import Scale, polyline, tag

WIDTH, HEIGHT = 272, 336
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 262, 46, 250
"""The square of the curve; columns of cases stand below it."""
_FOOT, _TALLEST = 330, 34

Curve = Sequence["Bin"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One part of the scale: what was said on average, and the row of how often it was so."""

    name: str
    stated: float
    rate: Measurement

    @property
    def spot(self) -> tuple[float, float]:
        """Stated and observed."""
        return self.stated, float(self.rate.value or 0.0)

    @property
    def told(self) -> str:
        """In words: said 0.31, was so 0.25 [0.12, 0.44] of 28."""
        low, high = self.rate.ci or (None, None)
        ci = f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else ""
        return f"said {self.stated:.2f}, was so {self.spot[1]:.2f}{ci} of {self.rate.n}"


def curve(rows: Sequence[Measurement], where: Where) -> list[Bin]:
    """The bins of the rows whose `where` is this one beside their `bin`, in order."""
    mine = [row for row in rows if "bin" in row.where and _without_bin(row.where) == dict(where)]
    stated = {row.where["bin"]: row.value for row in mine if row.metric == STATED}
    found = [
        Bin(name=row.where["bin"], stated=float(stated[row.where["bin"]] or 0.0), rate=row)
        for row in mine
        if row.metric == OBSERVED and row.where["bin"] in stated
    ]
    return sorted(found, key=lambda each: each.stated)


def diagram(
    caption: str, after: Curve, before: Curve = (), others: Sequence[Curve] = (), note: str = ""
) -> Figure:
    """Dots with intervals and columns of the first, the line of what it was `before` calibration.

    `others` are thin lines: of further seeds.
    """
    across = Scale(low=0, high=1, start=_LEFT, stop=_RIGHT)
    up = Scale(low=0, high=1, start=_BOTTOM, stop=_TOP)
    ends = [(across(0), up(0)), (across(1), up(1))]
    inside = (
        frame(
            Axis(label="what was said", scale=across), Axis(label="how often it was so", scale=up)
        ),
        polyline(ends, "ideal"),
        *(polyline(_line(each, across, up), "seed") for each in others),
        *_before(before, across, up),
        *_after(after, across, up),
        *_columns(after),
        *(_legend() if before else ()),
    )
    told = "; ".join(each.told for each in after)
    was = "; ".join(each.told for each in before)
    return Figure(
        caption=caption,
        title=f"{caption}: how often it was so against what was said",
        description=f"{told}." + (f" Before calibration: {was}." if was else ""),
        width=WIDTH,
        height=HEIGHT,
        inside=Markup("").join(inside),
        note=note,
    )


def _without_bin(where: Where) -> dict[str, str]:
    return {key: value for key, value in where.items() if key != "bin"}


def _line(bins: Curve, across: Scale, up: Scale) -> list[tuple[float, float]]:
    return [(across(x), up(y)) for x, y in (each.spot for each in bins)]


def _after(bins: Curve, across: Scale, up: Scale) -> Iterator[Markup]:
    for each in bins:
        if each.rate.ci:
            x, (low, high) = across(each.stated), map(up, each.rate.ci)
            yield tag("line", x1=x, x2=x, y1=low, y2=high, class_="whisker")
    yield polyline(_line(bins, across, up), "line validation")
    for x, y in _line(bins, across, up):
        yield tag("circle", cx=x, cy=y, r=3.5, class_="selected")


def _before(bins: Curve, across: Scale, up: Scale) -> Iterator[Markup]:
    if bins:
        yield polyline(_line(bins, across, up), "line training")
    for x, y in _line(bins, across, up):
        yield tag(
            "path", d="M-3-3h6v6h-6z", class_="mark k1", transform=f"translate({x:.1f} {y:.1f})"
        )


def _columns(bins: Curve) -> Iterator[Markup]:
    """How many cases each dot is of; the most are written."""
    most = max((each.rate.n or 0 for each in bins), default=0)
    over = next((each.rate.over for each in bins), "") or "case"
    width = _RIGHT - _LEFT
    for each in bins:
        low, high = (float(end) for end in each.name.split("-"))
        tall = max(_TALLEST * (each.rate.n or 0) / max(most, 1), 1.0)
        yield tag(
            "rect",
            x=_LEFT + low * width + 0.5,
            y=_FOOT - tall,
            width=max((high - low) * width - 1, 1.0),
            height=tall,
            class_="count",
        )
    yield tag("line", x1=_LEFT, x2=_RIGHT, y1=_FOOT, y2=_FOOT, class_="axis")
    yield tag("text", f"{over}s, at most {most:,}", x=0, y=_FOOT - _TALLEST - 7, class_="label")


def _legend() -> Iterator[Markup]:
    for name, of, x in (("as shipped", "validation", 62), ("before", "training", 172)):
        yield polyline([(x, 12), (x + 18, 12)], f"line {of}")
        yield tag("text", name, x=x + 23, y=16)
