"""The best of several models looks better than it is: by how much, and a sentence for it."""

import math

from harness.guards.evidence import Doubt, doubt
from harness.statistics.maximum import expected_maximum, inflation


def best_of(k: int, error: float, correlation: float, metric: str) -> Doubt | None:
    """Of the best of `k` models by a metric with this standard error; None for one model.

    `correlation` is that of the models' values over test sets, in [0, 1].
    """
    return _told(k, inflation(k, error, correlation), metric)


def best_of_pairs(k: int, error: float, metric: str) -> Doubt | None:
    """The same from the standard error of the difference of two of them, which holds both."""
    return _told(k, expected_maximum(k) * error / math.sqrt(2), metric)


def _told(k: int, gain: float, metric: str) -> Doubt | None:
    if k < 2:
        return None
    return doubt(
        "best-of-k",
        f"the best of {k} models is ranked by the test cases that it is measured on: were all"
        f" equally good, its {metric} would still look {gain:.3f} better than it is; name a model"
        " by val, or measure the best on new cases",
    )
