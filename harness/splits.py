"""Data without an official split, divided by subject: into train, val and test, or into folds."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.samples import Samples
from harness.suite import Split

WHOLE = "all"
"""What a reader calls the cases of data that has no split of its own."""


def part(samples: Samples, split: Split, name: str, fold: int | None) -> Samples:
    """The cases of `name` (train, val or test) among all; the order of the data stays.

    With folds, fold k is test, the next one val, and the others train; so each case is tested once.
    Raises HarnessError where subjects are asked for and not known, or where a part is left empty.
    """
    units = _units(samples, split)
    parts = _parts(units, _labels(samples, units), split, fold)
    chosen = np.flatnonzero(parts[units] == name)
    if not len(chosen):
        kinds = f"{split.by}s"
        raise HarnessError(
            f"{name} must have a case, got none of {len(samples)} in {len(parts)} {kinds}; "
            "change split or bring more data"
        )
    return dataclasses.replace(samples.at(chosen), split=name)


def _units(samples: Samples, split: Split) -> NDArray[np.int64]:
    """(n,) the code of the unit that each case belongs to."""
    if split.by == "image":
        return np.arange(len(samples))
    if samples.subjects is None:
        raise HarnessError(
            "split.by must be image where the data names no subjects, got subject; "
            "name the column of subjects, if there is one"
        )
    codes: NDArray[np.int64] = np.unique(samples.subjects, return_inverse=True)[1]
    return codes


def _labels(samples: Samples, units: NDArray[np.int64]) -> NDArray[np.int64]:
    """(units,) the highest class of a unit's cases, so that rare illness is spread evenly."""
    classes = samples.targets if samples.targets.ndim == 1 else samples.targets.sum(axis=1)
    labels = np.zeros(units.max() + 1, dtype=np.int64)
    np.maximum.at(labels, units, classes)
    return labels


def _parts(
    units: NDArray[np.int64], labels: NDArray[np.int64], split: Split, fold: int | None
) -> NDArray[Any]:
    """(units,) the name of the part of each unit; within a label, as many as its share is."""
    rng = np.random.default_rng(split.seed)
    shuffled = rng.permutation(len(labels))
    ordered = shuffled[np.argsort(labels[shuffled], kind="stable")]
    place = np.empty(len(labels))
    if split.folds is not None:
        place[ordered] = np.arange(len(labels)) % split.folds
        apart = (place - (fold or 0)) % split.folds
        return np.select([apart == 0, apart == 1], ["test", "val"], "train")
    for label in np.unique(labels):
        members = ordered[labels[ordered] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    test, val = split.test or 0.0, split.val or 0.0
    return np.select([place < test, place < test + val], ["test", "val"], "train")
