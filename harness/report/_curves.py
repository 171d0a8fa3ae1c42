"""Training and validation loss per epoch."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from harness.report._axes import Axis, frame
from harness.report._blocks import Figure
from harness.report._svg import Scale, polyline, tag

WIDTH, HEIGHT = 256, 200

History = Sequence[Mapping[str, float | None]]

_LINES = {"train_loss": "training", "val_loss": "validation"}
_MOST = 160


def drawable(histories: Sequence[History]) -> bool:
    """Whether there is a loss to draw."""
    return any(_points(history, key) for history in histories for key in _LINES)


def curves(
    caption: str,
    description: str,
    histories: Sequence[History],
    selected: Sequence[int | None],
    *,
    legend: bool,
) -> Figure:
    """A pair of lines a seed, and a dot on the validation loss of the selected epoch."""
    points = [p for history in histories for key in _LINES for p in _points(history, key)]
    across = Scale.around([epoch for epoch, _ in points], 44, WIDTH - 12)
    up = Scale.around([loss for _, loss in points], HEIGHT - 38, 26)
    pairs = zip(histories, selected, strict=True)
    inside = (
        frame(Axis(label="epoch", scale=across), Axis(label="loss", scale=up)),
        *(mark for history, epoch in pairs for mark in _seed(history, epoch, across, up)),
        _legend() if legend else "",
    )
    return Figure(
        caption=caption,
        title=f"{caption}: loss per epoch",
        description=description,
        width=WIDTH,
        height=HEIGHT,
        inside=Markup("").join(inside),
    )


def _points(history: History, key: str) -> list[tuple[float, float]]:
    known = ((row.get("epoch"), row.get(key)) for row in history)
    return [(epoch, loss) for epoch, loss in known if epoch is not None and loss is not None]


def _seed(history: History, selected: int | None, across: Scale, up: Scale) -> Iterator[Markup]:
    for key, name in _LINES.items():
        places = [(across(epoch), up(loss)) for epoch, loss in _points(history, key)]
        yield polyline(_thinned(places), f"line {name}")
    for epoch, loss in _points(history, "val_loss"):
        if epoch == selected:
            yield tag("circle", cx=across(epoch), cy=up(loss), r=4, class_="selected")


def _thinned(line: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """No more points than the drawing can show, first and last among them."""
    return [*line[: -1 : -(-len(line) // _MOST) or 1], *line[-1:]]


def _legend() -> Markup:
    pieces = []
    for name, x in (("training", 84), ("validation", 162)):
        pieces.append(polyline([(x, 12), (x + 18, 12)], f"line {name}"))
        pieces.append(tag("text", name, x=x + 23, y=16))
    return Markup("").join(pieces)
