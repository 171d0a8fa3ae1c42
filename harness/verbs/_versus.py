"""What `compare` answers: a line a difference, and in words which of them are more than chance."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri  # type: ignore[import-untyped]

from harness.differences import Difference
from harness.record import as_json
from harness.statistics.multiplicity import benjamini_hochberg, holm
from harness.statistics.power import POWER
from harness.text import columns
from harness.verbs._scope import Answer

Adjust = Literal["holm", "benjamini-hochberg", "none"]
ADJUSTED: Mapping[str, Callable[[Sequence[float]], NDArray[np.float64]]] = {
    "holm": holm,
    "benjamini-hochberg": benjamini_hochberg,
    "none": np.asarray,
}
SAID = ("metric", "a", "b", "effect", "ci", "level", "p", "error", "df", "n", "over", "method")
HEAD = ("gain", "interval", "p", "adjusted", "detectable", "n", "method")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was found of one metric in one place, or the sentence why nothing was."""

    on: str
    metric: str
    found: Difference | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row that was tested; `p` is adjusted for all of them, `level` is what it must be below.

    `alone` is the level that suffices for one test, whatever the others say: of Holm's, a share.
    """

    row: Row
    found: Difference
    p: float
    level: float
    alone: float

    @property
    def apart(self) -> bool:
        """Whether this difference is more than chance."""
        return self.p < self.level

    @property
    def detectable(self) -> float | None:
        """The drop that would have been seen with 80 % probability; None where none can be named.

        Such as where a side never errs, and so says nothing of how it would scatter if it did.
        """
        return self.found.detectable(0.0, self.alone / 2) if all(self.found.errors) else None

    @property
    def needed(self) -> int | None:
        """How many units would show an effect like this with 80 % probability, its error being
        that of now over the root of n; None where that cannot be said.
        """
        if self.apart or not self.found.effect:
            return None
        reach = ndtri(1 - self.alone / 2) + ndtri(POWER)
        needed = math.ceil(self.found.n * (reach * self.found.error / self.found.effect) ** 2)
        return needed if needed > self.found.n else None


def answer(a: str, b: str, rows: Sequence[Row], adjust: Adjust, level: float) -> Answer:
    """A table of all rows, sentences on those tested, and all of it as data."""
    tested = [(row, row.found) for row in rows if isinstance(row.found, Difference)]
    adjusted = ADJUSTED[adjust]([found.p for _, found in tested])
    alone = level / len(tested) if adjust == "holm" and tested else level
    lines = {
        id(row): Line(row=row, found=found, p=float(p), level=level, alone=alone)
        for (row, found), p in zip(tested, adjusted, strict=True)
    }
    cells = [_cells(row, lines.get(id(row))) for row in rows]
    told = _told(a, b, list(lines.values()), adjust)
    data = {
        "differences": [_data(row, lines.get(id(row))) for row in rows],
        "adjust": adjust,
        "level": level,
        "conclusion": told,
    }
    table = columns([["on", "metric", a, b, *HEAD], *cells])
    return Answer(text="\n".join([table, *told]), data=data)


def _cells(row: Row, line: Line | None) -> list[str]:
    if line is None:
        return [row.on, row.metric, str(row.found)]
    found, detectable = line.found, line.detectable
    return [
        row.on,
        row.metric,
        f"{found.a:.4f}",
        f"{found.b:.4f}",
        f"{found.effect + 0.0:+.4f}",
        f"[{found.ci[0] + 0.0:+.4f}, {found.ci[1] + 0.0:+.4f}]",
        _p(found.p),
        _p(line.p),
        "-" if detectable is None else f"{detectable:.4f}",
        f"{found.n} {found.over}s",
        found.method,
    ]


def _data(row: Row, line: Line | None) -> dict[str, Any]:
    if line is None:
        return {"on": row.on, "metric": row.metric, "reason": row.found}
    said = {name: as_json(getattr(line.found, name)) for name in SAID}
    more = {"minimum_detectable_effect": line.detectable, "needed": line.needed}
    known = {name: value for name, value in more.items() if value is not None}
    return {"on": row.on, **said, "p_adjusted": line.p, "apart": line.apart, **known}


def _told(a: str, b: str, lines: Sequence[Line], adjust: Adjust) -> list[str]:
    """Sentences: who is better by what, and what it would take to see more."""
    if not lines:
        return []
    places = len({line.row.on for line in lines}) > 1
    names = {
        id(line): f"{line.row.metric} on {line.row.on}" if places else line.row.metric
        for line in lines
    }
    over = "each test alone" if adjust == "none" else f"{adjust.title()} over {len(lines)}"
    found = [
        f"{better} is better by {_listed([names[id(line)] for line in wins])}."
        for better, side in ((a, 1.0), (b, -1.0))
        if (wins := [line for line in lines if line.apart and line.found.effect * side > 0])
    ]
    said = " ".join(found) or f"nothing tells {a} and {b} apart."
    lacking = [_lacking(names[id(line)], line) for line in lines if not line.apart]
    return [f"At a level of {lines[0].level:.2g} ({over}): {said}", *lacking]


def _lacking(name: str, line: Line) -> str:
    """Of a difference that may be chance: what would have been seen, and what n would show this."""
    said = []
    if line.detectable is not None:
        said.append(f"; {line.detectable:.2g} would have been seen with 80 % probability")
    if line.needed is not None:
        effect, over = abs(line.found.effect), line.found.over
        said.append(f"; {effect:.2g}, as found, needs about {line.needed:,} {over}s")
    return f"Not told apart: {name}{''.join(said)}."


def _listed(things: Sequence[str]) -> str:
    return " and ".join([", ".join(things[:-1]), things[-1]] if len(things) > 1 else things)


def _p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"
