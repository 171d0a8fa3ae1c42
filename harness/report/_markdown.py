"""Blocks as Markdown for GitHub: intervals in words; drawings are left to the HTML page."""

import html
import re
from collections.abc import Sequence

from harness.report._blocks import Cell, Column, Figure, Page, Table, letter


def heading(level: int, text: str, detail: str, anchor: str) -> str:
    """A heading; GitHub makes the anchor."""
    return f"{'#' * level} {escape(text)}{f' ({escape(detail)})' if detail else ''}"


def paragraph(text: str) -> str:
    """A paragraph of plain words."""
    return escape(text)


def table(table: Table) -> str:
    """A table, its footnotes after it."""
    notes = table.notes()
    rule = ["---:" if column.numeric else ":---" for column in table.columns]
    lines = [_line([_header(column) for column in table.columns]), _line(rule)]
    lines += [_line([_cell(cell, notes) for cell in row]) for row in (*table.rows, *table.foot)]
    called = [f"<sup>{letter(index)}</sup> {escape(note)}" for index, note in enumerate(notes)]
    return "\n".join(lines) + "".join(f"\n\n{note}" for note in called)


def folded(title: str, piece: str) -> str:
    """A piece that a click on its title shows, as GitHub and the Hugging Face hub have it."""
    return (
        f"<details>\n<summary>{html.escape(title, quote=False)}</summary>\n\n{piece}\n\n</details>"
    )


def figures(figures: Sequence[Figure], anchor: str) -> str:
    """Nothing: their numbers are in the tables."""
    return ""


def page(page: Page) -> str:
    """The whole file."""
    words = [f"- **{escape(label)}**: {escape(meaning)}" for label, meaning in page.words]
    pieces = [f"# {escape(page.title)}", *map(escape, page.summary), page.body]
    if words:
        pieces += ["## Words", "\n".join(words)]
    return "\n\n".join(piece for piece in (*pieces, escape(page.closing)) if piece) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    text = re.sub(r"([\\`*|~])", r"\\\1", " ".join(text.split()))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("](", "]\\(")
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _header(column: Column) -> str:
    unit = f"({column.unit})" if column.unit else ""
    return " ".join(part for part in (escape(column.label), escape(unit), column.arrow) if part)


def _cell(cell: Cell, notes: Sequence[str]) -> str:
    calls = ", ".join(letter(notes.index(note)) for note in cell.notes)
    detail = f"({cell.detail})" if cell.detail else ""
    text = " ".join(escape(part) for part in (cell.text, cell.interval, detail) if part)
    text += "".join(f" **{escape(badge)}**" for badge in cell.badges)
    return f"{text}<sup>{calls}</sup>" if calls else text
