"""All pages of a recipe in each format: the board, and a page for each model."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from harness.report._board import Board
from harness.report._page import render
from harness.report._recipe import Recipe

Beside = Mapping[tuple[str, str], Sequence[tuple[str, str]]]
NOTHING_BESIDE: Beside = {}
BETWEEN_MODELS = ("tradeoff",)
"""Sections that say nothing of one model alone."""


def pages(recipe: Recipe, board: Board, beside: Beside = NOTHING_BESIDE) -> dict[str, str]:
    """Path -> text: `NAME.md`, `NAME.html`, and `NAME/SUITE-MODEL` of both for each model.

    beside: (suite, model) -> addresses, from NAME/, and titles of other pages of it.
    """
    files = _files(board.suites(recipe.suites))
    links = {key: f"{quote(recipe.name)}/{quote(file)}" for key, file in files.items()}
    written = {f"{recipe.name}.{to}": render(recipe, board, to, links) for to in ("md", "html")}
    back = (f"../{quote(recipe.name)}.html", f"Back to: {recipe.title}")
    for (suite, model), file in files.items():
        about = dataclasses.replace(
            recipe,
            title=model,
            suites=(suite,),
            sections=tuple(name for name in recipe.sections if name not in BETWEEN_MODELS),
        )
        mine, stem = board.model(suite, model), file.removesuffix(".html")
        for to in ("html", "md"):
            more = beside.get((suite, model), ())
            written[f"{recipe.name}/{stem}.{to}"] = render(about, mine, to, back=back, beside=more)
    return written


def _files(board: Board) -> dict[tuple[str, str], str]:
    """(suite, model) -> file name, each once however names are made safe and cases are folded."""
    files: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for suite, model in dict.fromkeys((line.suite, line.model) for line in board.standings):
        stem = re.sub("[^A-Za-z0-9._-]+", "-", f"{suite}-{model}")
        names = (stem if count == 1 else f"{stem}-{count}" for count in range(1, len(taken) + 2))
        name = next(name for name in names if name.lower() not in taken)
        taken.add(name.lower())
        files[suite, model] = f"{name}.html"
    return files
