"""`accept`: promote records to baselines."""

from pathlib import Path

from harness import baselines as accepted
from harness.errors import HarnessError
from harness.text import columns
from harness.verbs._scope import Answer, Scope


def accept(scope: Scope, baselines: Path, *, allow_dirty: bool) -> Answer:
    """Promote every selected Run that has a record; none of them where one is not `ok`."""
    records = {run: scope.record(run) for run in scope.runs}
    done = [run for run, record in records.items() if record is not None]
    if not done:
        raise HarnessError(
            f"accept must find a record in {scope.place}, got none; "
            f"{scope.command(f'run {scope.asked}')}"
        )
    for run, record in records.items():
        if record is not None and record.status != "ok":
            raise HarnessError(f"{run.id} must be ok, got {record.status}: {record.error}")
    paths = [
        accepted.accept(scope.folder(run), run, baselines, allow_dirty=allow_dirty) for run in done
    ]
    skipped = [[run.id, "no record, not accepted"] for run in scope.runs if run not in done]
    rows = [[run.id, str(path)] for run, path in zip(done, paths, strict=True)]
    return Answer(text=columns(rows + skipped), data={"accepted": [str(path) for path in paths]})
