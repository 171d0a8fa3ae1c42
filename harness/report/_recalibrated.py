"""What the records of one model say of how its probabilities were mended after training."""

from collections.abc import Iterable, Mapping
from typing import Any

from harness.report import _cells
from harness.report._known import measured
from harness.standings import Standing


def calibrated(standing: Standing) -> str:
    """By which method, on how many cases of which split; which prior was corrected; what failed."""
    told = [
        f"{one['method']}, fitted on {one.get('n', 0):,} cases of {one.get('split')}"
        for one in _calibrations(standing)
        if one.get("method", "none") != "none"
    ]
    unmet = [f"not done: {why}" for one in _calibrations(standing) for why in one.get("unmet", ())]
    known = (*told, *priors(standing))
    own = [] if known else ["no: probabilities are the model's own"]
    return _cells.listed((*known, *own, *unmet))


def priors(standing: Standing) -> list[str]:
    """Shares of the classes that probabilities were corrected from, and to."""
    return [
        f"prior corrected from {_shares(one['trained'])} to {_shares(one['natural'])}"
        for one in _calibrations(standing)
        if one.get("trained") and one.get("natural")
    ]


def _calibrations(standing: Standing) -> list[Mapping[str, Any]]:
    """What each record that was asked for it says of its calibration; with folds, of each fold."""
    chosen = [record.selection for record in measured(standing)]
    found = [of.get("fold_calibrations") or [of.get("calibration")] for of in chosen]
    return [one for each in found for one in each if one]


def _shares(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
