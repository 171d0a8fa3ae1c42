"""The frame of a drawing: grid lines, round numbers at them, and what is drawn along each side."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from markupsafe import Markup

from harness.report._svg import Scale, tag

Interval = tuple[float, float] | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One side of a frame: its words, its scale, and how it writes a number, unless plainly."""

    label: str
    scale: Scale
    write: Callable[[float], str] | None = None

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Positions and words, all with as many decimals as the longest needs."""
        values = self.scale.ticks()
        decimals = max(len(f"{value:.6g}".partition(".")[2]) for value in values or [0.0])
        for value in values:
            yield self.scale(value), self.write(value) if self.write else f"{value:.{decimals}f}"


def frame(x: Axis, y: Axis) -> Markup:
    """Both axes; the label of `y` stands above it, so that nobody has to turn their head."""
    return Markup("").join((*_across(x, y.scale), *_up(y, x.scale)))


def reach(values: Sequence[float], intervals: Sequence[Interval]) -> list[float]:
    """All that a scale has to hold."""
    return [*values, *(end for interval in intervals if interval for end in interval)]


def _across(x: Axis, up: Scale) -> Iterator[Markup]:
    bottom = up.start
    yield tag("line", x1=x.scale.start, x2=x.scale.stop, y1=bottom, y2=bottom, class_="axis")
    for at, words in x.ticks():
        yield tag("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="axis")
        yield tag("text", words, x=at, y=bottom + 16, text_anchor="middle")
    yield tag("text", x.label, x=x.scale.stop, y=bottom + 31, text_anchor="end", class_="label")


def _up(y: Axis, across: Scale) -> Iterator[Markup]:
    for at, words in y.ticks():
        yield tag("line", x1=across.start, x2=across.stop, y1=at, y2=at, class_="grid")
        yield tag("text", words, x=across.start - 6, y=at + 4, text_anchor="end")
    yield tag("text", y.label, x=0, y=y.scale.stop - 9, class_="label")
