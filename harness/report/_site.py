"""All pages of a recipe: the board in each format, and a page of HTML for each model."""

import dataclasses
import re
from urllib.parse import quote

from harness.report._board import Board
from harness.report._page import render
from harness.report._recipe import Recipe

BETWEEN_MODELS = ("tradeoff",)
"""Sections that say nothing of one model alone."""


def pages(recipe: Recipe, board: Board) -> dict[str, str]:
    """Path -> text: `NAME.md`, `NAME.html`, and `NAME/SUITE-MODEL.html` for each model."""
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
        page = render(about, board.model(suite, model), "html", back=back)
        written[f"{recipe.name}/{file}"] = page
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
