"""`report`: the pages of a recipe, or a format in their place."""

import dataclasses
from pathlib import Path
from typing import Any

from harness import disk, reading
from harness.errors import HarnessError
from harness.overview import overviews
from harness.plan import Run
from harness.published import beside, published
from harness.report import Board, Recipe, pages, read_recipe, render
from harness.standings import standings
from harness.verbs import _gathered
from harness.verbs._exported import exported, writer
from harness.verbs._pictured import Pictured, pictured
from harness.verbs._scope import ALL, Answer, Globs
from harness.verbs._seismometer import Audited, audited

SECTION = "cases"
"""The one that needs pictures."""


def report(
    name: str,
    root: Path | None,
    place: Path,
    baselines: Path,
    out: Path,
    globs: Globs = ALL,
    *,
    pictures: bool = False,
    video: bool = False,
    to: str | None = None,
    seismometer: Path | None = None,
) -> Answer:
    """Write NAME.md and NAME.html of a recipe into `out`, and a page a model into `out`/NAME.

    pictures: also NAME-pictures.html, of the test cases of each model, real ones too; video: that
    and an animation of each. Without, a page shows cases of phantoms alone, where it has a section
    for them. to: a format that is written in place of all pages, into `out`/NAME-FORMAT.
    seismometer: a folder for a project of each classification model, its audit beside it.
    Raises HarnessError where a glob matches none, or nothing is left.
    """
    asked = pictures or video
    form = None if to is None else _alone(to, asked, seismometer)
    recipe = read_recipe(reading.find("reports", name))
    entries, contests, missing = _found(recipe, root, place, baselines, globs)
    if form:
        return exported(form, out / f"{recipe.name}-{to}", recipe, entries, root, place)
    address = f"{recipe.name}-pictures"
    cases = Pictured()
    if asked or SECTION in recipe.sections:
        reel = (out / address, address) if video else None
        cases = pictured(entries, root, place, real=asked, reel=reel)
    lines = standings(entries, contests)
    board = Board(
        standings=tuple(lines),
        overviews=tuple(overviews(lines)),
        published=beside(lines, published(baselines)),
        pictures=cases.public,
    )
    audits = audited(entries, root, place, seismometer) if seismometer else Audited()
    beside_them = audits.links(out / recipe.name)
    written = {out / file: page for file, page in pages(recipe, board, beside_them).items()}
    if asked:
        written[out / f"{address}.html"] = _gallery(recipe, board, cases)
    for path, page in written.items():
        disk.write(path, page)
    said = [_told([*written], out), *map(_lacking, missing), *cases.without]
    data: dict[str, Any] = {
        "pages": [str(path) for path in written],
        "without_record": [run.id for run in missing],
        "without_pictures": [*cases.without],
    }
    if seismometer:
        data["seismometer"] = audits.data
    code = 2 if audits.failed else 0
    return Answer(text="\n".join([*said, *audits.told]), data=data, code=code)


def _alone(to: str, asked: bool, seismometer: Path | None) -> Any:
    """The module of a format. Raises HarnessError where something is asked for beside it."""
    form = writer(to)
    if asked or seismometer:
        flags = "--pictures and --video" if asked else "--seismometer"
        raise HarnessError(f"--to {to} must go without {flags}: it writes no page")
    return form


def _found(
    recipe: Recipe, root: Path | None, place: Path, baselines: Path, globs: Globs
) -> _gathered.Gathered:
    """What the recipe is of. Raises HarnessError where there is nothing."""
    found = (
        _gathered.accepted(recipe.suites, baselines, globs)
        if recipe.source == "baselines"
        else _gathered.measured(recipe.suites, root, place, globs)
    )
    if not found.entries:
        where = baselines if recipe.source == "baselines" else place
        verb = "accept" if recipe.source == "baselines" else "run"
        raise HarnessError(
            f"a report must have records, got none of {', '.join(recipe.suites)} in {where}; "
            f"harness {verb} {recipe.suites[0]}"
        )
    return found


def _lacking(run: Run) -> str:
    """In a line, that a Run is not on the pages, and why."""
    return f"without {run.id}: it has no record by this suite and code; harness run {run.suite}"


def _gallery(recipe: Recipe, board: Board, cases: Pictured) -> str:
    """The page of all pictures. Raises HarnessError where there is none, with the first reason."""
    if not cases.shown:
        why = cases.without[0] if cases.without else "got no model of masks"
        raise HarnessError(f"--pictures must have a model to show cases of; {why}")
    alone = dataclasses.replace(recipe, title=f"Cases: {recipe.title}", sections=(SECTION,))
    return render(alone, dataclasses.replace(board, pictures=cases.shown), "html")


def _told(paths: list[Path], out: Path) -> str:
    """Those that people open, and how many more they lead to."""
    first = [str(path) for path in paths if path.parent == out]
    beyond = [path for path in paths if path.parent != out and path.suffix == ".html"]
    models = f"{len(beyond)} page{'s' if len(beyond) > 1 else ''} of models"
    return "\n".join([*first, *([f"{models} in {beyond[0].parent}"] if beyond else [])])
