"""`accept`: promote records to baselines."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import baselines as accepted
from harness import ledger, means
from harness.aggregate import agree, mean_rows, policy_of
from harness.compare import with_scores
from harness.errors import HarnessError
from harness.pairs import of_accepted
from harness.plan import Run
from harness.record import Record, read_record
from harness.text import columns
from harness.verbs._scope import Answer, Scope


def accept(scope: Scope, baselines: Path, *, allow_dirty: bool) -> Answer:
    """Promote every selected Run that has a record, and renew means over seeds and pairs of models.

    None is promoted where one is not `ok`, or would stand beside seeds of other data, classes or
    policy.
    """
    records = {run: scope.record(run) for run in scope.runs}
    done = {run: record for run, record in records.items() if record is not None}
    if not done:
        raise HarnessError(
            f"accept must find a record in {scope.place}, got none; "
            f"{scope.command(f'run {scope.asked}')}"
        )
    for run, record in done.items():
        if record.status != "ok":
            raise HarnessError(f"{run.id} must be ok, got {record.status}: {record.fault}")
    models = _models(done)
    for runs in models:
        agree([*(done[run] for run in runs), *_kept(baselines, runs)])
    paths = [
        accepted.accept(scope.folder(run), run, baselines, allow_dirty=allow_dirty) for run in done
    ]
    averages = [path for runs in models for path in _average(scope, baselines, runs[0])]
    places = {(run.suite, run.dataset, run.device): run for run in done}
    compared = {place: _compared(scope, baselines, run) for place, run in places.items()}
    pairs = [path for path in compared.values() if isinstance(path, Path)]
    rows = [[run.id, str(path)] for run, path in zip(done, paths, strict=True)]
    rows += [["mean over seeds", str(path)] for path in averages]
    rows += [["pairs of models", str(path)] for path in pairs]
    rows += [[run.id, "no record, not accepted"] for run in scope.runs if run not in done]
    rows += [["/".join(place), why] for place, why in compared.items() if isinstance(why, str)]
    written = {"accepted": paths, "means": averages, "pairs": pairs}
    told = {name: [str(path) for path in each] for name, each in written.items()}
    return Answer(text=columns(rows), data=told)


def _models(done: Mapping[Run, Record]) -> list[list[Run]]:
    """The Runs of each model, dataset and device."""
    models: dict[Run, list[Run]] = {}
    for run in done:
        models.setdefault(dataclasses.replace(run, seed=0), []).append(run)
    return list(models.values())


def _kept(baselines: Path, runs: Sequence[Run]) -> list[Record]:
    """The accepted records that `runs` do not replace."""
    files = accepted.files(accepted.place(baselines, runs[0]).parent)
    return [read_record(files[seed]) for seed in files.keys() - {run.seed for run in runs}]


def _average(scope: Scope, baselines: Path, run: Run) -> list[Path]:
    """Where the mean over all accepted seeds of a model went, if several are: `run` has labels."""
    entries = dict(sorted(accepted.accepted(baselines, run).items()))
    if len(entries) < 2:
        return []
    cases = accepted.shipped(scope.folder(run))
    records = {seed: entry.record for seed, entry in entries.items()}
    threshold = policy_of(records[run.seed]).threshold
    tables = [with_scores(cases, entry, threshold) for entry in entries.values()]
    rows = mean_rows(list(records.values()), tables, scope.suite.metrics)
    return [means.write(accepted.place(baselines, run).parent, records, rows)]


def _compared(scope: Scope, baselines: Path, run: Run) -> Path | str | None:
    """Where the pairs of all accepted models of a dataset went, if several are, or why nowhere.

    `run` has the labels.
    """
    ledger.forget(baselines, (run.suite, run.dataset, run.device))
    found = of_accepted(baselines, run, accepted.shipped(scope.folder(run)), scope.suite.metrics[0])
    if found is None:
        return "its models are of other data, classes or policy, not compared; accept all again"
    return ledger.write(baselines, *found) if found[1].pairs else None
