"""Simulated test sets whose true metrics are known, for the tables of docs/intervals.md.

A subject has a class, drawn at a prevalence of 25 %, and one or more images. Behind each answer
stands a normal variable; those of two images of a subject correlate by 0.5, those of two models on
an image by 0.7. The answers of a model have a given area under the ROC curve, accuracy, sensitivity
or mean Dice (of a beta distribution with density a x^(a-1)), exactly, in the population.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from harness.cases import SHIPPED
from harness.contracts import influence
from harness.metrics import accuracy, roc_auc, sensitivity
from harness.predictions import Predictions
from harness.statistics.influence import Influence, share

PREVALENCE, WITHIN, BETWEEN = 0.25, 0.5, 0.7

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """truth and units: (n,); latent: (models, n)."""

    truth: NDArray[np.bool_]
    units: NDArray[np.int64]
    latent: Array


def draw(rng: np.random.Generator, subjects: int, images: int = 1, models: int = 1) -> Sample:
    """A fresh test set."""

    def normal(share: float) -> Array:
        subject = rng.normal(size=(models if share < 1 else 1, subjects, 1))
        image = rng.normal(size=(len(subject), subjects, images))
        both = np.sqrt(WITHIN) * subject + np.sqrt(1 - WITHIN) * image
        return np.sqrt(share) * both.reshape(len(subject), -1)

    alone = models == 1
    latent = normal(1.0) if alone else np.sqrt(BETWEEN) * normal(1.0) + normal(1 - BETWEEN)
    truth = np.repeat(rng.random(subjects) < PREVALENCE, images)
    return Sample(truth=truth, units=np.repeat(np.arange(subjects), images), latent=latent)


def table(truth: NDArray[np.bool_], score: Array, decision: NDArray[np.bool_]) -> Predictions:
    """Scores of a model as the metrics of the shelf read them."""
    names = np.arange(len(truth))
    return Predictions(
        classes=("no", "yes"),
        id=names,
        split=np.full(len(truth), "test"),
        variant=np.full(len(truth), SHIPPED),
        y_true=truth.astype(np.int64),
        probability=np.stack([1 - score, score], axis=1),
        decision=decision.astype(np.int64),
    )


def _scored(sample: Sample, latent: Array, area: float) -> Predictions:
    apart = np.sqrt(2) * norm.ppf(area)
    score = norm.cdf(latent + apart * (sample.truth - 0.5))
    return table(sample.truth, score, score > 0.5)


def _decided(sample: Sample, latent: Array, right: float) -> Predictions:
    decision = (latent < norm.ppf(right)) == sample.truth
    return table(sample.truth, decision.astype(np.float64), decision)


def dice(latent: Array, mean: float) -> Array:
    """(n,) Dice coefficients of a population mean."""
    found: Array = norm.cdf(latent) ** ((1 - mean) / mean)
    return found


Answer = tuple[float, Influence]


def _measured(metric: object, predictions: Predictions, units: NDArray[np.int64]) -> Answer:
    value = metric.measure(predictions, np.ones((1, len(predictions))))[0]  # type: ignore[attr-defined]
    return float(value), influence(metric, predictions, units, {})


def _area(sample: Sample, latent: Array, level: float) -> Answer:
    return _measured(roc_auc, _scored(sample, latent, level), sample.units)


def _accuracy(sample: Sample, latent: Array, level: float) -> Answer:
    return _measured(accuracy, _decided(sample, latent, level), sample.units)


def _sensitivity(sample: Sample, latent: Array, level: float) -> Answer:
    return _measured(sensitivity, _decided(sample, latent, level), sample.units)


def _dice(sample: Sample, latent: Array, level: float) -> Answer:
    cases = dice(latent, level)
    return float(cases.mean()), share(cases, np.ones(len(cases)), sample.units)


METRICS: dict[str, tuple[float, Callable[[Sample, Array, float], Answer]]] = {
    "roc_auc": (0.85, _area),
    "sensitivity": (0.80, _sensitivity),
    "accuracy": (0.80, _accuracy),
    "mean Dice": (0.80, _dice),
}
"""The true value, and what is measured of a sample, (n,) latent answers and a true value."""
