"""Mean negative logarithm, in nats, of the probability given to the true class."""

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics._counts import mean_influence, weighted_mean
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

TASKS = ("classify",)
UNIT = "1"
BETTER = "lower"
RANGE = (0.0, math.inf)
NEEDS = "at least one case"
PER_CLASS = False


def measure(predictions: Predictions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, n) weights -> (resamples,); NaN without weight.

    Probabilities are clipped to [eps, 1 - eps] of float64, so one sure error costs 36 and not all.
    Of several labels a case, the mean over labels of having the label or not.
    """
    return weighted_mean(_loss(predictions), weights)


def influence(predictions: Predictions, units: Codes) -> Influence:
    """Of `measure`, by unit of the (n,) codes `units`."""
    return mean_influence(_loss(predictions), units)


def _loss(predictions: Predictions) -> NDArray[np.float64]:
    eps = np.finfo(np.float64).eps
    probability = np.clip(predictions.probability, eps, 1 - eps)
    if predictions.kind == "multilabel":
        given = np.where(predictions.truth, probability, 1 - probability)
        each: NDArray[np.float64] = -np.log(given).mean(axis=1)
        return each
    return -np.log(probability[predictions.truth])
