"""What metrics share: weighted counts of decisions, means and ratios, for all resamples at once."""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence, pooled, share

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """Weight of the cases of each class, (resamples, classes): true, decided, and both.

    `other` is that of the cases that are not of the class, exactly 0 where there are none.
    """

    true: Array
    decided: Array
    hit: Array
    other: Array

    @property
    def total(self) -> Array:
        """Weight of all cases, (resamples, 1)."""
        return (self.true + self.other)[:, :1]


def counts(predictions: Predictions, weights: Array) -> Counts:
    """The margins and the diagonal of the confusion matrix of each resample."""
    true, decided = predictions.truth, predictions.decided
    table = weights @ np.hstack([true, decided, true & decided, ~true]).astype(np.float64)
    return Counts(*np.hsplit(table, 4))


def positives(predictions: Predictions) -> list[int]:
    """What counts as positive, one at a time: of two classes the second, of more or labels each."""
    classes = len(predictions.classes)
    return [1] if classes == 2 and predictions.kind != "multilabel" else list(range(classes))


def macro(predictions: Predictions, of_class: Callable[[int], Array]) -> Array:
    """Unweighted mean of a one-against-rest metric over `positives`; NaN where one of them is."""
    mean: Array = np.mean([of_class(k) for k in positives(predictions)], axis=0)
    return mean


def ratio(part: Array, whole: Array) -> Array:
    """`part / whole`, NaN where `whole` is 0."""
    result: Array = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=result, where=whole != 0)
    return result


def weighted_mean(cases: NDArray[np.generic], weights: Array) -> Array:
    """Mean of (n,) cases: (resamples, n) weights -> (resamples,), NaN without weight."""
    return ratio(weights @ cases.astype(np.float64), weights.sum(axis=1))


def mean_influence(cases: NDArray[np.generic], units: Codes) -> Influence:
    """Of the plain mean of (n,) cases, by unit."""
    return share(cases, np.ones(len(cases)), units)


def macro_influence(predictions: Predictions, of_class: Callable[[int], Influence]) -> Influence:
    """Of the mean of a one-against-rest metric over `positives`."""
    return pooled([of_class(k) for k in positives(predictions)])
