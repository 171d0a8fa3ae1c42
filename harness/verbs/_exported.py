"""`report --to`: in place of pages, a format that is written of a report."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness import plan, shelf
from harness.baselines import Entry
from harness.errors import HarnessError
from harness.extremes import Again
from harness.formats._report import Made, Part, Report, Written
from harness.job import Job
from harness.plan import Run
from harness.progress import Progress
from harness.report import Recipe
from harness.segmented import Segmented
from harness.tasks import segment
from harness.verbs._at_hand import at_hand, of_masks, said
from harness.verbs._scope import Answer, Scope


def writer(name: str) -> Any:
    """The module of a format. Raises HarnessError, with those that there are, for any other."""
    modules = {each: shelf.load("formats", each) for each in shelf.names("formats")}
    known = {each: module for each, module in modules.items() if hasattr(module, "export")}
    if name not in known:
        raise HarnessError(f"--to must be one of {', '.join(known)}, got {name!r}")
    return known[name]


def exported(
    form: Any,
    folder: Path,
    recipe: Recipe,
    entries: Sequence[Entry],
    root: Path | None,
    place: Path,
) -> Answer:
    """Write a recipe's records into `folder`, or what their Runs in `place` make.

    The code is 2 where something is missing. Raises HarnessError where nothing can be written.
    """
    progress = Progress()

    def models() -> Iterator[Made | str]:
        for scope, entry in of_masks(entries, root, place):
            found = at_hand(scope, entry)
            yield found if isinstance(found, str) else _made(scope, found)

    try:
        report = Report(
            recipe=recipe,
            entries=entries,
            scores=lambda entry: entry.scores or said(entry, root, place),
            models=models,
            progress=progress,
        )
        written: Written = form.export(report, folder)
    finally:
        progress.close()
    told = {
        "written": [str(path) for path in written.paths],
        "notes": [*written.notes],
        "missing": [*written.missing],
    }
    code = 2 if written.missing else 0
    text = "\n".join(line for lines in told.values() for line in lines)
    return Answer(text=text, data={**told, "code": code}, code=code)


def _made(scope: Scope, run: Run) -> Made:
    """With its folds, where it has some."""
    folders = [(part, scope.folder(part)) for part in plan.folds(scope.suite, run)]
    quiet = Progress(quiet=True)
    runs = [Again(Job(scope.suite, part, {}, scope.root, at, quiet)) for part, at in folders]
    return Made(
        suite=scope.suite,
        run=run,
        root=scope.root,
        parts=[Part(cases=again.cases, mask=again.mask) for again in runs],
        measured=Segmented.concatenated([_table(at) for _, at in folders]),
    )


def _table(folder: Path) -> Segmented:
    """The test cases that were measured."""
    path = folder / "predictions.parquet"
    try:
        return segment.read(path).select("test")
    except OSError as error:
        raise HarnessError(f"{path} must be readable, got: {error.strerror}; run again") from None
