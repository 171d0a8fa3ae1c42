"""Seismometer's fairness audit, HTML with emoji for flags, as plain lines of numbers and words."""

import dataclasses
import re
from collections.abc import Mapping
from html.parser import HTMLParser

FLAGS = {
    "\N{SMALL BLUE DIAMOND}": "as the largest",
    "\N{LARGE GREEN CIRCLE}": "within",
    "\N{UP-POINTING SMALL RED TRIANGLE}": "higher",
    "\N{DOWN-POINTING SMALL RED TRIANGLE}": "lower",
    "\N{UP-POINTING RED TRIANGLE}": "much higher",
    "\N{DOWN-POINTING RED TRIANGLE}": "much lower",
    "--": "not compared",
}
"""What stands before a number -> what it says."""
_CELL = re.compile(r"(\S+)\s*(-?[\d.]+|inf)?\s*(?:\((-?[\d.]+)%\))?")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One metric of a cohort, as shown: two decimals, a flag, percent above the largest cohort."""

    value: str
    flag: str
    apart: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A cohort of the audit; metric -> what is said."""

    column: str
    value: str
    n: int
    said: Mapping[str, Said]


def lines(html: str) -> list[Line]:
    """The cohorts of an audit, in its order. Raises ValueError for a cell that it should not have.

    "" is an audit without a cohort.
    """
    reader = _Rows()
    reader.feed(html)
    if not reader.rows:
        return []
    [_, _, *metrics], *rest = reader.rows
    found, column = [], ""
    for row in rest:
        if len(row) == 1:
            [column] = row
        elif len(row) == len(metrics) + 2:
            value, n, *cells = row
            said = {name: _said(cell) for name, cell in zip(metrics, cells, strict=True)}
            found.append(Line(column=column, value=value, n=int(n), said=said))
    return found


def _said(cell: str) -> Said:
    match = _CELL.fullmatch(cell)
    if match is None or match[1] not in FLAGS:
        raise ValueError(f"a cell of the fairness audit must be a flag and a number, got {cell!r}")
    return Said(value=match[2] or "", flag=FLAGS[match[1]], apart=match[3] or "")


class _Rows(HTMLParser):
    """The words of each cell of the first table, row by row; a table within it is a legend."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._tables = 0
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tables += tag == "table"
        if self._tables != 1:
            return
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._tables -= tag == "table"
        self._open = self._open and tag not in ("th", "td", "tr")

    def handle_data(self, data: str) -> None:
        if self._tables == 1 and self._open:
            self.rows[-1][-1] = f"{self.rows[-1][-1]}{data}".strip()
