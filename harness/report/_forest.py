"""Values with intervals, a line a group, over one scale: the drawing of a fairness report."""

import dataclasses
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from harness.report._axes import Axis, Interval, reach
from harness.report._blocks import Figure
from harness.report._svg import Scale, tag

WIDTH = 340
_LINE, _TOP, _ROOM, _DEEP = 36, 8, 8, 40


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One line: its name, what is said of it, and where it has a value, that and its interval."""

    name: str
    words: str
    value: float | None = None
    ci: Interval = None
    marked: bool = False


def forest(
    caption: str, description: str, branches: Sequence[Branch], label: str, whole: float | None
) -> Figure | None:
    """A dashed line stands at `whole`; a branch that is marked is a diamond. None without values.

    As wide as a telephone, so that its text keeps its size there.
    """
    values = [branch.value for branch in branches if branch.value is not None]
    if not values:
        return None
    every = [*values, *([whole] if whole is not None else [])]
    held = reach(every, [branch.ci for branch in branches])
    scale = Scale.around(held, _ROOM, WIDTH - _ROOM)
    bottom = _TOP + _LINE * len(branches) + 6
    pieces = [*_axis(Axis(label=label, scale=scale), bottom)]
    if whole is not None:
        at = scale(whole)
        pieces.append(tag("line", x1=at, x2=at, y1=_TOP, y2=bottom, class_="reference"))
    for index, branch in enumerate(branches):
        pieces += _branch(branch, scale, _TOP + _LINE * index)
    return Figure(
        caption=caption,
        title=caption,
        description=description,
        width=WIDTH,
        height=bottom + _DEEP,
        inside=Markup("").join(pieces),
        note="Dashed: all cases together. A diamond is told apart from the rest."
        if whole is not None
        else "A diamond is told apart from the rest.",
    )


def _axis(x: Axis, bottom: float) -> Iterator[Markup]:
    yield tag("line", x1=x.scale.start, x2=x.scale.stop, y1=bottom, y2=bottom, class_="axis")
    for at, words in x.ticks():
        yield tag("line", x1=at, x2=at, y1=_TOP, y2=bottom, class_="grid")
        side = "start" if at < 24 else "end" if at > WIDTH - 24 else "middle"
        yield tag("text", words, x=at, y=bottom + 15, text_anchor=side)
    yield tag("text", x.label, x=x.scale.stop, y=bottom + 32, text_anchor="end", class_="label")


def _branch(branch: Branch, scale: Scale, top: float) -> Iterator[Markup]:
    y = top + 26
    yield tag("text", branch.name, x=scale.start, y=top + 14, class_="called")
    yield tag("text", branch.words, x=scale.stop, y=top + 14, text_anchor="end", class_="called")
    if branch.value is None:
        return
    if branch.ci:
        low, high = map(scale, branch.ci)
        yield tag("line", x1=low, x2=high, y1=y, y2=y, class_="whisker")
    at = scale(branch.value)
    if branch.marked:
        shape = tag(
            "path",
            d="M-6 0L0-6L6 0L0 6z",
            class_="mark k1",
            transform=f"translate({at:.1f} {y:.1f})",
        )
        yield shape
    else:
        yield tag("circle", cx=at, cy=y, r=4, class_="dot")
