"""Accepted records: promoted into a folder that people review and commit, and read back from it."""

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.disk import write, write_json
from harness.errors import HarnessError
from harness.plan import Run
from harness.predictions import Predictions
from harness.record import Record, as_json, read_record

HISTORY = "harness.history"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record with what stands beside it: probabilities of the test cases, and a training curve.

    probability: (n, classes) in the order of the data, None for a failed record.
    """

    record: Record
    probability: NDArray[np.float64] | None
    history: tuple[Mapping[str, float], ...]


def place(baselines: Path, run: Run) -> Path:
    """`SUITE/DATASET/MODEL@DEVICE/sSEED.json` below the folder of baselines."""
    return baselines / run.suite / run.dataset / f"{run.model}@{run.device}" / f"s{run.seed}.json"


def accept(folder: Path, run: Run, baselines: Path, *, allow_dirty: bool) -> Path:
    """Promote the record in a run's folder; returns where its JSON went.

    Nothing of the data goes along: case index, probabilities and the training curve only, and no
    raw latency samples. Raises HarnessError unless the record is `ok` and was made from a
    committed tree (or `allow_dirty`).
    """
    record = read_record(folder / "record.json")
    if record.status != "ok":
        raise HarnessError(f"{run.id} must be ok to be accepted, got {record.status}; run it again")
    if record.environment.get("dirty") and not allow_dirty:
        raise HarnessError(
            f"{run.id} must be made from a committed harness/ and suites/, got uncommitted "
            "changes; commit and run again, or pass --allow-dirty"
        )
    path = place(baselines, run)
    write(path.with_suffix(".parquet"), _scores(shipped(folder), history(folder)))
    rows = tuple(dataclasses.replace(row, samples=()) for row in record.measurements)
    write_json(path, as_json(dataclasses.replace(record, measurements=rows)))
    return path


def shipped(folder: Path) -> Predictions:
    """The test predictions of the shipped model in a run's folder, in the order of the data."""
    path = folder / "predictions.parquet"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HarnessError(f"{path} must be readable, got: {error.strerror}; run again") from None
    return Predictions.from_parquet(data, str(path)).select("test")


def history(folder: Path) -> tuple[Mapping[str, float], ...]:
    """The rows of `history.jsonl`; empty where nothing was trained. HarnessError if broken."""
    path = folder / "history.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return tuple(json.loads(line) for line in lines)
    except (OSError, ValueError) as error:
        raise HarnessError(f"{path} must be lines of JSON, got: {error}; run again") from None


def read(path: Path) -> Entry:
    """An accepted record and its Parquet file. Raises HarnessError where either is broken."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    record = read_record(path)
    beside = path.with_suffix(".parquet")
    try:
        table = pq.read_table(io.BytesIO(beside.read_bytes()))
        columns = [table[name].to_numpy() for name in table.column_names if name != "case"]
        curve = json.loads((table.schema.metadata or {})[HISTORY.encode()])
        probability = np.stack(columns, axis=1)
        return Entry(record=record, probability=probability, history=tuple(curve))
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
        raise HarnessError(f"{beside} must be an accepted table, got: {error}") from None


def accepted(baselines: Path, run: Run) -> dict[int, Entry]:
    """Seed -> entry of all accepted checkpoints of a Run's model, dataset and device."""
    files = place(baselines, run).parent.glob("s*.json")
    return {int(file.stem[1:]): read(file) for file in sorted(files) if file.stem[1:].isdecimal()}


def all_accepted(baselines: Path, suite: str) -> list[Entry]:
    """Every accepted entry of a suite, in the order of the file names."""
    files = sorted((baselines / suite).glob("*/*@*/s*.json"))
    return [read(file) for file in files if file.stem[1:].isdecimal()]


def _scores(predictions: Predictions, curve: Sequence[Mapping[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {"case": np.arange(len(predictions), dtype=np.int32)}
    for k in range(len(predictions.classes)):
        columns[f"p{k}"] = predictions.probability[:, k]
    table = pa.table(columns).replace_schema_metadata({HISTORY: json.dumps(list(curve))})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
