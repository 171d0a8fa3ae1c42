"""Predictions made elsewhere: from a file to a record in a folder of its own, without a model."""

import contextlib
import dataclasses
import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from harness import disk, shelf, store, truth
from harness.digests import scoring
from harness.disk import file_digest
from harness.environment import environment
from harness.errors import HarnessError
from harness.guards.every import warn
from harness.guards.evidence import Evidence
from harness.plan import Run
from harness.predictions import Predictions
from harness.record import Record, as_json, read_record
from harness.score import score
from harness.suite import Suite

RULE = "predictions made elsewhere: how epoch and threshold were chosen is not known"
UNREAD = {
    "code": "data-unread",
    "message": "the data was not here, so labels are those that came with the predictions, and "
    "only predictions of the same cases and labels are comparable; name its folder by --data",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A record, the folder that it is in, and the older folders of the same name that went."""

    record: Record
    folder: Path
    removed: tuple[Path, ...]


def keep(suite: Suite, run: Run, file: Path, form: str, *, root: Path | None, runs: Path) -> Kept:
    """Read `file` in the format `form`, score it, and put both into a folder named by its digest.

    `suite` has one dataset. The same file under the same suite is not scored again. Folders of
    other files of the same name are removed once the record is written. Raises HarnessError where
    the file is not of the test cases, whole and once, and disk.Unwritable.
    """
    digest = file_digest(file)
    table = shelf.load("formats", form).read(file, suite, root)
    if not len(table.select("test")):
        got = " and ".join(sorted(set(table.split.tolist())))
        raise HarnessError(f"{file} must have the test cases of {run.dataset}, got {got} alone")
    folder = store.run_folder(runs, run, digest)
    with disk.locked(folder.parent, lambda: None):
        described = _described(suite, run, table, root)
        digests = {"predictions": digest, "score": _digest(suite, form, digest, described)}
        record = _finished(folder, digests)
        if record is None:
            record = _measured(suite, table, described, digests, file, folder)
        older = [each for each in sorted(folder.parent.glob("s0-*")) if each != folder]
        for each in older:
            _remove(each)
    return Kept(record=record, folder=folder, removed=tuple(older))


def _digest(suite: Suite, form: str, file: str, described: dict[str, Any]) -> str:
    """Of what the numbers depend on: the file, how it is read, the data, metrics and policy."""
    [dataset] = suite.datasets.values()
    about = [file, described["data"], as_json(dataset), shelf.source_digest(f"formats.{form}")]
    return scoring(suite, json.dumps(about, sort_keys=True))


def _finished(folder: Path, digests: dict[str, str]) -> Record | None:
    """The record of an earlier time, if all is as it was."""
    try:
        record = read_record(folder / "record.json")
        whole = file_digest(folder / "predictions.parquet")
    except HarnessError:  # none, or broken: it is written anew
        return None
    same = record.digests == digests
    return record if same and record.artifacts["predictions"]["sha256"] == whole else None


def _measured(
    suite: Suite,
    table: Predictions,
    described: dict[str, Any],
    digests: dict[str, str],
    file: Path,
    folder: Path,
) -> Record:
    """The record of predictions, written last."""
    (folder / "record.json").unlink(missing_ok=True)
    start = time.perf_counter()
    rows = score(table, suite.metrics, suite.policy)
    seconds = round(time.perf_counter() - start, 3)
    disk.write(folder / "predictions.parquet", table.to_parquet())
    written = file_digest(folder / "predictions.parquet")
    unread = () if described["data"] != _own_fingerprint(table) else (UNREAD,)
    record = Record(
        run=described,
        status="ok",
        measurements=rows,
        selection={"split": "unknown", "rule": RULE, "threshold": suite.policy.threshold},
        environment=environment(),
        artifacts={
            "source": {"path": file.name, "sha256": digests["predictions"]},
            "predictions": {"path": "predictions.parquet", "sha256": written},
        },
        warnings=(*_doubts(suite, table), *unread),
        seconds={"score": seconds},
        digests=digests,
    )
    disk.write_json(folder / "record.json", as_json(record))
    return record


def _doubts(suite: Suite, table: Predictions) -> tuple[dict[str, str], ...]:
    [dataset] = suite.datasets.values()
    return warn(
        Evidence.of(table, over=suite.policy.interval.over, cases=truth.published_counts(dataset))
    )


def _described(suite: Suite, run: Run, table: Predictions, root: Path | None) -> dict[str, Any]:
    """As of a trained model, so that the two may be compared."""
    [dataset] = suite.datasets.values()
    here = truth.absent(dataset, root) is None
    fields = {key: value for key, value in dataclasses.asdict(run).items() if value is not None}
    return {
        **fields,
        "id": run.id,
        "title": suite.title,
        "task": suite.task,
        "metrics": [metric.name for metric in suite.metrics],
        "data": truth.fingerprint(dataset, root) if here else _own_fingerprint(table),
        "source": dict(shelf.load("datasets", dataset.load).SOURCE),
        "classes": list(table.classes),
        "kind": table.kind,
        "policy": suite.policy.measured,
        **({"split": as_json(dataset.split)} if dataset.split else {}),
    }


def _own_fingerprint(table: Predictions) -> str:
    """Of the ids and labels of a table: all that is known of data that is not here."""
    test = table.select("test")
    told = [list(test.classes), test.kind, test.id.astype(str).tolist(), test.y_true.tolist()]
    return f"labels-{hashlib.sha256(json.dumps(told).encode()).hexdigest()}"


def _remove(folder: Path) -> None:
    """The record first, so that no kill leaves one beside files that it does not describe."""
    with contextlib.suppress(FileNotFoundError):
        (folder / "record.json").unlink()
    shutil.rmtree(folder, ignore_errors=True)
