"""Probabilities of another prevalence: those of training cases that were sampled or weighed."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.stats import t  # type: ignore[import-untyped]

from harness.guards.evidence import Doubt, Evidence, columns, doubt, listed
from harness.predictions import Predictions
from harness.statistics.influence import share

GROSS = 2.0
"""So many times as high, or as low, are the odds."""
LEVEL = 1e-3
"""Two-sided, for all classes together."""


class Shift(NamedTuple):
    """The mean probability of a class, the share of cases that have it, and how far apart."""

    said: float
    true: float
    odds: float
    p: float


def shifted_prevalence(evidence: Evidence) -> Iterator[Doubt]:
    """Calibration in the large, significantly and grossly off towards classes of one size.

    On val alike, where there is val. The other way it is no sampling, and left to calibration.
    """
    test, val = evidence.test, evidence.val
    asked, even = columns(test), 1 / (2 if test.kind == "multilabel" else len(test.classes))
    shifts = ((k, _shift(test, k, evidence.over)) for k in asked)
    found = [
        f"{test.classes[k]} {shift.said:.3f} for {shift.true:.3f}"
        for k, shift in shifts
        if shift
        and shift.p < LEVEL / len(asked)
        and _levelled(shift, even)
        and _alike(val, k, even, evidence.over)
    ]
    if not found:
        return
    yield doubt(
        "shifted-prevalence",
        f"the mean probability is not the share of test cases: {listed(found)}, as after training"
        " on sampled or weighed classes; correct the prior or recalibrate on val, or train on the"
        " classes as they come",
    )


def _shift(cases: Predictions, k: int, over: str) -> Shift | None:
    """None where a class is absent, or all there is."""
    true, said = cases.truth[:, k].astype(np.float64), cases.probability[:, k]
    if not 0 < true.sum() < len(true) or not 0 < said.mean() < 1:
        return None
    moved = share(said - true, np.ones(len(true)), cases.units(over).codes)
    if moved.df < 1:
        return None
    apart = abs(float(said.mean() - true.mean()))
    p = 2 * float(t.sf(apart / moved.error, moved.df)) if moved.error > 0 else 1.0
    odds = [mean / (1 - mean) for mean in (float(said.mean()), float(true.mean()))]
    return Shift(float(said.mean()), float(true.mean()), odds[0] / odds[1], p)


def _levelled(shift: Shift, even: float) -> bool:
    """Whether a rare class is grossly too likely, or a common one too unlikely."""
    return shift.odds > GROSS if shift.true < even else shift.odds < 1 / GROSS


def _alike(val: Predictions, k: int, even: float, over: str) -> bool:
    """Whether val has it too; else test has other cases than val, and the model may be right."""
    theirs = _shift(val, k, over) if len(val) else None
    return theirs is None or _levelled(theirs, even)
