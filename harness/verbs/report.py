"""`report`: the pages of a recipe."""

from pathlib import Path

from harness import disk, reading
from harness.aggregate import of_runs
from harness.baselines import Entry, all_accepted, history
from harness.errors import HarnessError
from harness.overview import overviews
from harness.published import beside, published
from harness.report import Board, pages, read_recipe
from harness.standings import standings
from harness.verbs._scope import Answer, open_scope


def report(name: str, root: Path | None, place: Path, baselines: Path, out: Path) -> Answer:
    """Write NAME.md and NAME.html of a recipe into `out`, and a page a model into `out`/NAME."""
    recipe = read_recipe(reading.find("reports", name))
    entries: list[Entry] = []
    for suite in recipe.suites:
        if recipe.source == "baselines":
            entries += all_accepted(baselines, suite)
        else:
            entries += _measured(suite, root, place)
    if not entries:
        where = baselines if recipe.source == "baselines" else place
        verb = "accept" if recipe.source == "baselines" else "run"
        raise HarnessError(
            f"a report must have records, got none of {', '.join(recipe.suites)} in {where}; "
            f"harness {verb} {recipe.suites[0]}"
        )
    lines = standings(entries)
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


def _measured(suite: str, root: Path | None, place: Path) -> list[Entry]:
    scope = open_scope(suite, (None, None, None, ("cpu", "cuda")), root, place)
    records = {run: record for run in scope.runs if (record := scope.record(run)) is not None}
    found = {run: (record, scope.folder(run)) for run, record in records.items()}
    means = of_runs(found, scope.suite.metrics)
    return [
        Entry(record=record, probability=None, history=history(folder), means=means.get(run, ()))
        for run, (record, folder) in found.items()
    ]
