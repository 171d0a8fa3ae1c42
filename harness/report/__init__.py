"""Pages from standings: one file a section; the underscored files are the press."""

from harness.report._board import Board
from harness.report._page import render
from harness.report._recipe import Recipe, read_recipe
from harness.report._site import pages

__all__ = ["Board", "Recipe", "pages", "read_recipe", "render"]
