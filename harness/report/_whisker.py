"""The small drawing inside a cell: a value and its interval, on the scale of its column."""

from collections.abc import Sequence

from markupsafe import Markup

from harness.report._axes import reach
from harness.report._blocks import Cell, Mark
from harness.report._svg import Scale, tag

WIDTH, HEIGHT = 84, 12


def shared_scale(cells: Sequence[Cell]) -> Scale | None:
    """The scale of a column, or None where it has nothing to draw."""
    marks = [cell.mark for cell in cells if cell.mark]
    values = [mark.value for mark in marks]
    values += [seed for mark in marks for seed in mark.seeds]
    values += [mark.reference for mark in marks if mark.reference is not None]
    held = reach(values, [mark.ci for mark in marks])
    return Scale.around(held, 2, WIDTH - 2) if held else None


def whisker(mark: Mark, scale: Scale) -> Markup:
    """A line for the interval, a dot for the value, a tick a seed, a dashed reference."""
    middle = HEIGHT / 2
    pieces = [tag("line", x1=0, x2=WIDTH, y1=middle, y2=middle, class_="grid")]
    if mark.reference is not None:
        at = scale(mark.reference)
        pieces.append(tag("line", x1=at, x2=at, y1=0, y2=HEIGHT, class_="reference"))
    if mark.ci:
        low, high = map(scale, mark.ci)
        pieces.append(tag("line", x1=low, x2=high, y1=middle, y2=middle, class_="whisker"))
    for seed in mark.seeds:
        at = scale(seed)
        pieces.append(tag("line", x1=at, x2=at, y1=middle - 4, y2=middle + 4, class_="seed"))
    pieces.append(tag("circle", cx=scale(mark.value), cy=middle, r=3, class_="dot"))
    return tag("svg", *pieces, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="cell", aria_hidden="true")
