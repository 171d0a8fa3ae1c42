"""Accepted records: promoted into a folder that people review and commit, and read back from it."""

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness import means
from harness.cases import Cases, Scores
from harness.disk import read_table, write, write_json
from harness.errors import HarnessError
from harness.plan import EXTERNAL, Run
from harness.record import Measurement, Record, as_json, read_record
from harness.segmented import ragged
from harness.tables import read_cases

HISTORY = "harness.history"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record with what stands beside it: what was said of the test cases, and a training curve.

    scores: column name -> (n,) in the order of the data, None for a failed record.
    means: rows of the mean over all seeds that it is one of, where they are known.
    """

    record: Record
    scores: Scores | None
    history: tuple[Mapping[str, float], ...]
    means: tuple[Measurement, ...] = ()


def place(baselines: Path, run: Run) -> Path:
    """`SUITE/DATASET/MODEL@DEVICE/sSEED.json` below the folder of baselines."""
    return baselines / run.suite / run.dataset / f"{run.model}@{run.device}" / f"s{run.seed}.json"


def accept(folder: Path, run: Run, baselines: Path, *, allow_dirty: bool) -> Path:
    """Promote the record in a run's folder; returns where its JSON went.

    Nothing of the data goes along: case index, probabilities and the training curve only, and no
    raw latency samples. The mean over the seeds beside it is removed first. Raises HarnessError
    unless the record is `ok` and was made from a committed tree (or `allow_dirty`).
    """
    record = read_record(folder / "record.json")
    if record.status != "ok":
        raise HarnessError(f"{run.id} must be ok to be accepted, got {record.status}; run it again")
    if record.environment.get("dirty") and not allow_dirty:
        raise HarnessError(
            f"{run.id} must be made from a committed harness/ and suites/, got uncommitted "
            "changes; commit and run again, or pass --allow-dirty"
        )
    path, scores = place(baselines, run), _scores(shipped(folder), history(folder))
    means.forget(path.parent)
    write(path.with_suffix(".parquet"), scores)
    rows = tuple(dataclasses.replace(row, samples=()) for row in record.measurements)
    write_json(path, as_json(dataclasses.replace(record, measurements=rows)))
    return path


def shipped(folder: Path) -> Any:
    """The test cases of the shipped model in a run's folder, in the order of the data: `Cases`."""
    path = folder / "predictions.parquet"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HarnessError(f"{path} must be readable, got: {error.strerror}; run again") from None
    return read_cases(data, str(path)).select("test")


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

    record = read_record(path)
    beside = path.with_suffix(".parquet")
    try:
        table = read_table(beside.read_bytes())
        scores = {name: ragged(table.column(name)) for name in table.column_names if name != "case"}
        curve = json.loads((table.schema.metadata or {})[HISTORY.encode()])
        if not scores:
            raise ValueError("no column of scores")
        return Entry(record=record, scores=scores, history=tuple(curve))
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
        raise HarnessError(f"{beside} must be an accepted table, got: {error}") from None


def files(folder: Path) -> dict[int, Path]:
    """Seed -> the JSON of its accepted record in the folder of a model, by name."""
    found = (file for file in sorted(folder.glob("s*.json")) if file.stem[1:].isdecimal())
    return {int(file.stem[1:]): file for file in found}


def accepted(baselines: Path, run: Run) -> dict[int, Entry]:
    """Seed -> entry of all accepted checkpoints of a Run's model, dataset and device.

    Of predictions made elsewhere, as long as none of theirs are, those of the suite's model that
    they are named after: of the CPU, or else of a GPU.
    """
    devices = (EXTERNAL, "cpu", "cuda") if run.device == EXTERNAL else (run.device,)
    places = [place(baselines, dataclasses.replace(run, device=each)).parent for each in devices]
    found = next(filter(None, map(files, places)), {})
    return {seed: read(file) for seed, file in found.items()}


def external(baselines: Path, suite: str) -> list[Run]:
    """Predictions made elsewhere of which a record is accepted."""
    folders = [file.parent for file in sorted((baselines / suite).glob(f"*/*@{EXTERNAL}/s0.json"))]
    names = [(folder.parent.name, folder.name.removesuffix(f"@{EXTERNAL}")) for folder in folders]
    return [
        Run(suite=suite, dataset=dataset, model=model, device=EXTERNAL, seed=0)
        for dataset, model in names
    ]


def all_accepted(baselines: Path, suite: str) -> list[Entry]:
    """Every accepted entry of a suite, in the order of the file names, with the means over seeds.

    Raises HarnessError where means are of other records than those beside them.
    """
    found: list[Entry] = []
    for folder in sorted((baselines / suite).glob("*/*@*")):
        entries = {seed: read(file) for seed, file in files(folder).items()}
        records = {seed: entry.record for seed, entry in entries.items()}
        rows = means.read(folder, records) if records else ()
        found += [dataclasses.replace(entry, means=rows) for entry in entries.values()]
    return found


def _scores(cases: Cases, curve: Sequence[Mapping[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {"case": np.arange(len(cases), dtype=np.int32)}
    columns |= {name: list(column) for name, column in cases.scores().items()}
    table = pa.table(columns).replace_schema_metadata({HISTORY: json.dumps(list(curve))})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
