"""Which Runs of a report are at hand: what they said, and which can make their masks again."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.baselines import Entry, shipped
from harness.cases import Scores
from harness.plan import EXTERNAL, Run
from harness.record import read_record
from harness.verbs._gathered import DEVICES
from harness.verbs._scope import Scope, open_scope


def of_masks(
    entries: Sequence[Entry], root: Path | None, place: Path
) -> Iterator[tuple[Scope, Entry]]:
    """One entry a model that was measured, that of its first seed, of suites of masks alone."""
    scopes: dict[str, Scope] = {}
    for entry in _first(entries):
        name = str(entry.record.run["suite"])
        if name not in scopes:
            scopes[name] = open_scope(name, (None, None, None, DEVICES), root, place)
        yield scopes[name], entry


def _first(entries: Sequence[Entry]) -> Iterator[Entry]:
    taken = set()
    for entry in sorted(entries, key=lambda entry: int(entry.record.run["seed"])):
        about = entry.record.run
        key = tuple(str(about[name]) for name in ("suite", "dataset", "model", "device"))
        if about["task"] == "segment" and entry.record.status != "failed" and key not in taken:
            taken.add(key)
            yield entry


def at_hand(scope: Scope, entry: Entry) -> Run | str:
    """The Run that a record is of, or its id and why no mask of it can be made again."""
    about = entry.record.run
    named = tuple(about[key] for key in ("dataset", "model", "device", "seed"))
    if about["device"] == EXTERNAL:
        return f"{about['id']}: its masks were made elsewhere, and none is kept"
    for run in scope.runs:
        if (run.dataset, run.model, run.device, run.seed) == named:
            path = scope.folder(run) / "record.json"
            same = path.is_file() and _alike(read_record(path).digests, entry.record.digests)
            return run if same else f"{run.id}: {scope.place} has no such Run"
    return f"{about['id']}: its suite has no such Run any more"


def said(entry: Entry, root: Path | None, place: Path) -> Scores | None:
    """What the model of a record said of each test case, by its Run in `place`; None without."""
    if entry.record.status == "failed":
        return None
    scope = open_scope(str(entry.record.run["suite"]), (None, None, None, DEVICES), root, place)
    for run in scope.runs:
        record = scope.record(run) if run.id == entry.record.run["id"] else None
        if record is not None and _alike(record.digests, entry.record.digests):
            found: Scores = shipped(scope.folder(run)).scores()
            return found
    return None


def _alike(a: Mapping[str, str], b: Mapping[str, str]) -> bool:
    """Whether two Runs made the same answers."""
    return all(a.get(step) == b.get(step) for step in ("data", "fit", "export", "predictions"))
