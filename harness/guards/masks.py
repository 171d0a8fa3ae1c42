"""Doubts about a model that segments: it finds nothing, or knows its training cases too well."""

from collections.abc import Iterator

import numpy as np

from harness import shelf
from harness.guards.evidence import Doubt, Evidence, doubt, estimate

LEVEL = 0.99
GAP = 0.05
"""A Dice that is higher on train by less than this is not worth a word."""


def nothing_found(evidence: Evidence) -> Iterator[Doubt]:
    """In no test case a voxel of a class that cases have is found."""
    test = evidence.test
    for k, name in enumerate(test.classes):
        true, found = (test.columns[of][:, k] for of in ("true_ml", "predicted_ml"))
        ill = int((true > 0).sum())
        if ill and not np.any(found > 0):
            yield doubt(
                "nothing-found",
                f"not a voxel of {name} is found in {len(test)} test cases, {ill} of which have it;"
                " look at the training loss, and whether slices without a class outweigh others",
            )


def absent_class(evidence: Evidence) -> Iterator[Doubt]:
    """No case has a voxel of a class: a slip in the labels, or a class too rare to be judged."""
    for k, name in enumerate(evidence.test.classes):
        parts = {"test": evidence.test, "training": evidence.train}
        lacking = [
            f"{len(cases)} {part} cases"
            for part, cases in parts.items()
            if len(cases) and not np.any(cases.columns["true_ml"][:, k] > 0)
        ]
        if lacking:
            yield doubt(
                "absent-class",
                f"none of {' and of '.join(lacking)} has a voxel of {name}, and yet it counts in "
                "the mean over classes where it is found; check labels and classes of the dataset",
            )


def train_test_gap(evidence: Evidence) -> Iterator[Doubt]:
    """Dice is higher on training cases than on test, beyond chance."""
    if not len(evidence.train) or "dice" not in evidence.test.columns:
        return
    dice = shelf.load("metrics", "dice")
    known, test = (
        estimate(dice, cases, evidence.over) for cases in (evidence.train, evidence.test)
    )
    apart = known.value - test.value
    if apart > GAP and known.between(LEVEL)[0] > test.between(LEVEL)[1]:
        yield doubt(
            "train-test-gap",
            f"dice is {known.value:.3f} on {len(evidence.train)} training cases and "
            f"{test.value:.3f} on {len(evidence.test)} test cases: the model knows its training "
            "data better than beyond chance; train on more of it, or augment",
        )
