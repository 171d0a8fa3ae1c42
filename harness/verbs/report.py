"""`report`: the pages of a recipe."""

from pathlib import Path

from harness import disk, reading
from harness.baselines import Entry, all_accepted, history
from harness.errors import HarnessError
from harness.report import read_recipe, render
from harness.standings import standings
from harness.verbs._scope import Answer, open_scope


def report(name: str, root: Path | None, place: Path, baselines: Path, out: Path) -> Answer:
    """Write NAME.md and NAME.html of a recipe into `out`."""
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
    pages = {out / f"{recipe.name}.{kind}": render(recipe, lines, kind) for kind in ("md", "html")}
    for path, page in pages.items():
        disk.write(path, page)
    return Answer(text="\n".join(map(str, pages)), data={"pages": [str(path) for path in pages]})


def _measured(suite: str, root: Path | None, place: Path) -> list[Entry]:
    scope = open_scope(suite, (None, None, None, ("cpu", "cuda")), root, place)
    found = [(scope.record(run), scope.folder(run)) for run in scope.runs]
    return [
        Entry(record=record, probability=None, history=history(folder))
        for record, folder in found
        if record is not None
    ]
