"""Predictions to measurements: how good the shipped model is, how sure that is, and for whom."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.cases import ELSEWHERE, SHIPPED, Cases
from harness.errors import HarnessError
from harness.question import Metrics, Question, answers, ask, in_order, row_of, too_few
from harness.record import Measurement
from harness.suite import MetricSpec, Policy

TORCH = "torch"
"""The variant that the shipped one is held against."""

ALWAYS = tuple(MetricSpec(name=n) for n in ("majority_rate", "balanced_accuracy", "mcc"))
"""Of classes always asked: an accuracy alone may be that of one answer for all."""
BY_CLASS = MetricSpec(name="sensitivity")
"""The same of each of several classes: no mean over them shows one that is never found."""
MISSED, FALSE_ALARM = MetricSpec(name="missed_cases"), MetricSpec(name="false_alarm_cases")
"""Of masks always asked: how often nothing is found, and how often what is not there."""


def score(predictions: Cases, metrics: Metrics, policy: Policy) -> tuple[Measurement, ...]:
    """Every quality row of a model.

    The shipped variant on test: over all, a class against the rest, and by group; on val; on test
    cases of other datasets; against its torch twin. Raises HarnessError for what is no probability.
    """
    predictions.sound()
    test, val = predictions.select("test"), predictions.select("val")
    return (
        *(row for ask, few in on_test(metrics, test, policy) for row in answers(ask, policy, few)),
        *answers(ask(metrics, val, {"split": "val"}) if len(val) else [], policy),
        *_elsewhere(_overall(metrics, predictions.of_kind), predictions, policy),
        *_against_torch(metrics, predictions, policy),
    )


def _overall(metrics: Metrics, kind: str) -> Metrics:
    return _with((MISSED, FALSE_ALARM) if kind == "mask" else ALWAYS, metrics)


def _with(always: Metrics, metrics: Metrics) -> Metrics:
    """The `metrics`, and those of `always` that are not among them."""
    named = {spec.name for spec in metrics}
    return (*metrics, *(spec for spec in always if spec.name not in named))


def _ask_by_class(metrics: Metrics, cohort: Cases) -> Iterator[Question]:
    if len(cohort.classes) == 1:
        return
    metrics = metrics if cohort.of_kind == "mask" else _with((BY_CLASS,), metrics)
    for k, name in enumerate(cohort.classes):
        asked = ask(metrics, cohort.one_against_rest(k), {"class": name})
        yield from (question for question in asked if question.metric.PER_CLASS)


def on_test(
    metrics: Metrics, test: Cases, policy: Policy
) -> Iterator[tuple[list[Question], str | None]]:
    """What is asked of the test cases, a cohort at a time, and why not where it is too small."""
    overall = _overall(metrics, test.of_kind)
    yield [*ask(overall, test, {}), *_ask_by_class(overall, test)], None
    for column, values in test.groups.items():
        named = np.where(values == "", "unknown", values)
        for name in sorted(set(named.tolist()), key=in_order):
            cohort = test.where(np.asarray(named == name))
            yield ask(metrics, cohort, {f"group.{column}": name}), too_few(cohort, policy)


def _elsewhere(metrics: Metrics, predictions: Cases, policy: Policy) -> Iterator[Measurement]:
    """External validation: the test cases of each other dataset, in order of appearance."""
    for split in dict.fromkeys(predictions.split.tolist()):
        if split.startswith(ELSEWHERE):
            where = {"dataset": split.removeprefix(ELSEWHERE)}
            yield from answers(ask(metrics, predictions.select(split), where), policy)


def _against_torch(metrics: Metrics, predictions: Cases, policy: Policy) -> Iterator[Measurement]:
    """What the export changed: each metric on test, and outputs and decisions on test and val."""
    twin, shipped = _in_order(predictions, TORCH), _in_order(predictions, SHIPPED)
    if not len(twin):
        return
    if not all(np.array_equal(getattr(twin, of), getattr(shipped, of)) for of in ("id", "split")):
        raise HarnessError(
            f"variants {TORCH} and {SHIPPED} must be of the same cases of test and val,"
            f" got {len(twin)} against {len(shipped)} cases; predict again"
        )
    test = shipped.select("test")
    theirs = ask(metrics, twin.select("test", TORCH), {})
    for our, their in zip(ask(metrics, test, {"variant": TORCH}), theirs, strict=True):
        row = row_of(our, test.units(policy.interval.over), our.value - their.value)
        yield dataclasses.replace(row, kind="difference")
    apart, flips, n, over = shipped.parity(twin)
    about: dict[str, Any] = {"n": n, "over": over, "better": "lower"}
    yield Measurement(metric="parity_max_abs", value=apart, **about)
    yield Measurement(
        metric="parity_flips", value=flips, unit="cases" if over == "image" else f"{over}s", **about
    )


def _in_order(predictions: Cases, variant: str) -> Any:
    """The test and val cases of one variant, by split and id."""
    measured = np.isin(predictions.split, ("test", "val")) & (predictions.variant == variant)
    cases = predictions.where(measured)
    return cases.where(np.lexsort((cases.id, cases.split)))
