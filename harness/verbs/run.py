"""`run`: bring every selected Run up to date."""

from harness import reading
from harness.environment import kind_of_device
from harness.execute import execute, finished
from harness.folds import forget, join
from harness.plan import Run, folds
from harness.progress import Progress
from harness.record import Record
from harness.remote import Remote
from harness.text import columns, number
from harness.verbs._scope import Answer, Scope
from harness.verbs.data import bring, remotes, with_tested

SHOWN = {
    "classify": {"roc_auc": "roc_auc", "accuracy": "accuracy", "majority_rate": "majority"},
    "segment": {"dice": "dice", "hd95": "hd95 mm", "missed_cases": "missed"},
}
"""The metrics of a task that a line has, and what stands above them."""


def run(scope: Scope, *, fresh: bool, quiet: bool, debug: bool) -> Answer:
    """Bring every Run up to date. A failed one does not stop the others; the code is 2 then.

    Published files that a Run needs are fetched first. Raises HarnessError before anything runs
    where data, a named file, a device or the network is missing.
    """
    for each in scope.runs:
        kind_of_device(each.device)
        scope.digests(each)
    progress = Progress(quiet)
    records: list[Record] = []
    try:
        bring(_files(scope, fresh), scope.root, progress)
        _all(scope, records, progress, fresh=fresh, debug=debug)
    except KeyboardInterrupt:
        progress.warn("interrupted; the same command goes on where it stopped")
        return _answer(scope, records, 130)
    finally:
        progress.close()
    failed = [record for record in records if record.status != "ok"]
    if not failed:
        progress.say(_next(scope))
    return _answer(scope, records, 2 if failed else 0)


def _files(scope: Scope, fresh: bool) -> list[Remote]:
    """The published files of the Runs that are not done."""
    pending = [
        part.dataset
        for run in scope.runs
        for part in folds(scope.suite, run)
        if fresh or not _done(scope, part)
    ]
    names = with_tested(scope.suite, pending)
    return [file for name in names for file in remotes(scope.suite.datasets[name])]


def _all(
    scope: Scope, records: list[Record], progress: Progress, *, fresh: bool, debug: bool
) -> None:
    """Add the record of each Run to `records`, one after the other."""
    parts = [(each, folds(scope.suite, each)) for each in scope.runs]
    count, total = 0, sum(len(several) for _, several in parts)
    for whole, several in parts:
        found = []
        if several != [whole] and (fresh or not all(_done(scope, each) for each in several)):
            forget(scope.folder(whole))
        for each in several:
            count += 1
            progress.say(f"[{count}/{total}] {each.id}")
            record = execute(
                scope.suite,
                each,
                scope.digests(each),
                root=scope.root,
                runs=scope.place,
                progress=progress,
                fresh=fresh,
                debug=debug,
            )
            if record.status == "failed":
                progress.warn(f"{each.id} failed: {record.error}")
            for said in _unread(record):
                progress.warn(f"{each.id} is partial: {said}")
            found.append(record)
        records.append(_joined(scope, whole, several, found))


def _unread(record: Record) -> list[str]:
    """The cases that were left out, one by one."""
    if record.status != "partial":
        return []
    return [each["message"] for each in record.warnings if each["code"] == "unread-case"]


def _done(scope: Scope, run: Run) -> bool:
    return finished(scope.folder(run), run, scope.digests(run)) is not None


def _joined(scope: Scope, whole: Run, several: list[Run], records: list[Record]) -> Record:
    """The record of a seed: of its folds together, or the first one that failed."""
    if several == [whole]:
        return records[0]
    places = [(each, scope.folder(each)) for each in several]
    record = join(scope.suite, whole, scope.digests(whole), places, scope.folder(whole))
    return record or next(record for record in records if record.status != "ok")


def _answer(scope: Scope, records: list[Record], code: int) -> Answer:
    place = scope.place / scope.suite.name
    head = ["run", "status", *SHOWN[scope.suite.task].values(), "parameters", "p50 ms"]
    lines = [columns([head, *map(_line, records)]), f"records in {place}"] if records else []
    data = [
        {
            **{key: record.run[key] for key in ("id", "dataset", "model", "device", "seed")},
            "status": record.status,
            "error": record.error,
            "folder": str(scope.folder(run)),
        }
        for run, record in zip(scope.runs, records, strict=False)
    ]
    return Answer(text="\n".join(lines), data={"records": data, "code": code}, code=code)


def _line(record: Record) -> list[str]:
    if record.status == "failed":
        return [str(record.run["id"]), "failed", f"{record.error}"]
    latency = next((row for row in record.measurements if row.metric == "latency_p50"), None)
    cells = [record.find(name) for name in SHOWN[str(record.run["task"])]]
    size = record.find("parameters_trainable") or record.find("parameters_total")
    return [str(record.run["id"]), record.status, *map(number, [*cells, size, latency])]


def _next(scope: Scope) -> str:
    """Which command comes next: the report of the suite's own recipe, or its gates, if any."""
    name = scope.suite.name
    if "+" in name:
        return f"{name} is kept apart: check, accept, compare and report do not read it"
    if name in reading.known("reports"):
        return f"next: {scope.command(f'report {name}')}"
    verb = "check" if scope.suite.gates else "accept"
    return f"next: {scope.command(f'{verb} {scope.asked}')}"
