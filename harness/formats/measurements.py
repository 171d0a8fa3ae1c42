"""One Parquet file of all measurements of all records: a row a measurement, for any table tool."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness import disk
from harness.baselines import Entry
from harness.errors import HarnessError
from harness.formats._places import failed
from harness.formats._report import Report, Written
from harness.record import Measurement

TASKS: tuple[str, ...] = ()
"""It holds no predictions that could be scored."""
FILE = "measurements.parquet"
RUN = ("id", "suite", "dataset", "model", "device", "seed", "title", "task", "kind", "data")
WHERE = "where."


def export(report: Report, folder: Path) -> Written:
    """`measurements.parquet`, which `pandas.read_parquet` reads.

    Columns `run.NAME` and `run.status` say of which record a row is, `where.KEY` where it was
    measured, null where that key is not its own, and the others are the fields of a measurement:
    `ci_low` and `ci_high` its interval, `better` a text, `target` the number that is best.
    Raises HarnessError where no record has numbers, and Unwritable.
    """
    rows = list(_rows(report.entries))
    notes = failed(report.entries, "measurements")
    if not rows:
        told = notes[0] if notes else "got records without any"
        raise HarnessError(f"--to measurements must have a record with numbers; {told}")
    disk.write(folder / FILE, table(rows))
    return Written(paths=[folder / FILE], notes=notes)


def table(rows: Sequence[dict[str, Any]]) -> bytes:
    """Rows as a Parquet file; those of one file have the same columns whatever they say."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys = sorted({name for row in rows for name in row if name.startswith(WHERE)})
    text, number, whole = pa.string(), pa.float64(), pa.int64()
    types = {
        **{f"run.{name}": text for name in (*RUN, "status")},
        "run.seed": whole,
        **{name: text for name in ("metric", "status", "reason", "kind", "over", "method", "unit")},
        **{name: number for name in ("value", "ci_low", "ci_high", "level", "p", "target")},
        **{name: whole for name in ("n", "excluded")},
        **{name: text for name in ("better", *keys)},
        "samples": pa.list_(number),
    }
    columns = {name: [row.get(name) for row in rows] for name in types}
    made = pa.table(columns, schema=pa.schema(list(types.items())))
    buffer = io.BytesIO()
    pq.write_table(made, buffer, compression="zstd")
    return buffer.getvalue()


def _rows(entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    for record in (entry.record for entry in entries):
        run = {f"run.{name}": _text(record.run.get(name)) for name in RUN}
        own = {"run.seed": int(record.run["seed"]), "run.status": record.status}
        for row in record.measurements:
            yield {**run, **own, **_fields(row)}


def _fields(row: Measurement) -> dict[str, Any]:
    low, high = row.ci or (None, None)
    plain = ("metric", "value", "status", "reason", "kind", "n", "over", "excluded", "level")
    aim = row.better if isinstance(row.better, float | int) else None
    return {
        **{name: getattr(row, name) for name in (*plain, "method", "p", "unit")},
        "ci_low": low,
        "ci_high": high,
        "better": row.better if aim is None else None,
        "target": aim,
        "samples": list(row.samples),
        **{f"{WHERE}{key}": value for key, value in row.where.items()},
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
