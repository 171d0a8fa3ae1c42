"""The reliability curve: how often it happened where the model said so, bin by bin."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.cases import UNCALIBRATED
from harness.metrics._calibration import Forecast, each_class, edges, place, top_label
from harness.predictions import Predictions
from harness.question import Metrics, in_order, too_few
from harness.record import Measurement, Where
from harness.statistics.influence import share
from harness.statistics.intervals import interval
from harness.suite import Policy

OBSERVED, STATED = "observed_rate", "mean_probability"
BINS = 15
"""As many as each metric of calibration has by default."""

METRICS = (
    *("ece", "ece_floor", "ece_top_label", "ece_top_label_floor"),
    *("calibration_slope", "calibration_intercept"),
    *("brier_reliability", "brier_resolution", "brier_uncertainty", "brier_remainder"),
)
"""A suite that names one of them asks for the curve, too."""


def bins_of(metrics: Metrics) -> int | None:
    """Of the first metric of calibration that says how many; None where there is no such metric."""
    asking = [spec for spec in metrics if spec.name in METRICS]
    told = [int(spec.args["bins"]) for spec in asking if "bins" in spec.args]
    return (told or [BINS])[0] if asking else None


def reliability(table: Predictions, policy: Policy, bins: int = BINS) -> Iterator[Measurement]:
    """Two rows a bin of the test cases: what was said on average, and how often it was so.

    Binary: of the positive class. More classes: of the likeliest one, which `method` says. Labels:
    a curve each, `where` having its `class`. Over all; by group of `groups_min_n` cases or more,
    except of labels; and over all before calibration, where the table has that `variant`. A bin
    without cases has no row. Raises HarnessError for a number of bins that is not 1 to 100.
    """
    test = table.select("test")
    yield from _curves(test, {}, policy, bins)
    for column, values in test.groups.items() if table.kind != "multilabel" else ():
        named = np.where(values == "", "unknown", values)
        for name in sorted(set(named.tolist()), key=in_order):
            cohort = test.where(np.asarray(named == name))
            if too_few(cohort, policy) is None:
                yield from _curves(cohort, {f"group.{column}": name}, policy, bins)
    before = table.select("test", UNCALIBRATED)
    yield from _curves(before, {"variant": UNCALIBRATED}, policy, bins)


def _curves(cohort: Predictions, where: Where, policy: Policy, bins: int) -> Iterator[Measurement]:
    if len(cohort.classes) > 2 and cohort.kind != "multilabel":
        for row in _curve(cohort, top_label(cohort), where, policy, bins):
            yield dataclasses.replace(row, method=f"of the likeliest class, {row.method}")
        return
    for k, forecast in enumerate(each_class(cohort)):
        of = {"class": cohort.classes[k]} if cohort.kind == "multilabel" else {}
        yield from _curve(cohort, forecast, {**where, **of}, policy, bins)


def _curve(
    cohort: Predictions, forecast: Forecast, where: Where, policy: Policy, bins: int
) -> Iterator[Measurement]:
    codes, ends = place(forecast.probability, bins), edges(bins)
    for index in np.unique(codes):
        inside = codes == index
        units = cohort.where(inside).units(policy.interval.over)
        happened = forecast.happened[inside]
        rate, moved = float(happened.mean()), share(happened, np.ones(len(happened)), units.codes)
        found = interval(rate, moved, (0.0, 1.0), level=policy.interval.level, over=units.over)
        about: dict[str, Any] = {
            "where": {**where, "bin": f"{round(ends[index], 3):g}-{round(ends[index + 1], 3):g}"},
            "n": len(np.unique(units.codes)),
            "over": units.over,
        }
        yield Measurement(
            metric=OBSERVED,
            value=rate,
            ci=found.ci,
            level=found.level,
            method=found.method,
            **about,
        )
        stated = float(forecast.probability[inside].mean())
        yield Measurement(metric=STATED, value=stated, method="mean of the bin", **about)
