"""Scores that are no probabilities though they lie between 0 and 1, or that point the other way."""

from collections.abc import Iterator

import numpy as np
from scipy.stats import t  # type: ignore[import-untyped]

from harness.guards.evidence import Array, Doubt, Evidence, columns, doubt, listed
from harness.predictions import SUM_TOLERANCE, Predictions
from harness.statistics.delong import area

FEWEST_CASES = 20
FEW_VALUES = 3
DECIMALS, STRAY = 4, 1e-4
"""Scores rounded to so many decimals may be 0 and 1; others that near to them are saturated."""
BELOW = 1e-3
"""One-sided, for all classes together."""


def not_probabilities(evidence: Evidence) -> Iterator[Doubt]:
    """Labels, few values, a softmax over labels, ranks, or scores stretched to reach 0 and 1."""
    test = evidence.test
    if len(test) < FEWEST_CASES or not (found := _form(test)):
        return
    yield doubt(
        "not-probabilities",
        f"scores of the test cases are {found}, so brier, log_loss and every threshold say little;"
        " give the model's own probabilities, or calibrate its scores on val",
    )


def _form(test: Predictions) -> str | None:
    """What the scores are, where they are no probabilities; a constant is none of these."""
    scores = test.probability
    distinct = max(len(np.unique(scores[:, k])) for k in range(scores.shape[1]))
    if np.isin(scores, (0, 1)).all() and distinct > 1:
        return "labels, 0 or 1 alone"
    if 1 < distinct <= FEW_VALUES:
        return f"of {distinct} different values alone"
    if _softmax(test):
        return f"a softmax over {len(test.classes)} labels, as those of each case sum to 1"
    if test.kind != "multilabel" and len(test.classes) > 2:
        return None
    each = [np.sort(scores[:, k]) for k in columns(test)]
    if any(map(_ranks, each)):
        return "ranks, evenly spaced"
    return "stretched so that one is 0 and one is 1" if any(map(_stretched, each)) else None


def _softmax(test: Predictions) -> bool:
    """Whether the labels of every case sum to 1, though not every case has just one of them."""
    if test.kind != "multilabel" or len(test.classes) < 3 or (test.truth.sum(axis=1) == 1).all():
        return False
    return bool((np.abs(test.probability.sum(axis=1) - 1) <= SUM_TOLERANCE).all())


def _ranks(ordered: Array) -> bool:
    """Whether (n,) sorted scores are one step apart all the way, few of them equal."""
    marks = np.unique(ordered)
    steps = np.diff(marks)
    dense = len(marks) >= 0.9 * len(ordered) and marks[-1] - marks[0] > 0.5
    return bool(dense and np.allclose(steps, steps.mean(), rtol=1e-3, atol=0))


def _stretched(ordered: Array) -> bool:
    """Whether one score is 0, one is 1, and none comes near: no link gives that."""
    ends = ordered[0] == 0 and ordered[-1] == 1
    inner = ordered[1:-1]
    apart = inner.min() > STRAY and inner.max() < 1 - STRAY
    return bool(ends and apart and not np.allclose(inner, inner.round(DECIMALS), atol=1e-9, rtol=0))


def below_chance(evidence: Evidence) -> Iterator[Doubt]:
    """A class whose cases score lower than others do."""
    test = evidence.test
    asked = columns(test)
    areas = {k: _area(test, k, evidence.over) for k in asked}
    found = [k for k, (_, p) in areas.items() if p < BELOW / len(asked)]
    if not found:
        return
    told = listed([f"{test.classes[k]} ({areas[k][0]:.3f})" for k in found])
    yield doubt(
        "below-chance",
        f"ROC AUC is below 0.5 for {told}: the model ranks these cases the wrong way round;"
        " classes may be swapped, so compare their order in the model with that of the data",
    )


def _area(test: Predictions, k: int, over: str) -> tuple[float, float]:
    """ROC AUC of a class against the rest, and the one-sided p that it is at least 0.5.

    The error is at least that of scores without meaning, since DeLong's is 0 where all ranks agree.
    """
    positive = test.truth[:, k]
    n = np.count_nonzero(positive), np.count_nonzero(~positive)
    if min(n) < 2:
        return np.nan, 1.0
    found = area(positive, test.probability[:, k], test.units(over).codes)
    if found.influence.df < 1:
        return found.value, 1.0
    error = max(found.influence.error, np.sqrt((sum(n) + 1) / (12 * n[0] * n[1])))
    return found.value, float(t.cdf((found.value - 0.5) / error, found.influence.df))
