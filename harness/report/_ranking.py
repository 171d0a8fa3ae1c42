"""The critical-difference diagram: models at their mean ranks, bars over those not told apart."""

from collections.abc import Iterator

from markupsafe import Markup

from harness.across import Across
from harness.report._blocks import Figure
from harness.report._svg import Scale, polyline, tag

_TOP, _BAR, _LINE = 34, 9, 19
_AXIS, _NUMBER, _LETTER = 300, 42, 7.2


def diagram(caption: str, across: Across) -> Figure:
    """As Demsar (2006) draws it, the best on the left; of two models at least."""
    side = max(_LETTER * max(map(len, across.models)) + _NUMBER + 16, 120.0)
    width = round(2 * side + _AXIS)
    scale = Scale(low=1, high=len(across.models), start=side, stop=width - side)
    rows = _packed(across, scale)
    below = _TOP + _BAR * (1 + max((row for row, *_ in rows), default=-1)) + 12
    bars = [
        tag("line", x1=start, x2=stop, y1=y, y2=y, class_="bar")
        for row, start, stop in rows
        for y in [_TOP + 11 + _BAR * row]
    ]
    half = -(-len(across.models) // 2)
    return Figure(
        caption=caption,
        title=f"{caption}: mean ranks over {across.datasets} datasets",
        description=_words(across),
        width=width,
        height=below + _LINE * half + 4,
        inside=Markup("").join((*_axis(scale), *_names(across, scale, below), *bars)),
        note=_note(across),
        wide=True,
    )


def _axis(scale: Scale) -> Iterator[Markup]:
    yield tag("text", "mean rank, 1 is best", x=0, y=12, class_="label")
    yield tag("line", x1=scale.start, x2=scale.stop, y1=_TOP, y2=_TOP, class_="axis")
    for at in dict.fromkeys([1.0, *scale.ticks()]):
        x = scale(at)
        yield tag("line", x1=x, x2=x, y1=_TOP - 5, y2=_TOP, class_="axis")
        yield tag("text", f"{at:g}", x=x, y=_TOP - 9, text_anchor="middle")


def _names(across: Across, scale: Scale, below: float) -> Iterator[Markup]:
    """The better half stands on the left, the rest on the right, and no two lines cross."""
    models = list(zip(across.models, across.ranks, strict=True))
    half = -(-len(models) // 2)
    sides = ((models[:half], scale.start, -1, "end"), (models[half:][::-1], scale.stop, 1, "start"))
    for named, edge, away, anchor in sides:
        for row, (model, rank) in enumerate(named):
            x, y, end = scale(rank), below + _LINE * row + 8, edge + 8 * away
            yield polyline([(x, _TOP), (x, y), (end, y)], "lead")
            words = (f"{rank:.2f}", 4, ""), (model, _NUMBER + 2, "called")
            for text, gap, class_ in words:
                yield tag(
                    "text", text, x=end + gap * away, y=y + 4, text_anchor=anchor, class_=class_
                )


def _packed(across: Across, scale: Scale) -> list[tuple[int, float, float]]:
    """Row, start and stop of each bar, in as few rows as they do not touch in."""
    ranks = dict(zip(across.models, across.ranks, strict=True))
    ends: list[float] = []
    found = []
    for bar in across.bars:
        start, stop = scale(ranks[bar[0]]) - 4, scale(ranks[bar[-1]]) + 4
        row = next((row for row, end in enumerate(ends) if end + 10 < start), len(ends))
        ends[row : row + 1] = [stop]
        found.append((row, start, stop))
    return found


def _note(across: Across) -> str:
    joined = "A bar joins models of which no two are told apart."
    if not across.unbarred:
        return joined
    others = "1 more pair is" if across.unbarred == 1 else f"{across.unbarred} more pairs are"
    return f"{joined} {others} not told apart, which the letters beside the mean ranks show."


def _words(across: Across) -> str:
    ranks = [f"{m}: {rank:.2f}" for m, rank in zip(across.models, across.ranks, strict=True)]
    bars = [f"{', '.join(bar)} are not told apart" for bar in across.bars]
    return "; ".join((*ranks, *bars))
