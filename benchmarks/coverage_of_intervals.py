"""How often 95 % intervals hold the truth: ours and the textbook's, on images of subjects.

    OMP_NUM_THREADS=1 python benchmarks/coverage_of_intervals.py [SIMULATIONS]

Prints the tables of docs/intervals.md from 4,000 simulations a cell (bootstraps: from a tenth), and
one of further metrics, ours alone, whose true values are those of 400,000 subjects.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from populations import METRICS, Sample, dice, draw, table
from scipy.stats import binomtest, norm, t

from harness.contracts import influence
from harness.metrics import (
    average_precision,
    balanced_accuracy,
    brier,
    f1,
    log_loss,
    mcc,
    roc_auc,
    specificity,
)
from harness.predictions import Predictions
from harness.statistics import delong
from harness.statistics.intervals import interval
from harness.statistics.resampling import percentile_interval, replicates

FURTHER = (f1, mcc, balanced_accuracy, average_precision, specificity, brier, log_loss)
SUBJECTS, IMAGES = (50, 150, 500), (1, 2, 10)
Array = NDArray[np.float64]
Bounds = tuple[float, float] | None


def ours(metric: str, sample: Sample) -> Bounds:
    """The default of the harness."""
    truth, measure = METRICS[metric]
    value, moved = measure(sample, sample.latent[0], truth)
    return interval(value, moved, (0.0, 1.0), level=0.95, over="subject").ci


def covered(method: Callable[[Sample], Bounds], truth: float, samples: Iterator[Sample]) -> float:
    """The share of the samples whose interval holds the truth; one without an interval does not."""
    found = [method(sample) for sample in samples]
    return float(np.mean([ci is not None and ci[0] <= truth <= ci[1] for ci in found]))


def samples(number: int, subjects: int, images: int, seed: int = 0) -> Iterator[Sample]:
    """Fresh test sets with at least two subjects of each class."""
    rng = np.random.default_rng([seed, subjects, images])
    while number:
        sample = draw(rng, subjects, images)
        if 2 * images <= sample.truth.sum() <= len(sample.truth) - 2 * images:
            number -= 1
            yield sample


def _cases(metric: str, sample: Sample) -> Array:
    """(m,) what a mean is of: hits of the cases that count, or Dice coefficients."""
    latent = sample.latent[0]
    if metric == "mean Dice":
        return dice(latent, 0.8)
    right = (latent < norm.ppf(0.8)).astype(np.float64)
    return right[sample.truth] if metric == "sensitivity" else right


def wald(metric: str, sample: Sample) -> Bounds:
    """Value plus and minus 1.96 standard errors, images taken for independent."""
    if metric == "roc_auc":
        score, images = _score(sample), np.arange(len(sample.truth))
        value, moved = delong.area(sample.truth, score, images)
        error = moved.error
    else:
        cases = _cases(metric, sample)
        value, error = cases.mean(), cases.std(ddof=1) / np.sqrt(len(cases))
    return value - 1.96 * error, value + 1.96 * error


def by_subject(metric: str, sample: Sample) -> Bounds:
    """Value plus and minus t standard errors, clustered by subject."""
    truth, measure = METRICS[metric]
    value, moved = measure(sample, sample.latent[0], truth)
    half = t.ppf(0.975, moved.df) * moved.error
    return value - half, value + half


def exact(metric: str, sample: Sample, method: str) -> Bounds:
    """Of a share, images taken for independent: scipy's Wilson or Clopper-Pearson."""
    cases = _cases(metric, sample)
    found = binomtest(int(cases.sum()), len(cases)).proportion_ci(method=method)
    return found.low, found.high


def bootstrap(metric: str, sample: Sample, units: str) -> Bounds:
    """Percentiles of 1,000 resamples of subjects or of images."""
    codes = sample.units if units == "subjects" else np.arange(len(sample.units))
    [values] = replicates([partial(_weighted, metric, sample)], codes, 1_000, 0)
    return percentile_interval(values[~np.isnan(values)], 0.95)


def _score(sample: Sample) -> Array:
    moved: Array = sample.latent[0] + np.sqrt(2) * norm.ppf(0.85) * sample.truth
    return moved


def _weighted(metric: str, sample: Sample, weights: Array) -> Array:
    if metric == "roc_auc":
        return roc_auc._area(sample.truth, _score(sample), weights)
    weights = weights[:, sample.truth] if metric == "sensitivity" else weights
    with np.errstate(invalid="ignore"):
        found: Array = weights @ _cases(metric, sample) / weights.sum(axis=1)
    return found


TEXTBOOK: dict[str, tuple[Callable[[str, Sample], Bounds], int]] = {
    "ours": (ours, 1),
    "clustered, t": (by_subject, 1),
    "bootstrap, subjects": (partial(bootstrap, units="subjects"), 10),
    "bootstrap, images": (partial(bootstrap, units="images"), 10),
    "Wald or DeLong, images": (wald, 1),
    "Wilson, images": (partial(exact, method="wilson"), 1),
    "Clopper-Pearson, images": (partial(exact, method="exact"), 1),
}


def further(number: int) -> None:
    """A line a metric: scores with an area of 0.85, decided at 0.6."""
    sizes = [(50, 1), (50, 2), (50, 10), (150, 1), (150, 10)]
    print("\n| metric | truth |", " | ".join(f"{s} x {i}" for s, i in sizes), "|")
    print("|---" * (len(sizes) + 2) + "|")
    everybody = _decided(draw(np.random.default_rng(0), 400_000))
    for metric in FURTHER:
        truth = float(metric.measure(everybody, np.ones((1, len(everybody))))[0])
        cells = [
            covered(partial(_default, metric), truth, samples(number, *size)) for size in sizes
        ]
        name = metric.__name__.rpartition(".")[2]
        print(f"| `{name}` | {truth:.3f} |", " | ".join(f"{100 * c:.1f}" for c in cells), "|")


def _decided(sample: Sample) -> Predictions:
    score = norm.cdf(_score(sample) - np.sqrt(0.5) * norm.ppf(0.85))
    return table(sample.truth, score, score > 0.6)


def _default(metric: ModuleType, sample: Sample) -> Bounds:
    cases = _decided(sample)
    value = float(metric.measure(cases, np.ones((1, len(cases))))[0])
    moved = influence(metric, cases, sample.units, {})
    return interval(value, moved, metric.RANGE, level=0.95, over="subject").ci


def main() -> None:
    """A table a metric."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    for metric, (truth, _) in METRICS.items():
        shares = metric in ("sensitivity", "accuracy")
        known = {name: m for name, m in TEXTBOOK.items() if shares or "Wil" not in name}
        known = {name: m for name, m in known.items() if shares or "Clopper" not in name}
        print(f"\n**{metric} {truth}**\n\n| subjects x images |", " | ".join(known), "|")
        print("|---" * (len(known) + 1) + "|")
        for subjects in SUBJECTS:
            for images in IMAGES:
                cells = [
                    covered(partial(of, metric), truth, samples(number // less, subjects, images))
                    for of, less in known.values()
                ]
                line = " | ".join(f"{100 * cell:.1f}" for cell in cells)
                print(f"| {subjects} x {images} | {line} |", flush=True)
    further(number)


if __name__ == "__main__":
    main()
