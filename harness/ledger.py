"""`pairs@DEVICE.json`: pairs of the accepted models of a dataset, and what they are made of."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from harness import disk, strict
from harness.baselines import Entry
from harness.contest import Contest, Pair, Place
from harness.disk import file_digest
from harness.errors import HarnessError
from harness.means import bearing
from harness.record import Record, as_json


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Pairs by one metric, and the records that they are of; `level` is that of the intervals.

    models: by model each seed with the sha256 of its probabilities. The others are as in records.
    """

    models: Mapping[str, Mapping[str, str]]
    data: str | None = None
    classes: tuple[str, ...] = ()
    policy: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    split: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    metric: str
    level: float
    method: str
    pairs: tuple[Pair, ...] = ()
    schema: Literal["harness.pairs/1"] = "harness.pairs/1"


def file(baselines: Path, place: Place) -> Path:
    """`SUITE/DATASET/pairs@DEVICE.json` below the folder of baselines."""
    suite, dataset, device = place
    return baselines / suite / dataset / f"pairs@{device}.json"


def write(baselines: Path, records: Sequence[Record], found: Contest) -> Path:
    """Put the pairs of all accepted models of one dataset and device beside their `records`."""
    path = file(baselines, place_of(records[0]))
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    ledger = Ledger(**_made_of(path.parent, records), **fields)
    disk.write(path, _text(ledger))
    return path


def read(baselines: Path, entries: Sequence[Entry]) -> dict[Place, Contest]:
    """The pairs of accepted `entries`, all that there are, where they are known.

    Raises HarnessError where a file is broken or was made of other seeds, models, data or policy.
    """
    records: dict[Place, list[Record]] = {}
    for entry in entries:
        records.setdefault(place_of(entry.record), []).append(entry.record)
    paths = {where: file(baselines, where) for where in records}
    return {where: _read(path, records[where]) for where, path in paths.items() if path.is_file()}


def forget(baselines: Path, place: Place) -> None:
    """Remove the pairs of a dataset, since a record beside them is about to change."""
    with contextlib.suppress(OSError):  # where nothing can be removed, nothing is written either
        file(baselines, place).unlink(missing_ok=True)


def place_of(record: Record) -> Place:
    """Among whom a record is ranked."""
    suite, dataset, device = (str(record.run[key]) for key in ("suite", "dataset", "device"))
    return suite, dataset, device


def _read(path: Path, records: Sequence[Record]) -> Contest:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        strict.plain(fields, f"{path}:")
    except (OSError, ValueError, RecursionError) as error:
        raise HarnessError(f"{path} must be JSON, got {error}; accept again") from None
    found = strict.build(Ledger, fields, f"{path}:")
    for name, value in _made_of(path.parent, records).items():
        if getattr(found, name) != value:
            raise HarnessError(
                f"{path} must be of the records beside it, got other {name}; accept one of them "
                "again, or delete it"
            )
    return Contest(metric=found.metric, level=found.level, method=found.method, pairs=found.pairs)


def _made_of(folder: Path, records: Sequence[Record]) -> dict[str, Any]:
    models: dict[str, dict[str, str]] = {}
    for run in (record.run for record in records):
        table = folder / f"{run['model']}@{run['device']}" / f"s{run['seed']}.parquet"
        models.setdefault(str(run["model"]), {})[str(run["seed"])] = file_digest(table)
    return {"models": models, **bearing(records[0])}


def _text(ledger: Ledger) -> str:
    """JSON with a line a pair, so that a difference of two files can be read."""
    head = json.dumps(as_json(dataclasses.replace(ledger, pairs=())), indent=1, allow_nan=False)
    lines = [f"  {json.dumps(as_json(pair), allow_nan=False)}" for pair in ledger.pairs]
    return head.removesuffix("\n}") + ',\n "pairs": [\n' + ",\n".join(lines) + "\n ]\n}\n"
