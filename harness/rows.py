"""All quality rows of a table: what `score` says of it and, of masks, sizes and training cases."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]

from harness import shelf
from harness.cases import UNCALIBRATED, Cases
from harness.fairness import fairness
from harness.predictions import Predictions
from harness.question import Metrics, Question, answers, ask, row_of, too_few
from harness.record import Measurement
from harness.reliability import bins_of, reliability
from harness.score import score
from harness.segmented import Segmented
from harness.suite import Policy


def measured(
    table: Cases, metrics: Metrics, policy: Policy, sizes: Sequence[float] = ()
) -> tuple[Measurement, ...]:
    """The rows of a record; `sizes` are the edges, in ml, between which lesions are told apart."""
    rows = score(table, metrics, policy)
    rows += tuple(fairness([table.select("test")], metrics, policy))
    if table.of_kind == "mask":
        return (*rows, *_of_masks(metrics, table, policy, sizes))
    plain = table.select("test", UNCALIBRATED)
    asked = ask(metrics, plain, {"variant": UNCALIBRATED}) if len(plain) else []
    bins = bins_of(metrics)
    curves = reliability(table, policy, bins) if bins and isinstance(table, Predictions) else ()
    return (*rows, *answers(asked, policy), *curves)


def _of_masks(
    metrics: Metrics, table: Cases, policy: Policy, sizes: Sequence[float]
) -> Iterator[Measurement]:
    """Lesions by their own size, training cases, and how far test is below them."""
    test, train = table.select("test"), table.select("train")
    yield from _windows(test)
    for spec in metrics:
        metric = shelf.load("metrics", spec.name)
        for low, high in pairwise((0.0, *sizes, math.inf)) if hasattr(metric, "banded") else ():
            of_size = metric.banded(test, low, high)
            asked = Question(spec, metric, of_size, {"bin": band(low, high)})
            yield from answers([asked], policy, too_few(of_size, policy)) if sizes else ()
    if not len(train):
        return
    known = ask(metrics, train, {"split": "train"})
    yield from answers(known, policy)
    for our, their in zip(ask(metrics, test, {"split": "train-test"}), known, strict=True):
        yield _gap(our, their, policy)


def _windows(test: Any) -> Iterator[Measurement]:
    """How many calls of one window a case takes, on average; nothing where it is not known."""
    windows = test.facts.get("windows", np.zeros(0))
    read = windows[windows > 0]
    if len(read):
        about: dict[str, Any] = {"n": len(read), "over": test.CASE, "better": "lower"}
        value = float(read.mean())
        yield Measurement(metric="windows_per_case", value=value, unit="windows", **about)


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
        moved, df, shared = _apart(train, test, over)
        error = float(np.sqrt(np.square(moved).sum()))
        if math.isfinite(error) and df >= 1:
            half = float(stdtrit(df, (1 + policy.interval.level) / 2)) * error
            samples = "paired where in both" if shared else "two samples"
            method = f"{samples}, linearised, t with {df:g} df"
            ci = (row.value - half, row.value + half)
            row = dataclasses.replace(row, ci=ci, level=policy.interval.level, method=method)
    return dataclasses.replace(row, kind="difference", better=None)


def _apart(a: Question, b: Question, over: str) -> tuple[NDArray[np.float64], float, bool]:
    """How much each unit of either moves a minus b, the freedom of that, and are there any in both.

    Of folds that are joined, a case of test is one of training, too.
    """
    both = Segmented.concatenated([a.cohort, b.cohort]).units(over).codes
    moved = np.zeros((2, int(both.max()) + 1))
    freedom = []
    for side, (asked, codes) in enumerate(((a, both[: len(a.cohort)]), (b, both[len(a.cohort) :]))):
        own = asked.cohort.units(over).codes
        found = asked.influence(own)
        moved[side, codes[np.unique(own, return_index=True)[1]]] = found.by_unit
        freedom.append(found.df)
    shared = len(set(both[: len(a.cohort)].tolist()) & set(both[len(a.cohort) :].tolist())) > 0
    return moved[0] - moved[1], min(freedom), shared
