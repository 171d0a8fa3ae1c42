"""Where to write names beside points, so that none covers a point or another name."""

import dataclasses
from collections.abc import Iterator, Sequence

_STEPS = (0, -14, 14, -28, 28, -42, 42, -56, 56)
_GAP = 9.0
_HEIGHT = 13.0
_LETTER = 7.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle, x to the right and y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "Box") -> float:
        """The shared area."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)

    @property
    def area(self) -> float:
        """Width times height."""
        return (self.right - self.left) * (self.bottom - self.top)


def place(points: Sequence[tuple[float, float]], names: Sequence[str], frame: Box) -> list[Box]:
    """A box for each name, each in turn at the nearest place that covers least."""
    taken = [Box(left=x - 6, top=y - 6, right=x + 6, bottom=y + 6) for x, y in points]
    boxes: list[Box] = []
    for (x, y), name in zip(points, names, strict=True):
        choices = list(_around(x, y, _LETTER * len(name)))
        best = min(choices, key=lambda box: _cost(box, [*taken, *boxes], frame))
        boxes.append(best)
    return boxes


def _around(x: float, y: float, width: float) -> Iterator[Box]:
    for step in _STEPS:
        top = y + step - _HEIGHT / 2
        for left in (x + _GAP, x - _GAP - width, x - width / 2):
            yield Box(left=left, top=top, right=left + width, bottom=top + _HEIGHT)


def _cost(box: Box, taken: Sequence[Box], frame: Box) -> float:
    outside = box.area - box.overlap(frame)
    return 4 * outside + sum(box.overlap(other) for other in taken)
