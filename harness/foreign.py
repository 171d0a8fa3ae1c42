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
from harness.cases import Cases
from harness.digests import scoring
from harness.disk import file_digest
from harness.environment import environment
from harness.errors import HarnessError
from harness.guards.every import warn
from harness.guards.evidence import Evidence
from harness.plan import Run
from harness.record import Record, as_json, read_record
from harness.rows import measured
from harness.suite import Suite
from harness.volumes import SIZE

RULE = "predictions made elsewhere: how epoch and threshold were chosen is not known"
OWN = "labels-"
"""How the fingerprint of data begins that is not here."""
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

    `suite` has one dataset. The same file under the same suite is not scored again, unless a case
    of the data could not be read. Folders of other files of the same name are removed once the
    record is written. `file` may be a folder of masks. Raises HarnessError where the file is not of
    the test cases, whole and once, and disk.Unwritable.
    """
    reader, digest = shelf.load("formats", form), _contents(file)
    table = reader.read(file, suite, root)
    if not len(table.select("test")):
        got = " and ".join(sorted(set(table.split.tolist())))
        raise HarnessError(f"{file} must have the test cases of {run.dataset}, got {got} alone")
    folder = store.run_folder(runs, run, digest)
    with disk.locked(folder.parent, lambda: None):
        described = _described(suite, run, table, root)
        digests = {"predictions": digest, "score": _digest(suite, form, digest, described)}
        record = _finished(folder, digests)
        if record is None:
            found = reader.doubts(file, table, suite, root) if hasattr(reader, "doubts") else ()
            record = _measured(suite, table, described, digests, file, folder, found)
        older = [each for each in sorted(folder.parent.glob("s0-*")) if each != folder]
        for each in older:
            _remove(each)
    return Kept(record=record, folder=folder, removed=tuple(older))


def _contents(file: Path) -> str:
    """Of a file, or of the names and contents of the files of a folder."""
    if not file.is_dir():
        return file_digest(file)
    inside = [[each.name, file_digest(each)] for each in sorted(file.iterdir()) if each.is_file()]
    return hashlib.sha256(json.dumps(inside).encode()).hexdigest()


def _digest(suite: Suite, form: str, file: str, described: dict[str, Any]) -> str:
    """Of what the numbers depend on: the file, how it is read, the data, metrics and policy."""
    [dataset] = suite.datasets.values()
    read = shelf.source_digest(f"formats.{form}", *(["segment"] if suite.task == "segment" else []))
    about = [file, described["data"], as_json(dataset), read]
    return scoring(suite, json.dumps(about, sort_keys=True))


def _finished(folder: Path, digests: dict[str, str]) -> Record | None:
    """The record of an earlier time, if all is as it was."""
    try:
        record = read_record(folder / "record.json")
        whole = file_digest(folder / "predictions.parquet")
    except HarnessError:  # none, or broken: it is written anew
        return None
    same = record.digests == digests and record.status == "ok"
    return record if same and record.artifacts["predictions"]["sha256"] == whole else None


def _measured(
    suite: Suite,
    table: Cases,
    described: dict[str, Any],
    digests: dict[str, str],
    file: Path,
    folder: Path,
    found: tuple[dict[str, str], ...],
) -> Record:
    """The record of predictions, written last."""
    (folder / "record.json").unlink(missing_ok=True)
    start = time.perf_counter()
    [dataset] = suite.datasets.values()
    rows = measured(table, suite.metrics, suite.policy, dataset.groups.get(SIZE, ()))
    seconds = round(time.perf_counter() - start, 3)
    disk.write(folder / "predictions.parquet", table.to_parquet())
    written = file_digest(folder / "predictions.parquet")
    unread = (UNREAD,) if described["data"].startswith(OWN) else ()
    partial = any(each["code"] == "unread-case" for each in found)
    record = Record(
        run=described,
        status="partial" if partial else "ok",
        measurements=rows,
        selection={"split": "unknown", "rule": RULE, "threshold": suite.policy.threshold},
        environment=environment(),
        artifacts={
            "source": {"path": file.resolve().name, "sha256": digests["predictions"]},
            "predictions": {"path": "predictions.parquet", "sha256": written},
        },
        warnings=(*found, *_doubts(suite, table), *unread),
        seconds={"score": seconds},
        digests=digests,
    )
    disk.write_json(folder / "record.json", as_json(record))
    return record


def _doubts(suite: Suite, table: Cases) -> tuple[dict[str, str], ...]:
    [dataset] = suite.datasets.values()
    return warn(
        Evidence.of(table, over=suite.policy.interval.over, cases=truth.published_counts(dataset))
    )


def _described(suite: Suite, run: Run, table: Cases, root: Path | None) -> dict[str, Any]:
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
        "kind": table.of_kind,
        "policy": suite.policy.measured,
        **({"split": as_json(dataset.split)} if dataset.split else {}),
    }


def _own_fingerprint(table: Any) -> str:
    """Of the ids and labels of a table: all that is known of data that is not here."""
    test = table.select("test")
    told = [list(test.classes), test.kind, test.id.astype(str).tolist(), test.y_true.tolist()]
    return f"{OWN}{hashlib.sha256(json.dumps(told).encode()).hexdigest()}"


def _remove(folder: Path) -> None:
    """The record first, so that no kill leaves one beside files that it does not describe."""
    with contextlib.suppress(FileNotFoundError):
        (folder / "record.json").unlink()
    shutil.rmtree(folder, ignore_errors=True)
