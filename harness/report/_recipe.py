"""A recipe: which suites and sections make a page, from accepted baselines or from runs."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

from harness import shelf, strict
from harness.errors import HarnessError

_KEYS: dict[str, Any] = {
    "title": str,
    "suites": tuple[str, ...],
    "sections": tuple[str, ...],
    "from": Literal["baselines", "runs"],
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A parsed recipe; `name` is the stem of its file, `source` its key `from`."""

    name: str
    title: str
    suites: tuple[str, ...]
    sections: tuple[str, ...]
    source: Literal["baselines", "runs"] = "baselines"


def read_recipe(path: Path) -> Recipe:
    """Parse and check the recipe at `path`. Raises HarnessError for the first mistake in it."""
    table = strict.read_toml(path)
    for key in table:
        if key not in _KEYS:
            raise HarnessError(f"{path}: unknown key {key!r}; known: {', '.join(_KEYS)}")
    for key in _KEYS:
        if key not in table:
            raise HarnessError(f"{path} must have a key {key!r}, got {', '.join(table) or 'none'}")
    values = {key: strict.convert(_KEYS[key], table[key], f"{path}: {key}") for key in _KEYS}
    for section in values["sections"]:
        shelf.require("report", section, f"{path}: a section")
    for key in ("suites", "sections"):
        _each_once(values[key], f"{path}: {key}")
    return Recipe(name=path.stem, source=values.pop("from"), **values)


def _each_once(listed: tuple[str, ...], place: str) -> None:
    if not listed or len(set(listed)) < len(listed):
        raise HarnessError(f"{place} must name at least one, each once, got {list(listed)}")
