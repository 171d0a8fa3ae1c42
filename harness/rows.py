"""All quality rows of a table: what `score` says of it and, of masks, sizes and training cases."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from scipy.special import stdtrit  # type: ignore[import-untyped]

from harness import shelf
from harness.cases import Cases
from harness.record import Measurement
from harness.score import Metrics, Question, answers, ask, row_of, score
from harness.suite import Policy


def measured(
    table: Cases, metrics: Metrics, policy: Policy, sizes: Sequence[float] = ()
) -> tuple[Measurement, ...]:
    """The rows of a record; `sizes` are the edges, in ml, between which lesions are told apart."""
    rows = score(table, metrics, policy)
    return (*rows, *_of_masks(metrics, table, policy, sizes)) if table.of_kind == "mask" else rows


def _of_masks(
    metrics: Metrics, table: Cases, policy: Policy, sizes: Sequence[float]
) -> Iterator[Measurement]:
    """Lesions by their own size, training cases, and how far test is below them.

    The interval of that gap is of two independent samples: their errors add in squares.
    """
    test, train = table.select("test"), table.select("train")
    for spec in metrics:
        metric = shelf.load("metrics", spec.name)
        for low, high in pairwise((0.0, *sizes, math.inf)) if hasattr(metric, "banded") else ():
            where = {"bin": band(low, high)}
            asked = Question(spec, metric, metric.banded(test, low, high), where)
            yield from answers([asked], policy) if sizes else ()
    if not len(train):
        return
    known = ask(metrics, train, {"split": "train"})
    yield from answers(known, policy)
    for our, their in zip(ask(metrics, test, {"split": "train-test"}), known, strict=True):
        yield _gap(our, their, policy)


def band(low: float, high: float) -> str:
    """As a group of size is called: "<0.5", "0.5-4", ">=4"."""
    if low == 0:
        return f"<{high:g}"
    return f">={low:g}" if math.isinf(high) else f"{low:g}-{high:g}"


def _gap(test: Question, train: Question, policy: Policy) -> Measurement:
    """The value on train minus that on test."""
    over = policy.interval.over
    units = test.cohort.units(over)
    row = row_of(test, units, train.value - test.value)
    if row.value is not None:
        errors = [q.influence(q.cohort.units(over).codes) for q in (test, train)]
        error = math.hypot(*(moved.error for moved in errors))
        df = min(moved.df for moved in errors)
        if math.isfinite(error) and df >= 1:
            half = float(stdtrit(df, (1 + policy.interval.level) / 2)) * error
            method = f"two samples, linearised, t with {df:g} df"
            ci = (row.value - half, row.value + half)
            row = dataclasses.replace(row, ci=ci, level=policy.interval.level, method=method)
    return dataclasses.replace(row, kind="difference", better=None)
