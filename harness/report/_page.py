"""A recipe and its board as one page: sections in order, then what stands around them."""

from collections.abc import Sequence

from harness import shelf
from harness.errors import HarnessError
from harness.report import _html, _markdown
from harness.report._blocks import Format, Page
from harness.report._board import Board
from harness.report._recipe import Recipe
from harness.report._view import NO_LINKS, Links, View

FORMATS: dict[str, Format] = {"html": _html, "md": _markdown}

_SOURCES = {"baselines": "accepted baselines", "runs": "the records in runs/"}


def render(
    recipe: Recipe,
    board: Board,
    to: str,
    links: Links = NO_LINKS,
    back: tuple[str, str] | None = None,
    beside: Sequence[tuple[str, str]] = (),
) -> str:
    """The page of `recipe` in the format `to`, the same text for the same board.

    `links` are addresses of the pages of models; a page with a way `back` is of one model alone.
    `beside`: address and title of other pages of it.
    Raises HarnessError where no such format is known.
    """
    if to not in FORMATS:
        raise HarnessError(f"a report must be in one of {', '.join(FORMATS)}, got {to!r}")
    view = View(recipe, board, FORMATS[to], links, alone=back is not None)
    pieces = [_section(view, name) for name in recipe.sections]
    page = Page(
        title=recipe.title,
        summary=_summary(view),
        contents=view.chapters,
        body="\n\n".join(piece for piece in pieces if piece),
        words=list(view.words.items()),
        closing=_closing(view),
        back=back,
        beside=beside,
    )
    return FORMATS[to].page(page)


def _section(view: View, name: str) -> str:
    view.here = name
    text: str = shelf.load("report", name).section(view)
    return text


def _summary(view: View) -> list[str]:
    titles = {standing.suite: standing.title for standing in view.standings}
    lines = [f"{suite}: {title}" for suite, title in titles.items()]
    missing = [suite for suite in view.recipe.suites if suite not in titles]
    if missing:
        lines.append(f"Nothing is known yet of {', '.join(missing)}.")
    return lines


def _closing(view: View) -> str:
    cases = "of a case that is named, " if view.pictures else ""
    return (
        f"Written by harness report {view.recipe.name} from {_SOURCES[view.recipe.source]}. "
        "Every number is a row of a record, a number made of such rows over seeds or datasets, "
        f"{cases}or published by the source that is named beside it."
    )
