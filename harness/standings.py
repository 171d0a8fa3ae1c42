"""Records as lines of a leaderboard: means over seeds, ranked within a dataset."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from harness.baselines import Entry
from harness.contest import LEVEL, Contest, Place, Rank, ranked
from harness.errors import HarnessError
from harness.means import bearing
from harness.record import Measurement, Record

NOT_ABOVE, CONSTANT = "not above the majority rate", "constant predictor"
ROUNDING = 1e-9
"""A difference of two shares of cases that is no more than arithmetic."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model on one dataset and device: a line of a leaderboard.

    `rows` are means over `seeds`, keyed as in the records; `histories` one training curve a seed,
    a mapping an epoch (`epoch`, `train_loss`, `val_loss`, ...). `metric` is the suite's first, by
    whose value lines are ordered; `among` have one. `rank` is 1 and as many more as are
    significantly better by it, None where it is undefined or the models were not compared, and
    `contested` all that is known of it. `spread` is the standard deviation of `metric` between
    seeds, None for one seed; `cautions` what to know before the accuracy is believed.
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
    among: int = 0
    contested: Rank | None = None
    spread: Measurement | None = None
    cautions: tuple[str, ...] = ()

    def find(self, metric: str) -> Measurement | None:
        """The test result of the shipped model, or None."""
        return next((row for row in self.rows if row.metric == metric and not row.where), None)

    @property
    def merit(self) -> float | None:
        """The value of `metric`, signed so that more is better; None where undefined or failed."""
        row = self.find(self.metric)
        if row is None or row.value is None:
            return None
        return -row.value if row.better == "lower" else row.value


def standings(
    entries: Iterable[Entry], contests: Mapping[Place, Contest] | None = None
) -> list[Standing]:
    """Entries as lines, best value first in a dataset; no ranks where no contest is known."""
    ordered = sorted(entries, key=lambda entry: (_model(entry), int(entry.record.run["seed"])))
    models = [_standing(list(group)) for _, group in groupby(ordered, key=_model)]
    lines: list[Standing] = []
    for place, group in groupby(sorted(models, key=_place), key=_place):
        lines += _ranked(_of_one_kind(list(group)), (contests or {}).get(place))
    return lines


def _place(line: Standing) -> Place:
    return line.suite, line.dataset, line.device


def _of_one_kind(lines: list[Standing]) -> list[Standing]:
    """Raises HarnessError where records of different data, split or policy would be ranked."""
    records = [record for line in lines for record in line.records if record.status != "failed"]
    shared = [bearing(record) for record in records]
    for key in shared[0] if shared else ():
        if any(each[key] != shared[0][key] for each in shared):
            raise HarnessError(
                f"records of {lines[0].suite}/{lines[0].dataset} must agree in {key} to be ranked, "
                "got different ones; run and accept them again"
            )
    return lines


def _model(entry: Entry) -> tuple[str, ...]:
    return tuple(str(entry.record.run[key]) for key in ("suite", "dataset", "device", "model"))


def _standing(entries: Sequence[Entry]) -> Standing:
    records = tuple(entry.record for entry in entries)
    measured = [record for record in records if record.status != "failed"]
    run = records[0].run
    names = ("suite", "title", "task", "dataset", "model", "device")
    about: dict[str, Any] = {key: str(run[key]) for key in names}
    return Standing(
        **about,
        metric=str(run["metrics"][0]),
        seeds=tuple(int(record.run["seed"]) for record in records),
        records=records,
        rows=_means(measured, next((entry.means for entry in entries if entry.means), ())),
        rank=None,
        histories=tuple(entry.history for entry in entries),
        spread=_spread(measured, str(run["metrics"][0])),
        cautions=tuple(_cautions(measured)),
    )


def _spread(records: Sequence[Record], metric: str) -> Measurement | None:
    """Standard deviation (n - 1) of a metric between seeds, undefined where it is for any."""
    found = [row for record in records if (row := record.find(metric))]
    if len(records) < 2 or len(found) < len(records):
        return None
    values = [row.value for row in found if row.value is not None]
    fields: dict[str, Any] = {"metric": metric, "unit": found[0].unit, "n": len(found)}
    fields |= {"over": "seed", "method": "standard deviation (n - 1) between seeds"}
    if len(values) == len(found):
        return Measurement(value=float(np.std(values, ddof=1)), **fields)
    reason = f"undefined for {len(found) - len(values)} of {len(found)} seeds"
    return Measurement(value=None, status="undefined", reason=reason, **fields)


def _cautions(records: Sequence[Record]) -> Iterator[str]:
    """Of the mean over seeds, or of how many of them."""
    gains = [_gain(record) for record in records]
    low = [gain <= ROUNDING for gain in gains]
    if low and np.mean(gains) <= ROUNDING:
        low = [True]
    for words, seeds in ((NOT_ABOVE, low), (CONSTANT, [_constant(record) for record in records])):
        if any(seeds):
            yield words + ("" if all(seeds) else f" in {sum(seeds)} of {len(seeds)} seeds")


def _gain(record: Record) -> float:
    """Accuracy minus the majority rate; endless where either is not known."""
    accuracy, rate = record.find("accuracy"), record.find("majority_rate")
    if accuracy is None or rate is None or accuracy.value is None or rate.value is None:
        return math.inf
    return accuracy.value - rate.value


def _constant(record: Record) -> bool:
    return any(warning.get("code") == "constant-predictor" for warning in record.warnings)


def _means(records: Sequence[Record], known: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """The rows that all records have: of one seed as they are, of several the mean.

    Those of the mean that are `known`, with its interval, are taken as they are.
    """
    if len(records) <= 1:
        return records[0].measurements if records else ()
    found = [
        [record.find(row.metric, **row.where) for record in records]
        for row in records[0].measurements
    ]
    plain = [_mean([row for row in rows if row]) for rows in found if all(rows)]
    better = {_key(row): row for row in known}
    return tuple(better.get(_key(row), row) for row in plain)


def _key(row: Measurement) -> tuple[str, frozenset[tuple[str, str]]]:
    return row.metric, frozenset(row.where.items())


def _mean(rows: Sequence[Measurement]) -> Measurement:
    """Undefined where it is for any seed: a mean over the others would be of another model."""
    undefined = [row for row in rows if row.value is None]
    values = [row.value for row in rows if row.value is not None]
    fields: dict[str, Any] = {"ci": None, "p": None, "samples": ()}
    fields |= {"method": f"mean of {len(rows)} seeds"}
    if undefined:
        reason = f"undefined for {len(undefined)} of {len(rows)} seeds: {undefined[0].reason}"
        fields |= {"value": None, "status": "undefined", "reason": reason}
    else:
        fields |= {"value": float(np.mean(values))}
    return dataclasses.replace(rows[0], **fields)


def _ranked(lines: Sequence[Standing], contest: Contest | None) -> list[Standing]:
    """Best value first, by name where equal, each with its rank among those that have a value."""
    lines = sorted(lines, key=lambda line: (line.merit is None, -(line.merit or 0.0), line.model))
    models = [line.model for line in lines if line.merit is not None]
    if len(models) < 2:
        contest = Contest(metric=lines[0].metric, level=LEVEL, method="")
    elif contest and any(line.metric != contest.metric for line in lines):
        contest = None
    ranks = (contest and ranked(contest, models)) or {}
    found = [(line, ranks.get(line.model)) for line in lines]
    return [
        dataclasses.replace(line, rank=r.rank if r else None, contested=r, among=len(models))
        for line, r in found
    ]
