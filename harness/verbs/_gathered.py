"""What a report is made of: accepted records or those of runs, of the models that were selected."""

import dataclasses
import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from harness import ledger, pairs
from harness.aggregate import of_runs
from harness.baselines import Entry, all_accepted, history
from harness.contest import Contest, Place
from harness.environment import cuda_is_usable
from harness.errors import HarnessError
from harness.plan import EXTERNAL, Run
from harness.verbs._scope import Globs, open_scope

OPTIONS = ("dataset", "model", "seed", "device")
DEVICES = ("cpu", "cuda", EXTERNAL)

Names = tuple[str, ...]
"""Of one Run, in the order of OPTIONS."""


class Gathered(NamedTuple):
    """Records, pairs of models of each dataset and device, and Runs without a record anywhere."""

    entries: list[Entry]
    contests: dict[Place, Contest]
    missing: tuple[Run, ...] = ()


def accepted(suites: Sequence[str], baselines: Path, globs: Globs) -> Gathered:
    """Accepted records; means and pairs but for those of seeds that are not selected.

    Raises HarnessError where a glob matches none.
    """
    entries = [entry for suite in suites for entry in all_accepted(baselines, suite)]
    contests = ledger.read(baselines, entries)
    chosen = _selected([_names(entry) for entry in entries], globs)
    kept = [entry for entry in entries if _names(entry) in chosen]
    left = {_model(entry) for entry in entries if _names(entry) not in chosen}
    partial = left & {_model(entry) for entry in kept}
    for place in {ledger.place_of(e.record) for e in kept if _model(e) in partial}:
        contests.pop(place, None)
    whole = [
        dataclasses.replace(entry, means=()) if _model(entry) in partial else entry
        for entry in kept
    ]
    return Gathered(whole, contests)


def measured(suites: Sequence[str], root: Path | None, place: Path, globs: Globs) -> Gathered:
    """Records of runs, and means and pairs of those selected, made on the spot.

    Raises HarnessError where a glob matches none.
    """
    scopes = [open_scope(suite, (None, None, None, DEVICES), root, place) for suite in suites]
    chosen = _selected([_of_run(run) for scope in scopes for run in scope.runs], globs)
    entries: list[Entry] = []
    contests: dict[Place, Contest] = {}
    missing: list[Run] = []
    for scope in scopes:
        runs = [run for run in scope.runs if _of_run(run) in chosen]
        records = {run: record for run in runs if (record := scope.record(run)) is not None}
        known = {_of_run(run)[:3] for run in records}
        missing += [r for r in runs if _of_run(r)[:3] not in known and r.device == "cpu"]
        found = {run: (record, scope.folder(run)) for run, record in records.items()}
        means = of_runs(found, scope.suite.metrics)
        first, interval = scope.suite.metrics[0], scope.suite.policy.interval
        contests |= pairs.of_runs(found, first, interval)
        entries += [
            Entry(record=record, scores=None, history=history(at), means=means.get(run, ()))
            for run, (record, at) in found.items()
        ]
    return Gathered(entries, contests, tuple(missing))


def _selected(names: Sequence[Names], globs: Globs) -> set[Names]:
    """Those that match. Each glob must match one of them, or a slip of the pen selects less."""
    chosen = set(names)
    for index, option in enumerate(OPTIONS):
        asked = [_usable(glob) if option == "device" else glob for glob in globs[index] or ()]
        known = dict.fromkeys(each[index] for each in names)
        for glob in asked:
            if not fnmatch.filter(known, glob):
                raise HarnessError(f"--{option} must match one of {', '.join(known)}, got {glob!r}")
        if asked:
            chosen = {e for e in chosen if any(fnmatch.fnmatchcase(e[index], g) for g in asked)}
    return chosen


def _names(entry: Entry) -> Names:
    return tuple(str(entry.record.run[option]) for option in OPTIONS)


def _of_run(run: Run) -> Names:
    return tuple(str(getattr(run, option)) for option in OPTIONS)


def _model(entry: Entry) -> tuple[Place, str]:
    return ledger.place_of(entry.record), str(entry.record.run["model"])


def _usable(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if cuda_is_usable() else "cpu"
