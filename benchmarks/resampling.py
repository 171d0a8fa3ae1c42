"""Paired bootstrap of AUC: ours against a loop over scikit-learn's, on the same resamples.

    OMP_NUM_THREADS=1 python benchmarks/resampling.py

Two models on 10,000 cases, a quarter of them positive, 2,000 resamples; once of 2,500 subjects with
four images each and once of images. Ours is timed from units to differences, drawing included. The
reference is given its resamples, a row of weights each: of every resample and model,
`roc_auc_score` with `sample_weight`. Both are timed in turns, five rounds, and the shortest of each
counts: of ours all 2,000 resamples a round, of the reference 40, scaled by 50. All 200 of those are
compared with ours. The peak is `tracemalloc`'s, of a run of its own, and leaves out the weights
that the reference is given.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from harness.cases import SHIPPED
from harness.metrics import roc_auc
from harness.predictions import Predictions
from harness.statistics.resampling import replicates, resample_weights

CASES, RESAMPLES, LOOPED, ROUNDS = 10_000, 2_000, 40, 5

Array = NDArray[np.float64]


def main() -> None:
    """One line for each kind of unit."""
    print(f"{'units':>6} {'ours':>8} {'reference':>10} {'ratio':>6} {'difference':>11} {'peaks'}")
    for units in (2_500, CASES):
        codes = np.random.default_rng(1).permutation(np.arange(CASES) % units)
        _compare(codes, [_model(codes, seed) for seed in (2, 3)])


def _model(codes: NDArray[np.int64], seed: int) -> Predictions:
    """Scores of images whose label is the subject's, with an AUC of about 0.85."""
    truth = (np.random.default_rng(4).random(int(codes.max()) + 1) < 0.25)[codes]
    logit = np.random.default_rng(seed).normal(size=len(codes)) + 1.5 * truth
    score = 1 / (1 + np.exp(-logit))
    return Predictions(
        classes=("no", "yes"),
        id=np.arange(len(codes)),
        split=np.full(len(codes), "test"),
        variant=np.full(len(codes), SHIPPED),
        y_true=truth.astype(np.int64),
        probability=np.stack([1 - score, score], axis=1),
        decision=(score > 0.5).astype(np.int64),
    )


def _compare(codes: NDArray[np.int64], models: list[Predictions]) -> None:
    measures = [partial(roc_auc.measure, model) for model in models]

    def ours() -> Array:
        a, b = replicates(measures, codes, RESAMPLES, seed=0)
        return np.asarray(a - b)

    rows = resample_weights(codes, LOOPED * ROUNDS, np.random.default_rng(0))
    pieces = np.split(np.ascontiguousarray(rows), ROUNDS)

    def reference(piece: Array) -> Array:
        return np.array([_loop(models[0], row) - _loop(models[1], row) for row in piece])

    turns = [(_timed(ours), _timed(partial(reference, piece))) for piece in pieces]
    quick = min(mine for (mine, _), _ in turns)
    slow = min(theirs for _, (theirs, _) in turns) * RESAMPLES / LOOPED
    looped = np.concatenate([found for _, (_, found) in turns])
    apart = np.abs(turns[0][0][1][: len(looped)] - looped).max()
    tasks = (ours, partial(reference, pieces[0]))
    peaks = ", ".join(f"{_peak(each) / 1e6:.1f} MB" for each in tasks)
    units = int(codes.max()) + 1
    print(f"{units:6} {quick:6.3f} s {slow:8.2f} s {slow / quick:5.0f}x {apart:11.1e} {peaks}")


def _loop(model: Predictions, weights: Array) -> float:
    return float(roc_auc_score(model.y_true, model.probability[:, 1], sample_weight=weights))


def _timed(do: Callable[[], Array]) -> tuple[float, Array]:
    start = time.perf_counter()
    found = do()
    return time.perf_counter() - start, found


def _peak(do: Callable[[], Any]) -> int:
    tracemalloc.start()
    do()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    sys.exit(main())
