"""The mean over the seeds of a model, with an interval over the units that all seeds share."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness import strict
from harness.baselines import shipped
from harness.cases import Cases
from harness.errors import HarnessError
from harness.fairness import fairness
from harness.means import bearing
from harness.plan import Run
from harness.question import answers
from harness.record import Measurement, Record
from harness.score import on_test
from harness.seeds import joined
from harness.suite import MetricSpec, Policy

_ROUNDING = 1e-6
"""What differs by more was measured by another formula, not rounded otherwise."""


def seed_means(
    tables: Sequence[Cases], metrics: Sequence[MetricSpec], policy: Policy
) -> tuple[Measurement, ...]:
    """The rows that `score` and `fairness` make of the test cases, of the mean over seeds.

    tables: the test predictions of one model, an entry a seed; a single one has its own rows.
    What a unit (a subject where known) does to each seed is averaged before it is squared, so that
    the interval is one of the mean. Undefined for a seed is undefined. Raises HarnessError where
    the seeds are not of the same cases in the same order.
    """
    if not all(tables[0].same_cases(table) for table in tables[1:]):
        raise HarnessError(
            "the seeds of a model must be predicted on the same cases, got different ones; "
            "run all of them again"
        )
    asked = [on_test(metrics, table, policy) for table in tables]
    rows = [
        row
        for cohorts in zip(*asked, strict=True)
        for row in answers(joined([each for each, _ in cohorts]), policy, cohorts[0][1])
    ]
    return tuple(
        _explained(row, len(tables)) for row in (*rows, *fairness(tables, metrics, policy))
    )


def mean_rows(
    records: Sequence[Record], tables: Sequence[Cases], metrics: Sequence[MetricSpec]
) -> tuple[Measurement, ...]:
    """`seed_means` of those `metrics` that all records have, under the policy of the records.

    Raises HarnessError where records differ in data, classes or policy, or have other values than
    these metrics give.
    """
    agree(records)
    shared = [
        spec for spec in metrics if all(spec.name in r.run.get("metrics", ()) for r in records)
    ]
    rows = seed_means(tables, shared, policy_of(records[0]))
    for row in rows:
        if row.where.keys() & {"against", "gap"}:
            continue  # made of rows that are checked here, and not a mean itself
        found = [record.find(row.metric, **row.where) for record in records]
        values = [one.value for one in found if one is not None]
        if len(values) == len(records) and not _is_mean(row.value, values):
            raise HarnessError(
                f"{row.metric} of {_model(records)} must be what the suite now says it is, got "
                "records of another; run all seeds again"
            )
    return rows


def of_runs(
    found: Mapping[Run, tuple[Record, Path]], metrics: Sequence[MetricSpec]
) -> dict[Run, tuple[Measurement, ...]]:
    """The `mean_rows` of each Run with other seeds, from records and the folders that hold them.

    A failed record is of no seed.
    """
    models: dict[Run, list[Run]] = {}
    for run, (record, _) in found.items():
        if record.status != "failed":
            models.setdefault(dataclasses.replace(run, seed=0), []).append(run)
    means: dict[Run, tuple[Measurement, ...]] = {}
    for each in models.values():
        if len(each) > 1:
            runs = sorted(each, key=lambda run: run.seed)
            tables = [shipped(found[run][1]) for run in runs]
            rows = mean_rows([found[run][0] for run in runs], tables, metrics)
            means |= dict.fromkeys(runs, rows)
    return means


def policy_of(record: Record) -> Policy:
    """The policy that a record was measured under. Raises HarnessError for what is none."""
    return strict.build(Policy, record.run.get("policy", {}), f"policy of {record.run.get('id')}")


def agree(records: Sequence[Record]) -> None:
    """Raises HarnessError unless the records, a seed each, are of one data, classes and policy."""
    first = bearing(records[0])
    for name, value in first.items():
        if any(bearing(record)[name] != value for record in records[1:]):
            raise HarnessError(
                f"the seeds of {_model(records)} must agree in {name} to have a mean, got"
                " different ones; run and accept all of them again, or delete the old ones"
            )


def _explained(row: Measurement, seeds: int) -> Measurement:
    if seeds == 1 or row.method is None:
        return row
    return dataclasses.replace(row, method=f"mean of {seeds} seeds, {row.method}")


def _is_mean(value: float | None, values: Sequence[float | None]) -> bool:
    known = [each for each in values if each is not None]
    if value is None or len(known) < len(values):
        return value is None and len(known) < len(values)
    return math.isclose(value, float(np.mean(known)), rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _model(records: Sequence[Record]) -> str:
    return "/".join(str(records[0].run.get(key)) for key in ("suite", "dataset", "model"))
