"""Pages from standings: one file a section; the underscored files are the press."""

from harness.report._page import render
from harness.report._recipe import Recipe, read_recipe

__all__ = ["Recipe", "read_recipe", "render"]
