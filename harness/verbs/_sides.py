"""The measured side of a check: what each selected model's records hold, and which are unusable."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.baselines import Entry, shipped
from harness.errors import HarnessError
from harness.gate import Side
from harness.plan import Run
from harness.record import Record
from harness.verbs._checked import Fault
from harness.verbs._scope import Scope


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The selected Runs of one model, dataset and device, with what was found of them.

    `folders` and the `side` are by seed, of those Runs that can be judged; `faults` of the others.
    A Run without a record is in neither.
    """

    runs: tuple[Run, ...]
    side: Side
    folders: Mapping[int, Path]
    faults: tuple[Fault, ...]

    @property
    def subject(self) -> str:
        """`suite/dataset/model/device`."""
        return self.side.subject


def sides(scope: Scope) -> list[Measured]:
    """Of every model, dataset and device that is selected."""
    groups: dict[str, list[Run]] = {}
    for each in scope.runs:
        groups.setdefault(each.id.rpartition("/")[0], []).append(each)
    return [_measured(scope, subject, runs) for subject, runs in groups.items()]


def _measured(scope: Scope, subject: str, runs: Sequence[Run]) -> Measured:
    entries: dict[int, Entry] = {}
    predictions: dict[int, Any] = {}
    folders: dict[int, Path] = {}
    faults: list[Fault] = []
    for run in runs:
        try:
            record = _usable(scope, run)
            if record is None:
                continue
            folder = scope.folder(run)
            predictions[run.seed] = shipped(folder)
        except HarnessError as error:
            faults.append(Fault(subject=subject, what=run.checkpoint, message=str(error)))
            continue
        folders[run.seed] = folder
        entries[run.seed] = Entry(record=record, scores=None, history=())
    side = Side(subject=subject, entries=entries, predictions=predictions)
    return Measured(runs=tuple(runs), side=side, folders=folders, faults=tuple(faults))


def _usable(scope: Scope, run: Run) -> Record | None:
    """None where there is none. Raises HarnessError for one that failed or cannot be read."""
    record = scope.record(run)
    if record is None:
        return None
    if record.status != "ok":
        raise HarnessError(f"{run.id} must be ok, got {record.status}: {record.fault}")
    if record.run.get("policy") != scope.suite.policy.measured:
        raise HarnessError(
            f"{run.id} must be measured under the suite's policy, got a record under another; "
            f"{scope.command(f'run {scope.asked}')}"
        )
    return record
