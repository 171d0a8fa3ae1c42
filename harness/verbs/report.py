"""`report`: the pages of a recipe."""

from pathlib import Path

from harness import disk, reading
from harness.errors import HarnessError
from harness.overview import overviews
from harness.published import beside, published
from harness.report import Board, pages, read_recipe
from harness.standings import standings
from harness.verbs import _gathered
from harness.verbs._scope import ALL, Answer, Globs


def report(
    name: str, root: Path | None, place: Path, baselines: Path, out: Path, globs: Globs = ALL
) -> Answer:
    """Write NAME.md and NAME.html of a recipe into `out`, and a page a model into `out`/NAME.

    Raises HarnessError where a glob matches none, or nothing is left.
    """
    recipe = read_recipe(reading.find("reports", name))
    entries, contests = (
        _gathered.accepted(recipe.suites, baselines, globs)
        if recipe.source == "baselines"
        else _gathered.measured(recipe.suites, root, place, globs)
    )
    if not entries:
        where = baselines if recipe.source == "baselines" else place
        verb = "accept" if recipe.source == "baselines" else "run"
        raise HarnessError(
            f"a report must have records, got none of {', '.join(recipe.suites)} in {where}; "
            f"harness {verb} {recipe.suites[0]}"
        )
    lines = standings(entries, contests)
    board = Board(
        standings=tuple(lines),
        overviews=tuple(overviews(lines)),
        published=beside(lines, published(baselines)),
    )
    written = {out / file: page for file, page in pages(recipe, board).items()}
    for path, page in written.items():
        disk.write(path, page)
    return Answer(text=_told(list(written), out), data={"pages": [str(path) for path in written]})


def _told(paths: list[Path], out: Path) -> str:
    """Those that people open, and how many more they lead to."""
    first = [str(path) for path in paths if path.parent == out]
    beyond = [path for path in paths if path.parent != out]
    models = f"{len(beyond)} page{'s' if len(beyond) > 1 else ''} of models"
    return "\n".join([*first, *([f"{models} in {beyond[0].parent}"] if beyond else [])])
