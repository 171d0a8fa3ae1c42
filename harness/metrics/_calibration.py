"""What metrics of calibration share: events and their probabilities, bins, gaps and floors."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array  # type: ignore[import-untyped]
from scipy.special import gammaln, xlog1py, xlogy  # type: ignore[import-untyped]

from harness.errors import HarnessError
from harness.metrics._counts import positives, ratio
from harness.predictions import Predictions

NEEDS = "cases of every class, and probabilities that differ and are not all 0 or 1"
TOP_NEEDS = "cases of two classes, and probabilities that differ and are not all 0 or 1"
MOST_BINS = 100

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


class Forecast(NamedTuple):
    """Of each case, whether something happened and the probability that was given to it: (n,).

    `truth`: (n,) codes of the true classes, two of which it takes for calibration to be judged.
    """

    happened: NDArray[np.bool_]
    probability: Array
    truth: NDArray[np.int64]


def each_class(predictions: Predictions) -> list[Forecast]:
    """Of two classes the second, of more or of labels each against the rest."""
    truth, probability = predictions.truth, predictions.probability
    return [
        Forecast(truth[:, k], probability[:, k], truth[:, k].astype(np.int64))
        for k in positives(predictions)
    ]


def top_label(predictions: Predictions) -> Forecast:
    """Whether the likeliest class is the true one, and its probability."""
    first = predictions.probability.argmax(axis=1)
    right = predictions.y_true == first
    return Forecast(right, predictions.probability.max(axis=1), predictions.y_true)


def edges(bins: int) -> Array:
    """The ends of equal parts of [0, 1]. Raises HarnessError unless there are 1 to 100."""
    if not 1 <= bins <= MOST_BINS:
        raise HarnessError(f"bins must be 1 to {MOST_BINS}, got {bins}; 10 and 15 are usual")
    return np.linspace(0, 1, bins + 1)


def place(probability: Array, bins: int) -> Codes:
    """(n,): the bin of each, which has its upper end and not its lower; the first has 0, too.

    As scikit-learn's `calibration_curve` and Guo et al. (2017).
    """
    return np.searchsorted(edges(bins)[1:-1], probability).astype(np.int64)


def sums(columns: Sequence[NDArray[np.generic]], codes: Codes, bins: int, weights: Array) -> Array:
    """(n,) each -> (columns, resamples, bins): weighted sums within each bin."""
    cases = np.arange(len(codes))
    found = [csr_array((c.astype(np.float64), (codes, cases)), (bins, len(c))) for c in columns]
    return np.stack([(one @ weights.T).T for one in found])


def judged(forecast: Forecast, weights: Array) -> NDArray[np.bool_]:
    """(resamples,): whether calibration can be judged.

    Two classes are there, probabilities differ, and some are neither 0 nor 1: else a gap of 0 would
    look perfect where nothing was tried.
    """
    probability, held = forecast.probability, weights > 0
    classes = forecast.truth[:, None] == np.unique(forecast.truth)
    open_ = (probability > 0) & (probability < 1)
    highest = np.where(held, probability, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(held, probability, np.inf).min(axis=1, initial=np.inf)
    several = (weights @ classes.astype(np.float64) > 0).sum(axis=1) > 1
    known: NDArray[np.bool_] = several & (weights @ open_ > 0) & (highest > lowest)
    return known


def gap(forecast: Forecast, weights: Array, bins: int) -> Array:
    """(resamples,): expected calibration error, the mean over cases of their bin's distance.

    The distance of a bin is that of its mean probability from its observed frequency (Naeini,
    Cooper and Hauskrecht, 2015). NaN where it cannot be judged.
    """
    apart = forecast.happened - forecast.probability
    [found] = sums([apart], place(forecast.probability, bins), bins, weights)
    return _where(judged(forecast, weights), ratio(np.abs(found).sum(axis=1), weights.sum(axis=1)))


def gap_terms(forecast: Forecast, bins: int) -> Array:
    """(n,): numbers whose mean is the gap, and whose scatter is its error while no bin's turns."""
    codes = place(forecast.probability, bins)
    apart = forecast.happened - forecast.probability
    terms: Array = np.sign(np.bincount(codes, weights=apart, minlength=bins))[codes] * apart
    return terms


def floor(forecast: Forecast, weights: Array, bins: int) -> Array:
    """(resamples,): the gap to be expected if every probability were true, of as many cases.

    Weights are how often a case is there. Cases are taken for independent.
    """
    probability = forecast.probability
    spread = probability * (1 - probability)
    columns = [np.ones(len(spread)), probability, spread]
    found = sums(columns, place(probability, bins), bins, weights)
    apart = _deviation(*found).sum(axis=1)
    return _where(judged(forecast, weights), ratio(apart, weights.sum(axis=1)))


def floor_terms(forecast: Forecast, bins: int) -> Array:
    """(n,): numbers whose scatter over n is the error of the floor, by its normal limit."""
    probability = forecast.probability
    spread, codes = probability * (1 - probability), place(probability, bins)
    whole = np.bincount(codes, weights=spread, minlength=bins)[codes]
    return ratio(spread, np.sqrt(2 * np.pi * whole))


def _deviation(n: Array, mean: Array, variance: Array) -> Array:
    """Mean absolute deviation of a sum of n independent events with this mean and variance.

    That of a binomial (de Moivre, 1730), narrowed to the variance. Events of one bin differ little
    in probability, so both its limits, Poisson's of rare ones and the normal of many, are right.
    """
    found = np.zeros(n.shape)
    held = (variance > 0) & (mean < n)
    n, mean, variance = n[held], mean[held], variance[held]
    share, below = mean / n, np.floor(mean)
    logarithm = (
        gammaln(n + 1)
        - gammaln(below + 1)
        - gammaln(n - below)
        + xlogy(below + 1, share)
        + xlog1py(n - below, -share)
    )
    narrowed = np.sqrt(variance / (n * share * (1 - share)))
    found[held] = 2 * np.exp(logarithm) * narrowed
    return found


def _where(known: NDArray[np.bool_], values: Array) -> Array:
    return np.where(known, values, np.nan)
