"""A model that is far better where it was trained, or chosen, than on test."""

from collections.abc import Iterator

from harness.guards.evidence import Doubt, Estimate, Evidence, doubt, estimate
from harness.metrics import roc_auc

LEVEL = 0.98
"""Of both intervals: that two of them do not touch happens by chance in less than 1 of 1,000."""
KEPT_OF_TRAIN, KEPT_OF_VAL = 0.5, 0.75
"""The least share of the way from chance to perfect, as reached there, that test has to keep."""
CHANCE = 0.5


def train_test_gap(evidence: Evidence) -> Iterator[Doubt]:
    """Learned by heart: most of what it can do on its training cases is lost on others."""
    if not len(evidence.train):
        return
    train = estimate(roc_auc, evidence.train, evidence.over)
    test = estimate(roc_auc, evidence.test, evidence.over)
    if _lost(test, train, KEPT_OF_TRAIN):
        yield doubt(
            "train-test-gap",
            f"ROC AUC is {train.value:.3f} on {len(evidence.train)} training cases and"
            f" {test.value:.3f} on test: most of what was learned holds for the training cases"
            " alone; train less or regularise more, and see whether test is of the same kind",
        )


def val_test_gap(evidence: Evidence) -> Iterator[Doubt]:
    """Chosen on too few cases, or on cases that training knew."""
    if not len(evidence.val):
        return
    val = estimate(roc_auc, evidence.val, evidence.over)
    test = estimate(roc_auc, evidence.test, evidence.over)
    if _lost(test, val, KEPT_OF_VAL):
        yield doubt(
            "val-test-gap",
            f"ROC AUC is {val.value:.3f} on val and {test.value:.3f} on test, more than chance"
            " explains; look for subjects of val among the training cases, and see whether test"
            " is of the same kind",
        )


def _lost(test: Estimate, there: Estimate, kept: float) -> bool:
    """Whether test surely keeps less than this share of what is surely reached there."""
    return test.between(LEVEL)[1] - CHANCE < kept * (there.between(LEVEL)[0] - CHANCE)
