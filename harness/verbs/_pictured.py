"""Which models a report can show cases of, and those cases: only where their Runs are at hand."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import disk, plan
from harness.baselines import Entry
from harness.extremes import PHANTOM, extremes
from harness.pictures import Shown
from harness.plan import Run
from harness.verbs._at_hand import at_hand, of_masks
from harness.verbs._scope import Scope

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
    for scope, entry in of_masks(entries, root, place):
        data = scope.suite.datasets.get(str(entry.record.run["dataset"]))
        if not real and not (data and data.load.startswith(PHANTOM)):
            continue
        found = at_hand(scope, entry)
        if isinstance(found, str):
            without.append(f"no pictures of {found}")
        else:
            shown += _shown(scope, found, reel)
    return Pictured(shown=tuple(shown), without=tuple(without))


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
