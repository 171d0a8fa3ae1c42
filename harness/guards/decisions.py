"""Decisions that are worth no more than always giving the commonest answer."""

import math
from collections.abc import Iterator

import numpy as np
from scipy.stats import t  # type: ignore[import-untyped]

from harness.guards.evidence import Doubt, Evidence, doubt, estimate, value
from harness.metrics import accuracy, balanced_accuracy, majority_rate, roc_auc
from harness.predictions import Predictions
from harness.statistics.influence import share

ABOVE = 0.05
"""One-sided: what is above chance at this level is above it."""
USEFUL, EXCLUDED = 0.2, 0.01
"""A fifth of the way from chance to perfect is useful; below it at this level is not useful."""


def constant_predictor(evidence: Evidence) -> Iterator[Doubt]:
    """Every test case gets the same decision."""
    test = evidence.test
    if len(test) < 2 or len(np.unique(test.decided, axis=0)) > 1:
        return
    answer = ", ".join(test.classes[k] for k in np.flatnonzero(test.decided[0]))
    yield doubt(
        "constant-predictor",
        f"every test case is decided {answer or 'to have no label'!r}, and always answering the"
        f" commonest class has accuracy {value(majority_rate, test):.3f}; train longer, weigh"
        " the classes, or choose the threshold on val",
    )


def not_above_majority(evidence: Evidence) -> Iterator[Doubt]:
    """Neither accuracy nor balanced accuracy shows that anything was learned.

    Silent where the data is too small to tell a useful model from a useless one.
    """
    test = evidence.test
    if len(test) < 2 or _gains(test, evidence.over):
        return
    answers = 2 if test.kind == "multilabel" else int(test.truth.any(axis=0).sum())
    if answers < 2:
        return
    chance = 1 / answers
    balanced = estimate(balanced_accuracy, test, evidence.over)
    above, most = balanced.between(1 - 2 * ABOVE)[0], balanced.between(1 - 2 * EXCLUDED)[1]
    if above > chance or not most < chance + USEFUL * (1 - chance):
        return
    yield doubt(
        "not-above-majority",
        f"accuracy {value(accuracy, test):.3f} is not above the"
        f" {value(majority_rate, test):.3f} of always answering the commonest class, nor"
        f" balanced accuracy {balanced.value:.3f} above the {chance:.3f} of chance{_ranking(test)};"
        " where ROC AUC is high choose the threshold on val, else train otherwise",
    )


def _ranking(test: Predictions) -> str:
    area = value(roc_auc, test)
    return "" if math.isnan(area) else f"; ROC AUC is {area:.3f}"


def _gains(test: Predictions, over: str) -> bool:
    """Whether accuracy is above the majority rate, which is taken as known."""
    commonest = test.truth.sum(axis=0)
    if test.kind == "multilabel":
        usual = np.where(2 * commonest > len(test), test.truth, ~test.truth).mean(axis=1)
        right = (test.decided == test.truth).mean(axis=1)
    else:
        usual = test.y_true == commonest.argmax()
        right = test.decision == test.y_true
    moved = share(right.astype(np.float64) - usual, np.ones(len(test)), test.units(over).codes)
    gain = float(np.mean(right) - np.mean(usual))
    return bool(moved.df > 0 and gain > t.ppf(1 - ABOVE, moved.df) * moved.error)
