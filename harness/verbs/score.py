"""`score`: predictions made elsewhere, measured as those of a model of the suite are."""

import re
from collections.abc import Sequence
from pathlib import Path

from harness import foreign, shelf
from harness.errors import HarnessError
from harness.foreign import Kept
from harness.formats._joined import only
from harness.plan import EXTERNAL, Run
from harness.record import Measurement, Record
from harness.rules import check_name
from harness.suite import Suite
from harness.text import columns, number
from harness.verbs._scope import Answer, Scope

HEAD = ["metric", "value", "n"]


def score(scope: Scope, file: Path, form: str | None, name: str | None) -> Answer:
    """Measure a file of predictions and put its record where `check` and the others look.

    The code is 2 where a case of the data could not be read. Raises HarnessError for a file that
    is none, or of another task, and where it does not say of which of the selected datasets it is.
    """
    masks = scope.suite.task == "segment"
    if not (file.is_file() or (masks and file.is_dir())):
        wanted = "a file or a folder of masks" if masks else "a file"
        raise HarnessError(f"--predictions must be {wanted}, got {file}")
    known = _format(file, scope.suite.task) if form is None else form
    shelf.require("formats", known, "--format")
    if known not in (of := _formats(scope.suite.task)):
        raise HarnessError(
            f"--format must be one of {', '.join(of)} for task {scope.suite.task}, got {known}"
        )
    dataset = _dataset(scope.suite, list(dict.fromkeys(r.dataset for r in scope.runs)), file, known)
    model = _name(file) if name is None else name
    check_name(model, "--name")
    run = Run(suite=scope.suite.name, dataset=dataset, model=model, device=EXTERNAL, seed=0)
    suite = only(scope.suite, dataset)
    kept = foreign.keep(suite, run, file, known, root=scope.root, runs=scope.place)
    return _answer(scope, run, kept)


def _formats(task: str) -> list[str]:
    """Those that hold predictions of a task."""
    tasks = {each: shelf.constant("formats", each, "TASKS") for each in shelf.names("formats")}
    usual = ("classify",)
    return [name for name, of in tasks.items() if task in (usual if of is None else of)]


def _format(file: Path, task: str) -> str:
    """The one format that takes a file for its own."""
    known = _formats(task)
    found = [name for name in known if shelf.load("formats", name).sniff(file)]
    if len(found) != 1:
        raise HarnessError(
            f"{file} must be in one of the formats {', '.join(known)}, and looks like "
            f"{' and '.join(found) or 'none'}; say which by --format"
        )
    return found[0]


def _dataset(suite: Suite, selected: Sequence[str], file: Path, form: str) -> str:
    """The one that is selected, or that the file says."""
    told = getattr(shelf.load("formats", form), "datasets", None)
    of = told(file, suite) if told else selected
    found = [name for name in selected if name in of]
    if len(found) != 1:
        got = ", ".join(found or of)
        raise HarnessError(f"--dataset must say of which data {file} is, got {got}; name one")
    return found[0]


def _name(file: Path) -> str:
    """The file's, or what MedMNIST's names have after their @, in the letters that a name has."""
    told = file.resolve().name if file.is_dir() else file.stem.rpartition("@")[2]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", told).lstrip("._-") or "external"


def _answer(scope: Scope, run: Run, kept: Kept) -> Answer:
    record = kept.record
    rows = [[row.metric, number(row), f"{row.n} {row.over}s"] for row in _overall(record)]
    lines = [columns([HEAD, *rows])]
    lines += [f"warning: {warning['message']}" for warning in record.warnings]
    lines += [f"removed {folder}, of another file" for folder in kept.removed]
    lines += [f"record in {kept.folder}", _next(scope, run)]
    data = {
        **{key: record.run[key] for key in ("id", "dataset", "model", "device", "seed")},
        "status": record.status,
        "error": record.error,
        "folder": str(kept.folder),
        "removed": [str(folder) for folder in kept.removed],
        "warnings": [dict(warning) for warning in record.warnings],
    }
    code = 0 if record.status == "ok" else 2
    return Answer(text="\n".join(lines), data={"records": [data], "code": code}, code=code)


def _overall(record: Record) -> list[Measurement]:
    return [row for row in record.measurements if not row.where]


def _next(scope: Scope, run: Run) -> str:
    verb = "check" if scope.suite.gates else "accept"
    asked = f"{verb} {scope.asked} --dataset {run.dataset} --model {run.model} --device {EXTERNAL}"
    return f"next: {scope.command(asked)}"
