"""Scores of which so many are equal that a curve of ranks says little: rounded, or saturated."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.guards.evidence import Array, Doubt, Evidence, columns, doubt

FEWEST_CASES = 20
TIED = 0.02
"""Of all pairs: half of it, what an area may be off by, is a percent."""


def tied_scores(evidence: Evidence) -> Iterator[Doubt]:
    """Many pairs of a case with a class and one without it that no score tells apart.

    Of several classes, or labels, the mean over those that have both, as ROC AUC takes them.
    Before a calibration, whose steps may be meant to tie.
    """
    test = evidence.test if evidence.plain is None else evidence.plain
    if len(test) < FEWEST_CASES:
        return
    found = [share(test.truth[:, k], test.probability[:, k]) for k in columns(test)]
    tied = float(np.mean([each for each in found if each is not None] or [0.0]))
    if tied <= TIED:
        return
    yield doubt(
        "tied-scores",
        f"{100 * tied:.3g} % of the pairs of a case that has a class and one that has not are"
        " scored equally, and a tie counts for half, so the ROC AUC of scores that tell them apart"
        f" may be {tied / 2:.3f} higher or lower; give scores with all of their digits if they were"
        " rounded or saturated, and read those of a few votes as coarse",
    )


def share(positive: NDArray[np.bool_], scores: Array) -> float | None:
    """Of the pairs of a positive and another case, those of equal score; None without pairs."""
    pairs = np.count_nonzero(positive) * np.count_nonzero(~positive)
    if not pairs:
        return None
    place = np.unique(scores, return_inverse=True)[1]
    here, there = (np.bincount(place[of], minlength=len(place)) for of in (positive, ~positive))
    return float((here * there).sum() / pairs)
