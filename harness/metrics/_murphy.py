"""The Brier score in parts (Murphy, 1973), and what bins of unequal probabilities leave over."""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.metrics._calibration import Forecast, each_class, judged, place, sums
from harness.metrics._counts import mean_influence, ratio
from harness.predictions import Predictions
from harness.statistics.influence import Codes, Influence

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The Brier score is reliability - resolution + uncertainty + remainder, of the same shape.

    (resamples,) of a table, NaN where calibration cannot be judged; or (n,) numbers, a case each,
    whose means they are and whose scatter is their error.
    """

    reliability: Array
    resolution: Array
    uncertainty: Array
    remainder: Array


Part = Callable[[Parts], Array]


def measured(predictions: Predictions, weights: Array, bins: int, part: Part) -> Array:
    """(resamples,): one part, added up over classes as `brier` is: the mean over labels."""
    return _over(predictions, [part(_parts(one, weights, bins)) for one in each_class(predictions)])


def moved(predictions: Predictions, units: Codes, bins: int, part: Part) -> Influence:
    """How much each unit moves it."""
    terms = [part(_terms(one, bins)) for one in each_class(predictions)]
    return mean_influence(_over(predictions, terms), units)


def _over(predictions: Predictions, found: list[Array]) -> Array:
    total: Array = np.sum(found, axis=0)
    return total / len(found) if predictions.kind == "multilabel" else total


def _parts(forecast: Forecast, weights: Array, bins: int) -> Parts:
    happened, probability = forecast.happened, forecast.probability
    columns = [np.ones(len(happened)), happened, happened - probability]
    held, observed, apart = sums(columns, place(probability, bins), bins, weights)
    total = weights.sum(axis=1)
    base = ratio(observed.sum(axis=1), total)
    reliability = ratio(_plain(apart**2, held).sum(axis=1), total)
    from_base = held * (_plain(observed, held) - base[:, None]) ** 2
    resolution = ratio(from_base.sum(axis=1), total)
    uncertainty = base * (1 - base)
    brier = ratio(weights @ (happened - probability) ** 2, total)
    found = (
        *(reliability, resolution, uncertainty),
        brier - reliability + resolution - uncertainty,
    )
    known = judged(forecast, weights)
    names = (field.name for field in dataclasses.fields(Parts))
    return Parts(**{n: np.where(known, each, np.nan) for n, each in zip(names, found, strict=True)})


def _plain(part: Array, whole: Array) -> Array:
    """`part / whole`, 0 for a bin without cases."""
    found: Array = part / np.where(whole == 0, 1, whole)
    return found


def _terms(forecast: Forecast, bins: int) -> Parts:
    """Of the plain means, by linearisation: what a bin is moved by is its cases' own distance."""
    happened, apart = forecast.happened.astype(np.float64), forecast.happened - forecast.probability
    codes = place(forecast.probability, bins)
    held = np.maximum(np.bincount(codes, minlength=bins), 1)
    distance = (np.bincount(codes, weights=apart, minlength=bins) / held)[codes]
    base = happened.mean()
    lifted = (np.bincount(codes, weights=happened, minlength=bins) / held)[codes] - base
    reliability = 2 * distance * apart - distance**2
    resolution = 2 * lifted * (happened - base) - lifted**2
    uncertainty = (1 - 2 * base) * (happened - base) + base * (1 - base)
    return Parts(
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        remainder=apart**2 - reliability + resolution - uncertainty,
    )
