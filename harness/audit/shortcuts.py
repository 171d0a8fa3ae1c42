"""Shortcuts: metadata, or the height of a slice, that alone predict the label.

A network may learn the view, the site or the slice in place of the illness, and be right on test
cases of the same source.
"""

import dataclasses
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.audit.ages import plain
from harness.audit.balance import binned
from harness.audit.collected import Collected, Texts
from harness.audit.finding import Finding
from harness.statistics.delong import Area, area
from harness.statistics.influence import Influence
from harness.statistics.intervals import interval

FOLDS = 5
FEWEST = 20
"""Subjects with and without a label, below which nothing is tested."""
STRONG = 0.7
"""A ROC AUC from which on it is a warning; below, what is more than chance is a note."""
LEVEL = 0.95


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """How well a column tells a label."""

    label: str
    auc: float
    ci: tuple[float, float]


def shortcuts(data: Collected) -> Iterator[Finding]:
    """Each column against each label, of two classes the second; over all splits together.

    A logistic regression on the values, numbers in eight bins, is fitted to four fifths of the
    subjects and asked of the last fifth, in turns; the interval is DeLong's by subject, at a level
    that makes up for how many are tested.
    """
    tests = {name: binned(column) for name, column in plain(data).items()}
    if data.spacing is not None:
        tests["spacing"] = binned(np.array([str(row.round(2).tolist()) for row in data.spacing]))
    tests = {name: values for name, values in tests.items() if len(set(values.tolist())) > 1}
    labels = dict(_labels(data))
    level = 1 - (1 - LEVEL) / max(1, len(tests) * len(labels))
    for name, values in tests.items():
        found = [
            known
            for label, has in labels.items()
            if (known := _tells(values, has, label, data.units(), level))
        ]
        sure = [each for each in found if each.ci[0] > 0.5]
        if sure:
            yield _told(name, max(sure, key=lambda each: each.auc), len(found), level)
    yield from heights(data)


def _labels(data: Collected) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Of two classes the second alone."""
    if data.targets.ndim == 2:
        for k, name in enumerate(data.classes):
            yield name, np.asarray(data.targets[:, k] == 1)
        return
    for k, name in enumerate(data.classes):
        if len(data.classes) != 2 or k:
            yield name, np.asarray(data.targets == k)


def _tells(
    values: Texts, has: NDArray[np.bool_], label: str, units: NDArray[np.int64], level: float
) -> _Found | None:
    """None where a side has too few subjects."""
    if min(len(np.unique(units[has == side])) for side in (True, False)) < FEWEST:
        return None
    found = _asked(values, has, units)
    ci = interval(*found, (0.0, 1.0), level=level, over="subject").ci
    return _Found(label=label, auc=found.value, ci=ci) if ci else None


def _asked(values: Texts, has: NDArray[np.bool_], units: NDArray[np.int64]) -> Area:
    """Of what models say that were fitted to other subjects: the mean area over folds.

    Answers of several models are not held against each other: where there are two values, say,
    those of one value would seem to differ.
    """
    from sklearn.linear_model import LogisticRegression

    given = (values[:, None] == np.unique(values)).astype(np.float64)
    fold, parts = _folds(has, units), []
    for k in range(FOLDS):
        fitted, asked = fold != k, fold == k
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # A fit that is not quite done ranks as well.
            model = LogisticRegression().fit(given[fitted], has[fitted])
        score = model.predict_proba(given[asked])[:, 1].round(9)
        codes = np.unique(units[asked], return_inverse=True)[1]
        parts.append(area(has[asked], score, codes))
    return Area(float(np.mean([part.value for part in parts])), _joined(parts))


def _joined(parts: Sequence[Area]) -> Influence:
    """Of the mean of areas that each are of other units."""
    each = [part.influence for part in parts]
    return Influence(
        by_unit=np.concatenate([one.by_unit for one in each]) / len(parts),
        df=sum(one.df for one in each),
        fewest=sum(one.fewest for one in each),
        method="DeLong",
    )


def _folds(has: NDArray[np.bool_], units: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,): the fold of each case, those of a subject in one, the labels spread evenly."""
    codes = np.unique(units, return_inverse=True)[1]
    label = np.zeros(codes.max() + 1, dtype=bool)
    np.logical_or.at(label, codes, has)
    shuffled = np.random.default_rng(0).permutation(len(label))
    ordered = shuffled[np.argsort(label[shuffled], kind="stable")]
    place = np.empty(len(label), dtype=np.int64)
    place[ordered] = np.arange(len(label)) % FOLDS
    return np.asarray(place[codes])


def _told(name: str, found: _Found, several: int, level: float) -> Finding:
    low, high = found.ci
    others = f", the most of {several} labels" if several > 1 else ""
    return Finding(
        severity="warning" if found.auc >= STRONG else "note",
        code="shortcut",
        message=f"{name!r} alone tells {found.label!r}{others}, with a ROC AUC of "
        f"{found.auc:.2f} [{low:.2f}, {high:.2f}] (cross-validated by subject, level {level:.4g}): "
        "a model may learn it in place of what is in the image; measure by its groups",
    )


def heights(data: Collected) -> Iterator[Finding]:
    """Of volumes: how well the height of a slice tells whether a class is in it."""
    if data.masks is None:
        return
    n, levels, _ = data.masks.slices.shape
    units, height = np.repeat(data.units(), levels), np.tile(np.arange(levels), n).astype(str)
    level = 1 - (1 - LEVEL) / max(1, len(data.classes))
    for k, name in enumerate(data.classes):
        share = data.masks.slices[:, :, k].ravel()
        there = ~np.isnan(share)
        found = _tells(height[there], share[there] > 0, name, units[there], level)
        if found and found.ci[0] >= STRONG:
            low, high = found.ci
            yield Finding(
                severity="note",
                code="slice-position",
                message=f"the height of a slice alone tells whether {name!r} is in it, with a ROC "
                f"AUC of {found.auc:.2f} [{low:.2f}, {high:.2f}] (cross-validated by subject): a "
                "network of slices is no better than that where it is not much above",
            )
