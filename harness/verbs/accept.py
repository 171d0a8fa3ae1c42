"""`accept`: promote records to baselines."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import baselines as accepted
from harness import means
from harness.aggregate import agree, mean_rows, policy_of
from harness.compare import with_scores
from harness.errors import HarnessError
from harness.plan import Run
from harness.record import Record, read_record
from harness.text import columns
from harness.verbs._scope import Answer, Scope


def accept(scope: Scope, baselines: Path, *, allow_dirty: bool) -> Answer:
    """Promote every selected Run that has a record, and renew the means over accepted seeds.

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
            raise HarnessError(f"{run.id} must be ok, got {record.status}: {record.error}")
    models = _models(done)
    for runs in models:
        agree([*(done[run] for run in runs), *_kept(baselines, runs)])
    paths = [
        accepted.accept(scope.folder(run), run, baselines, allow_dirty=allow_dirty) for run in done
    ]
    averages = [path for runs in models for path in _average(scope, baselines, runs[0])]
    skipped = [[run.id, "no record, not accepted"] for run in scope.runs if run not in done]
    rows = [[run.id, str(path)] for run, path in zip(done, paths, strict=True)]
    rows += [["mean over seeds", str(path)] for path in averages]
    told = {"accepted": [str(path) for path in paths], "means": [str(path) for path in averages]}
    return Answer(text=columns(rows + skipped), data=told)


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
