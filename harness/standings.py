"""Records as lines of a leaderboard: means over seeds, ranked within a dataset."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from harness.baselines import Entry
from harness.errors import HarnessError
from harness.record import Measurement, Record


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model on one dataset and device: a line of a leaderboard.

    `rows` are means over `seeds`, keyed as in the records; `histories` one training curve a seed,
    a mapping an epoch (`epoch`, `train_loss`, `val_loss`, ...). `rank` is by `metric`, the suite's
    first, and None where that is undefined.
    """

    suite: str
    title: str
    task: str
    dataset: str
    model: str
    device: str
    metric: str
    seeds: tuple[int, ...]
    records: tuple[Record, ...]
    rows: tuple[Measurement, ...]
    rank: int | None
    histories: tuple[tuple[Mapping[str, float], ...], ...] = ()


def standings(entries: Iterable[Entry]) -> list[Standing]:
    """Entries as leaderboard lines, best first within a dataset; failed records rank last."""
    ordered = sorted(entries, key=lambda entry: (_model(entry), int(entry.record.run["seed"])))
    models = [_standing(list(group)) for _, group in groupby(ordered, key=_model)]
    by_dataset = sorted(models, key=lambda line: (line.suite, line.dataset, line.device))
    lines: list[Standing] = []
    for _, group in groupby(by_dataset, key=lambda line: (line.suite, line.dataset, line.device)):
        lines += _ranked(_of_one_kind(list(group)))
    return lines


def _of_one_kind(lines: list[Standing]) -> list[Standing]:
    """Raises HarnessError where records of different data, classes or policy would be ranked."""
    records = [record for line in lines for record in line.records if record.status != "failed"]
    for key in ("data", "classes", "policy"):
        if any(record.run.get(key) != records[0].run.get(key) for record in records):
            raise HarnessError(
                f"records of {lines[0].suite}/{lines[0].dataset} must agree in {key} to be ranked, "
                "got different ones; run and accept them again"
            )
    return lines


def _model(entry: Entry) -> tuple[str, ...]:
    return tuple(str(entry.record.run[key]) for key in ("suite", "dataset", "device", "model"))


def _standing(entries: Sequence[Entry]) -> Standing:
    records = tuple(entry.record for entry in entries)
    run = records[0].run
    return Standing(
        **{key: str(run[key]) for key in ("suite", "title", "task", "dataset", "model", "device")},
        metric=str(run["metrics"][0]),
        seeds=tuple(int(record.run["seed"]) for record in records),
        records=records,
        rows=_means([record for record in records if record.status != "failed"]),
        rank=None,
        histories=tuple(entry.history for entry in entries),
    )


def _means(records: Sequence[Record]) -> tuple[Measurement, ...]:
    """The rows that all records have: of one seed as they are, of several the mean, no interval."""
    if len(records) <= 1:
        return records[0].measurements if records else ()
    found = [
        [record.find(row.metric, **row.where) for record in records]
        for row in records[0].measurements
    ]
    return tuple(_mean([row for row in rows if row]) for rows in found if all(rows))


def _mean(rows: Sequence[Measurement]) -> Measurement:
    """Undefined where it is for any seed: a mean over the others would be of another model."""
    undefined = [row for row in rows if row.value is None]
    values = [row.value for row in rows if row.value is not None]
    fields: dict[str, Any] = {"ci": None, "samples": (), "method": f"mean of {len(rows)} seeds"}
    if undefined:
        reason = f"undefined for {len(undefined)} of {len(rows)} seeds: {undefined[0].reason}"
        fields |= {"value": None, "status": "undefined", "reason": reason}
    else:
        fields |= {"value": float(np.mean(values))}
    return dataclasses.replace(rows[0], **fields)


def _ranked(lines: Sequence[Standing]) -> list[Standing]:
    """Equal values share a rank, as in a competition: 1, 2, 2, 4."""
    keyed = [(_merit(line), line) for line in lines]
    keyed.sort(key=lambda pair: (pair[0] is None, -(pair[0] or 0.0), pair[1].model))
    merits = [merit for merit, _ in keyed]
    return [
        dataclasses.replace(line, rank=None if merit is None else merits.index(merit) + 1)
        for merit, line in keyed
    ]


def _merit(line: Standing) -> float | None:
    """The first metric, signed so that more is better; None where undefined or failed."""
    for row in line.rows:
        if row.metric == line.metric and not row.where and row.value is not None:
            return -row.value if row.better == "lower" else row.value
    return None
