"""What a check holds records against: accepted records, or the Runs of another revision."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.baselines import Entry, accepted, shipped
from harness.errors import HarnessError
from harness.means import bearing
from harness.plan import Run
from harness.record import read_record
from harness.verbs._scope import Scope
from harness.verbs._sides import Measured

BASELINES, PUBLISHED = "baselines", "published"
"""The words that --against knows; all else is a folder."""

DEFAULT = Path("baselines")
"""May be absent: a suite of which nothing was accepted yet."""

Reader = Callable[[Measured], Mapping[int, Entry]]
"""Seed -> what the measured side of a model is held against."""


class OtherCases(HarnessError):
    """Two Runs of what should be the same data hold other cases: a verdict, not a fault."""


def reader(scope: Scope, named: str, baselines: Path) -> Reader:
    """Of `--against`. Raises HarnessError for a folder that holds nothing of the suite."""
    if named == BASELINES:
        if baselines != DEFAULT and not baselines.is_dir():
            raise HarnessError(f"--baselines must be a folder of accepted records, got {baselines}")
        return lambda side: accepted(baselines, side.runs[0])
    folder = Path(named)
    suite = folder / scope.suite.name
    if any(suite.glob("*/*@*/s*.json")):
        return lambda side: accepted(folder, side.runs[0])
    if not any(suite.glob("*/*/*/s*-*/record.json")):
        raise HarnessError(
            f"--against must be {BASELINES}, {PUBLISHED} or a folder with records of "
            f"{scope.suite.name}, got {named}; {scope.command(f'run {scope.asked}')} makes some"
        )
    elsewhere(scope, "--against", folder)
    return lambda side: _entries(side, of_base(folder, side.runs))


def elsewhere(scope: Scope, option: str, folder: Path) -> None:
    """Raises HarnessError unless `folder` holds Runs of the suite, and is not `--runs`."""
    if not any((folder / scope.suite.name).glob("*/*/*/s*-*/record.json")):
        raise HarnessError(
            f"{option} must be a folder with Runs of {scope.suite.name}, got {folder}; "
            f"harness run {scope.asked} --out {folder} at the revision to compare with"
        )
    if folder.resolve() == scope.place.resolve():
        raise HarnessError(f"{option} must be another folder than --runs, got {folder} for both")


def of_base(place: Path, runs: Iterable[Run]) -> dict[int, Path]:
    """Seed -> folder of each of `runs` below another revision's folder of Runs, where it has one.

    The fit digest may be another one there, so a checkpoint must have one folder. Raises
    HarnessError where it has several.
    """
    found: dict[int, Path] = {}
    for run in runs:
        model = place / run.suite / run.dataset / run.model / run.device
        several = sorted(file.parent for file in model.glob(f"{run.checkpoint}-*/record.json"))
        if len(several) > 1:
            names = ", ".join(folder.name for folder in several)
            raise HarnessError(
                f"{model} must hold one Run of {run.checkpoint}, got {names}; "
                "name a folder that one revision alone was run into"
            )
        if several:
            found[run.seed] = several[0]
    return found


def _entries(side: Measured, folders: Mapping[int, Path]) -> dict[int, Entry]:
    return {seed: _entry(side, folder, seed) for seed, folder in folders.items()}


def _entry(side: Measured, folder: Path, seed: int) -> Entry:
    """As if it had been accepted. Raises HarnessError for one that failed, or is of other cases."""
    record = read_record(folder / "record.json")
    if record.status != "ok":
        raise HarnessError(
            f"{folder} must be ok to be held against, got {record.status}: {record.error}"
        )
    cases, now = shipped(folder), side.side.entries.get(seed)
    if now is not None and bearing(now.record) == bearing(record):
        ours = side.side.predictions[seed]
        if not cases.same_cases(ours):
            raise OtherCases(f"the cases differ: {folder} holds others, or in another order")
    return Entry(record=record, scores=cases.scores(), history=())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options of `check` say, and where its answer goes beside the terminal."""

    baselines: Path = DEFAULT
    against: str = BASELINES
    base: Path | None = None
    strict: bool = False
    junit: Path | None = None
    markdown: Path | None = None

    @property
    def what(self) -> str:
        """What records are held against, in words."""
        words = {BASELINES: f"accepted records in {self.baselines}", PUBLISHED: "published results"}
        return words.get(self.against, self.against)
