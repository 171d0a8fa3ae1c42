"""Blocks as HTML: one file, nothing fetched, every word escaped by the templates."""

import functools
from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from harness.report._blocks import Figure, Page, Table, letter
from harness.report._whisker import shared_scale, whisker


@functools.cache
def _blocks() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(letter=letter, shared_scale=shared_scale, whisker=whisker)
    return environment


def _call(macro: str, *arguments: object) -> str:
    template = _blocks().get_template("blocks.html.j2")
    return str(getattr(template.module, macro)(*arguments))


def heading(level: int, text: str, detail: str, anchor: str) -> str:
    """A heading that can be linked to."""
    return _call("heading", level, text, detail, anchor)


def paragraph(text: str) -> str:
    """A paragraph of plain words."""
    return _call("paragraph", text)


def table(table: Table) -> str:
    """A table that scrolls in its own box and sorts by its headers."""
    return _call("table", table)


def folded(title: str, piece: str) -> str:
    """A piece that a click on its title shows; on paper it is shown."""
    return _call("folded", title, Markup(piece))


def figures(figures: Sequence[Figure], anchor: str) -> str:
    """Drawings side by side, each with its title and description."""
    return _call("figures", figures, anchor)


def page(page: Page) -> str:
    """The whole file."""
    return _blocks().get_template("page.html.j2").render(page=page) + "\n"
