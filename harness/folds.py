"""Folds of one seed as one checkpoint: their test cases joined, each once, before any metric."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import disk, store
from harness.cases import Cases
from harness.errors import HarnessError
from harness.guards.every import OF_A_FOLD, warn
from harness.guards.evidence import Evidence
from harness.plan import Run
from harness.record import Record, as_json, measurement_from_json, read_record
from harness.rows import measured
from harness.suite import Suite
from harness.tables import read_cases
from harness.volumes import SIZE

SIZES = ("export", "time")
"""Steps whose rows and warnings know no cases: those of the first fold stand for all."""


def join(
    suite: Suite,
    run: Run,
    digests: Mapping[str, str],
    parts: Sequence[tuple[Run, Path]],
    folder: Path,
) -> Record | None:
    """Write the joined record of `run` into `folder`, from the folders of its folds.

    None, and no record, where a fold is not finished: a seed with a fold missing is none. It is
    partial where a fold is.
    """
    records = [read_record(place / "record.json") for _, place in parts if _finished(place)]
    path = folder / "record.json"
    with disk.locked(folder, lambda: None):
        if len(records) < len(parts) or any(record.status == "failed" for record in records):
            path.unlink(missing_ok=True)
            return None
        found = _joined(folder)
        if found is not None and found.status == "ok" and found.digests == digests:
            return found
        path.unlink(missing_ok=True)
        tables = [_predictions(place) for _, place in parts]
        table = type(tables[0]).concatenated(tables)
        disk.write(folder / "predictions.parquet", table.to_parquet())
        record = _record(suite, run, digests, records, table, parts[0])
        disk.write_json(path, as_json(record))
        return record


def forget(folder: Path) -> None:
    """Remove the joined record before a fold changes, so that no kill leaves it beside others."""
    with disk.locked(folder, lambda: None):
        (folder / "record.json").unlink(missing_ok=True)


def _joined(folder: Path) -> Record | None:
    """What an earlier join left, if both of its files are there and sound."""
    try:
        _predictions(folder)
        return read_record(folder / "record.json")
    except (HarnessError, OSError):
        return None


def _finished(place: Path) -> bool:
    return (place / "record.json").is_file()


def _predictions(place: Path) -> Cases:
    path = place / "predictions.parquet"
    return read_cases(path.read_bytes(), str(path))


def _record(
    suite: Suite,
    run: Run,
    digests: Mapping[str, str],
    records: Sequence[Record],
    table: Cases,
    first: tuple[Run, Path],
) -> Record:
    steps = store.State.open(first[1], first[0]).steps
    rows = [row for step in SIZES for row in steps[step].get("measurements", [])]
    about = {key: value for key, value in records[0].run.items() if key != "fold"}
    dirty = [record.environment.get("dirty") for record in records]
    return Record(
        run={**about, "id": run.id},
        status="partial" if any(record.status == "partial" for record in records) else "ok",
        measurements=(
            *map(measurement_from_json, rows),
            *measured(table, suite.metrics, suite.policy, _sizes(suite, run)),
        ),
        selection=_selection(records),
        environment={
            **records[0].environment,
            "dirty": True if True in dirty else None if None in dirty else False,
        },
        warnings=(
            *warn(Evidence.of(table, over=suite.policy.interval.over)),
            *_of_a_fold(records),
            *_unread(records),
            *(warning for step in SIZES for warning in steps[step].get("warnings", [])),
        ),
        seconds={
            step: round(sum(record.seconds.get(step, 0.0) for record in records), 3)
            for step in records[0].seconds
        },
        digests=digests,
    )


def _sizes(suite: Suite, run: Run) -> tuple[float, ...]:
    """The bands of size in ml, of data with masks that asks for them."""
    return suite.datasets[run.dataset].groups.get(SIZE, ())


def _of_a_fold(records: Sequence[Record]) -> Iterator[Mapping[str, str]]:
    """Doubts that only a fold's own cases show: the first of each code, and of how many folds."""
    for code in OF_A_FOLD:
        found = [w for record in records for w in record.warnings if w.get("code") == code]
        if found:
            seen = f"in {len(found)} of {len(records)} folds, first: "
            yield {"code": code, "message": seen + found[0]["message"]}


def _unread(records: Sequence[Record]) -> list[Mapping[str, str]]:
    """The cases that could not be read, once for each part that they are in."""
    found = [w for record in records for w in record.warnings if w.get("code") == "unread-case"]
    return list({warning["message"]: warning for warning in found}.values())


def _selection(records: Sequence[Record]) -> dict[str, Any]:
    """What the folds have in common, and the epoch that each is measured at, if it was trained."""
    first = records[0].selection
    shared = {
        key: value
        for key, value in first.items()
        if all(record.selection.get(key) == value for record in records)
    }
    epochs = [record.selection["epoch"] for record in records if "epoch" in record.selection]
    shared |= {"folds": len(records), **({"fold_epochs": epochs} if epochs else {})}
    known = [record.selection.get("calibration") for record in records]
    shared.pop("calibration", None)
    return {**shared, **({"fold_calibrations": known} if any(known) else {})}
