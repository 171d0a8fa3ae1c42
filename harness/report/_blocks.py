"""What a section puts on a page, in no format yet: columns, cells, tables, figures."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from harness.record import Better

NOTHING = "\N{EN DASH}"
"""The text of a cell that has none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value drawn on the scale that its column shares: dot, interval, seeds, reference line."""

    value: float
    ci: tuple[float, float] | None = None
    seeds: tuple[float, ...] = ()
    reference: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: `detail` is its second line, `title` a tooltip, `sort` its key (None is last).

    `badges` are warnings in a few words; `link` is where its text leads, in formats with links.
    """

    text: str = NOTHING
    interval: str = ""
    detail: str = ""
    sort: float | str | None = None
    title: str = ""
    notes: tuple[str, ...] = ()
    mark: Mark | None = None
    tone: str = ""
    badges: tuple[str, ...] = ()
    link: str = ""

    @property
    def blank(self) -> bool:
        """Whether it says nothing."""
        return self.text == NOTHING and not (self.detail or self.notes or self.badges)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: what it is called, what that means, and which direction is better.

    `names_row` makes its cells row headers; `numeric` aligns right; `prose` are sentences, which
    may break anywhere on a narrow screen; `order` says it is sorted now.
    """

    label: str
    unit: str = ""
    explain: str = ""
    better: Better = None
    numeric: bool = True
    names_row: bool = False
    prose: bool = False
    order: str = ""

    @property
    def arrow(self) -> str:
        """`↑` where higher is better, `↓` where lower, `→ 1` for a target, else nothing."""
        if isinstance(self.better, float | int):
            return f"→ {self.better:g}"
        return {"higher": "↑", "lower": "↓", None: ""}[self.better]

    @property
    def first_order(self) -> str:
        """The direction that puts the best first."""
        return "descending" if self.better == "higher" else "ascending"


MODEL = Column(label="Model", numeric=False, names_row=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; `label` tells those who cannot see it what it holds, `foot` are reference lines.

    `filtered` asks for a box that hides lines, in formats that can; the foot stays.
    """

    anchor: str
    label: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    foot: Sequence[Sequence[Cell]] = ()
    filtered: bool = False

    def notes(self) -> list[str]:
        """Footnotes in the order in which they are first called."""
        cells = (cell for row in (*self.rows, *self.foot) for cell in row)
        return list(dict.fromkeys(note for cell in cells for note in cell.notes))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing: the inside of an SVG, the words that replace it, and a note below it.

    One that is `wide` keeps its size on a narrow screen, and scrolls in its own box.
    """

    caption: str
    title: str
    description: str
    width: int
    height: int
    inside: str
    note: str = ""
    wide: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All of a page: contents as (anchor, title), a body that is in format, words explained.

    `back` is the address and title of the page that leads here; `beside` those of more pages of
    the same, in formats with links.
    """

    title: str
    summary: Sequence[str]
    contents: Sequence[tuple[str, str]]
    body: str
    words: Sequence[tuple[str, str]]
    closing: str
    back: tuple[str, str] | None = None
    beside: Sequence[tuple[str, str]] = ()


class Format(Protocol):
    """How blocks become text: a module for each format."""

    def heading(self, level: int, text: str, detail: str, anchor: str) -> str: ...

    def paragraph(self, text: str) -> str: ...

    def table(self, table: Table) -> str: ...

    def folded(self, title: str, piece: str) -> str: ...

    def figures(self, figures: Sequence[Figure], anchor: str) -> str: ...

    def page(self, page: Page) -> str: ...


def letter(index: int) -> str:
    """The name of a footnote: a, b, ... z, aa, ab ..."""
    before, last = divmod(index, 26)
    return (letter(before - 1) if before else "") + chr(ord("a") + last)
