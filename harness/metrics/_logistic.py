"""Logistic recalibration: truth regressed on the logit of what was said (Cox, 1958)."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit  # type: ignore[import-untyped]

from harness.metrics._calibration import Forecast, judged
from harness.statistics.influence import Codes, Influence

Array = NDArray[np.float64]

NEAREST = float(np.finfo(np.float32).eps)
"""Probabilities nearer to 0 or 1 are moved to it: float32 cannot tell them from 1."""
MOST_STEPS, SMALL = 100, 1e-9


def log_odds(probability: Array) -> Array:
    """(n,) logits, within about 16 of 0."""
    found: Array = logit(np.clip(probability, NEAREST, 1 - NEAREST))
    return found


def slope(forecast: Forecast, weights: Array) -> Array:
    """(resamples,): b of logit P = a + b logit p. NaN where the classes are parted by p."""
    x = log_odds(forecast.probability)
    known = np.flatnonzero(judged(forecast, weights) & _overlapping(forecast.happened, x, weights))
    found = np.full(len(weights), np.nan)
    if not len(known):
        return found
    scale = float(x.std())
    design = np.stack([np.ones(len(x)), (x - x.mean()) / scale], axis=1)
    fits = _fitted(design, np.zeros(len(x)), forecast.happened, weights[known])
    found[known] = fits[:, 1] / scale
    return found


def intercept(forecast: Forecast, weights: Array) -> Array:
    """(resamples,): a of logit P = a + logit p, calibration in the large."""
    x = log_odds(forecast.probability)
    known = np.flatnonzero(judged(forecast, weights))
    found = np.full(len(weights), np.nan)
    if not len(known):
        return found
    fits = _fitted(np.ones((len(x), 1)), x, forecast.happened, weights[known])
    found[known] = fits[:, 0]
    return found


def slope_influence(forecast: Forecast, units: Codes) -> Influence:
    """By unit, of the slope: the sandwich of Huber (1967), clustered."""
    x = log_odds(forecast.probability)
    design = np.stack([np.ones(len(x)), x], axis=1)
    [b] = slope(forecast, np.ones((1, len(x))))
    [a] = _fitted(design[:, :1], b * x, forecast.happened, np.ones((1, len(x))))[0]
    return _moved(forecast.happened, design, a + b * x, units)


def intercept_influence(forecast: Forecast, units: Codes) -> Influence:
    """By unit, of the intercept."""
    x = log_odds(forecast.probability)
    [a] = intercept(forecast, np.ones((1, len(x))))
    return _moved(forecast.happened, np.ones((len(x), 1)), a + x, units)


def _moved(happened: NDArray[np.bool_], design: Array, linear: Array, units: Codes) -> Influence:
    """Of the last coefficient. Freedom is that of the rarer outcome, as for an area."""
    expected = expit(linear)
    curvature = design.T @ (design * (expected * (1 - expected))[:, None])
    case = (design * (happened - expected)[:, None]) @ np.linalg.inv(curvature)[:, -1]
    total = int(units.max()) + 1
    fewest = min(len(np.unique(units[happened == of])) for of in (False, True))
    by_unit = np.bincount(units, weights=case, minlength=total) * np.sqrt(total / max(total - 1, 1))
    if fewest < 2:
        by_unit = np.full(total, np.nan)
    return Influence(by_unit=by_unit, df=fewest - 1, fewest=fewest, method="sandwich")


def _overlapping(happened: NDArray[np.bool_], x: Array, weights: Array) -> NDArray[np.bool_]:
    """(resamples,): whether a largest likelihood exists (Albert and Anderson, 1984)."""
    held = weights > 0
    highest, lowest = (
        [
            np.where(held & (happened == of), sign * x, -np.inf).max(axis=1, initial=-np.inf)
            for of in (False, True)
        ]
        for sign in (1, -1)
    )
    found: NDArray[np.bool_] = (highest[0] > -lowest[1]) & (highest[1] > -lowest[0])
    return found


def _fitted(design: Array, offset: Array, happened: NDArray[np.bool_], weights: Array) -> Array:
    """(resamples, coefficients) of largest likelihood, NaN where it was not reached.

    Newton's steps, shortened as Bach (2010) shows to be enough for each to gain.
    """
    squares = np.einsum("ni,nj->nij", design, design).reshape(len(design), -1)
    found, width = np.zeros((len(weights), design.shape[1])), design.shape[1]
    left = np.arange(len(weights))
    for _ in range(MOST_STEPS):
        if not len(left):
            return found
        expected = expit(found[left] @ design.T + offset)
        uphill = (weights[left] * (happened - expected)) @ design
        curved = (weights[left] * expected * (1 - expected)) @ squares
        step = np.linalg.solve(curved.reshape(-1, width, width), uphill[:, :, None])[:, :, 0]
        reach = np.abs(step @ design.T).max(axis=1)
        shorter = np.divide(np.log1p(reach), reach, out=np.ones_like(reach), where=reach > 0)
        found[left] += step * shorter[:, None]
        left = left[reach > SMALL]
    found[left] = np.nan
    return found
