"""Drawing by hand: SVG elements, scales with round ticks, and the shapes that tell models apart."""

import dataclasses
import math
from collections.abc import Sequence

from markupsafe import Markup, escape

COLOURS = 7
"""How many of `--c0`, `--c1` ... the style sheet defines (Okabe and Ito's, and the ink)."""

_FINE = (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)
_SHAPES = (
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "M-4.5-4.5h9v9h-9z",
    "M0-5.8L5.5 4.4h-11z",
    "M0-6L6 0L0 6L-6 0z",
    "M0 5.8L5.5-4.4h-11z",
    "M-2-5.5h4v3.5h3.5v4h-3.5v3.5h-4v-3.5h-3.5v-4h3.5z",
)


def tag(name: str, *children: str, **attributes: str | float) -> Markup:
    """An element; `class_` is `class`, `text_anchor` is `text-anchor`, numbers keep one decimal."""
    given = (f' {key.strip("_").replace("_", "-")}="{_text(v)}"' for key, v in attributes.items())
    inside = Markup("").join(children)
    return Markup(f"<{name}{''.join(given)}>{inside}</{name}>")


def _text(value: str | float) -> str:
    return str(escape(value)) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def polyline(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    """A line through points."""
    path = " ".join(f"{_text(x)},{_text(y)}" for x, y in points)
    return tag("polyline", points=path, class_=class_)


def marker(index: int, x: float, y: float) -> Markup:
    """The mark of the `index`-th model: a colour and a shape, no pair of them twice below 42."""
    place = f"translate({_text(x)} {_text(y)})"
    shape = _SHAPES[index % len(_SHAPES)]
    return tag("path", d=shape, class_=f"mark k{index % COLOURS}", transform=place)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From values in [low, high] to positions in [start, stop], logarithmic where `log`."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    @classmethod
    def around(
        cls, values: Sequence[float], start: float, stop: float, *, log: bool = False
    ) -> "Scale":
        """The scale that holds all `values` with a little room on both sides."""
        low, high = min(values), max(values)
        if log:
            return cls(low=low / 1.35, high=high * 1.35, start=start, stop=stop, log=True)
        room = 0.06 * (high - low) or 0.05 * (abs(high) or 1.0)
        return cls(low=low - room, high=high + room, start=start, stop=stop)

    def __call__(self, value: float) -> float:
        ends = (self.low, self.high, value)
        low, high, at = map(math.log, ends) if self.log else ends
        return self.start + (at - low) / (high - low) * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Round values inside the scale, at most six."""
        return _log_ticks(self.low, self.high) if self.log else _ticks(self.low, self.high)


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in (_FINE, (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= 5:
            break
    return inside
