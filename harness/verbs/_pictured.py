"""Which models a report can show cases of, and those cases: only where their Runs are at hand."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness import disk, plan
from harness.baselines import Entry
from harness.extremes import PHANTOM, extremes
from harness.pictures import Shown
from harness.plan import EXTERNAL, Run
from harness.record import read_record
from harness.verbs._gathered import DEVICES
from harness.verbs._scope import Scope, open_scope

Reel = tuple[Path, str]
"""A folder for animations, and its address on the page."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pictured:
    """Cases that are shown, and for each model that has none a sentence that says why."""

    shown: tuple[Shown, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def public(self) -> tuple[Shown, ...]:
        """Those that any page may have: of made-up data, without the animations beside it."""
        return tuple(dataclasses.replace(s, film="") for s in self.shown if not s.real)


def pictured(
    entries: Sequence[Entry], root: Path | None, place: Path, *, real: bool, reel: Reel | None
) -> Pictured:
    """Of the first seed of each model of a suite of masks; of data that is not made up if `real`.

    Raises HarnessError where a case cannot be read or predicted.
    """
    shown: list[Shown] = []
    without: list[str] = []
    scopes: dict[str, Scope] = {}
    for entry in _first(entries):
        about = entry.record.run
        name = str(about["suite"])
        if name not in scopes:
            scopes[name] = open_scope(name, (None, None, None, DEVICES), root, place)
        data = scopes[name].suite.datasets.get(str(about["dataset"]))
        if not real and not (data and data.load.startswith(PHANTOM)):
            continue
        found = _run(scopes[name], entry)
        if isinstance(found, str):
            without.append(found)
        else:
            shown += _shown(scopes[name], found, reel)
    return Pictured(shown=tuple(shown), without=tuple(without))


def _first(entries: Sequence[Entry]) -> Iterator[Entry]:
    """One entry a model that was measured, that of its first seed."""
    taken = set()
    for entry in sorted(entries, key=lambda entry: int(entry.record.run["seed"])):
        about = entry.record.run
        key = tuple(str(about[name]) for name in ("suite", "dataset", "model", "device"))
        if about["task"] == "segment" and entry.record.status != "failed" and key not in taken:
            taken.add(key)
            yield entry


def _run(scope: Scope, entry: Entry) -> Run | str:
    """The Run that a record is of, or why no mask of it can be made again."""
    about = entry.record.run
    named = tuple(about[key] for key in ("dataset", "model", "device", "seed"))
    if about["device"] == EXTERNAL:
        return f"no pictures of {about['id']}: its masks were made elsewhere, and none is kept"
    for run in scope.runs:
        if (run.dataset, run.model, run.device, run.seed) == named:
            path = scope.folder(run) / "record.json"
            same = path.is_file() and _alike(read_record(path).digests, entry.record.digests)
            return run if same else f"no pictures of {run.id}: {scope.place} has no such Run"
    return f"no pictures of {about['id']}: its suite has no such Run any more"


def _alike(a: Mapping[str, str], b: Mapping[str, str]) -> bool:
    """Whether two Runs made the same masks."""
    return all(a.get(step) == b.get(step) for step in ("data", "fit", "export"))


def _shown(scope: Scope, run: Run, reel: Reel | None) -> Iterator[Shown]:
    parts = [(part, scope.folder(part)) for part in plan.folds(scope.suite, run)]
    film = None if reel is None else _Film(run, *reel)
    return extremes(scope.suite, run, parts, scope.root, film)


@dataclasses.dataclass(frozen=True, slots=True)
class _Film:
    """Keeps the animations of a Run in a folder, and says where they are."""

    run: Run
    folder: Path
    address: str

    def __call__(self, which: str, data: bytes) -> str:
        stem = re.sub("[^A-Za-z0-9._-]+", "-", f"{self.run.id}-{which}")
        disk.write(self.folder / f"{stem}.webp", data)
        return f"{self.address}/{stem}.webp"
