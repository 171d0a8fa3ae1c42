"""nnU-Net's `summary.json`: voxels counted of each case and label, held against the true masks."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness import shelf
from harness.datasets._names import stem
from harness.errors import HarnessError
from harness.formats._joined import SHOWN
from harness.metrics._pair import Mask, Pair, counted
from harness.segment import Asked, Cell
from harness.suite import Empty, MetricSpec
from harness.volumes import Case

COUNTS = ("TP", "FP", "FN", "TN", "n_pred", "n_ref")
RATIOS = ("Dice", "IoU")
ROUNDING = 1e-6
"""How far a ratio of a file may be from that of its counts."""
Counts = Mapping[str, float]


class _Untold(Exception):
    """A metric asks for a mask, of which only counts are known."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Counted(Pair):
    """A true mask, and of the prediction how many voxels it has, and how many of both."""

    counts: Counts

    @cached_property
    def predicted(self) -> int:
        return int(self.counts["n_pred"])

    @cached_property
    def tp(self) -> int:
        return int(self.counts["TP"])

    @cached_property
    def boxed(self) -> tuple[Mask, Mask]:
        raise _Untold


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The counts of a file, by case and label.

    keys: of each class, what a file calls it: "2", or "(1, 2)" of a region of two labels.
    beyond: names of metrics that counts do not tell.
    """

    path: Path
    cases: Mapping[str, Mapping[str, Any]]
    keys: Sequence[str]
    asked: Asked
    beyond: Sequence[str]

    def of(self, case: Case, classes: int) -> list[Cell]:
        """A cell a class; the worst there is where the file does not have the case.

        Raises HarnessError where the counts are not of the case's mask.
        """
        if case.mask is None:
            raise HarnessError(f"{case.id} must have a mask to be measured, got none")
        told = self.cases.get(case.id)
        cells = []
        for k, key in enumerate(self.keys, 1):
            truth = case.mask == k
            if told is None:
                cells.append(self._cell(Pair.missing(truth, case.spacing)))
            else:
                counts = _checked(self.path, case.id, key, told, truth)
                cells.append(self._cell(_Counted(truth, truth, case.spacing, counts)))
        return cells

    def unread(self, classes: int) -> list[Cell]:
        """Of a case that cannot be read."""
        return [self._cell(Pair.unread()) for _ in range(classes)]

    def _cell(self, pair: Pair) -> Cell:
        """Numbers of what can be told from counts, and nothing of what cannot, in any case."""
        cell: dict[str, Any] = dict(counted(pair))
        for spec in self.asked.metrics:
            metric, known = shelf.load("metrics", spec.name), spec.name not in self.beyond
            found = metric.columns(pair if known else Pair.unread(), self.asked.empty, **spec.args)
            cell.update(found if known else {name: _nothing(found[name]) for name in found})
        return cell


def _nothing(number: Any) -> Any:
    return np.zeros(0) if isinstance(number, np.ndarray) else math.nan


def untold(metrics: Sequence[MetricSpec]) -> list[str]:
    """The metrics that counts do not tell: of surfaces, and of lesions."""
    truth = np.array([True, True, False])
    probe = _Counted(truth, truth, (1.0,), {"n_pred": 1, "TP": 1})
    found = []
    for spec in metrics:
        try:
            shelf.load("metrics", spec.name).columns(probe, Empty(), **spec.args)
        except _Untold:
            found.append(spec.name)
    return found


def parse(path: Path, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Case -> label -> what was counted, of those cases of `ids` that the file has.

    Raises HarnessError where it is no such file, or has a case twice, or one of no test case.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        pairs = [
            (_case(each["prediction_file"]), each["metrics"]) for each in table["metric_per_case"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError(f"{path} must be a summary of nnU-Net, got {error!r}") from None
    found = dict(pairs)
    names = [name for name, _ in pairs]
    if len(found) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise HarnessError(f"{path} must have each case once, got {twice} {names.count(twice)}x")
    stray = [name for name in names if name not in set(ids)]
    if stray or not names:
        got = f"{len(stray)} others: {' '.join(stray[:SHOWN])}" if stray else "none"
        raise HarnessError(f"{path} must be of the {len(ids)} test cases, {ids[0]} ..., got {got}")
    return found


def _case(file: str) -> str:
    """The name of a case, of a path that may be of another system."""
    return stem(Path(file.replace("\\", "/")))


def _checked(path: Path, id: str, key: str, told: Mapping[str, Any], truth: Mask) -> Counts:
    """The counts of one label, as they are.

    Raises HarnessError where they are not there, do not agree, or are not of this mask.
    """
    try:
        counts = {name: float(told[key][name]) for name in (*COUNTS, *RATIOS)}
    except (KeyError, TypeError, ValueError) as error:
        got = " and ".join(map(repr, told)) if isinstance(told, Mapping) else repr(told)
        raise HarnessError(
            f"{path} must have {', '.join(COUNTS)} and {', '.join(RATIOS)} of label {key!r} of "
            f"{id}, got labels {got} and {error!r}"
        ) from None
    tp, fp, fn = (counts[name] for name in ("TP", "FP", "FN"))
    if counts["n_ref"] != truth.sum() or tp + fp + fn + counts["TN"] != truth.size:
        whole = tp + fp + fn + counts["TN"]
        raise HarnessError(
            f"{path} must be of the masks of the data, got {counts['n_ref']:g} of {whole:g} voxels "
            f"with label {key!r} in {id}, which has {truth.sum()} of {truth.size}; "
            "give the masks themselves, or the data that they were held against"
        )
    agree = (tp + fp, tp + fn) == (counts["n_pred"], counts["n_ref"])
    if not agree or not all(_close(counts[name], made) for name, made in ratios(tp, fp, fn)):
        raise HarnessError(
            f"{path} must have ratios of its own counts, got others of {key!r}, {id}"
        )
    return counts


def _close(told: float, made: float) -> bool:
    return (math.isnan(told) and math.isnan(made)) or abs(told - made) <= ROUNDING


def ratios(tp: float, fp: float, fn: float) -> list[tuple[str, float]]:
    """Dice and IoU, NaN where neither mask has a voxel."""
    union = tp + fp + fn
    if not union:
        return [(name, math.nan) for name in RATIOS]
    return [("Dice", 2 * tp / (tp + union)), ("IoU", tp / union)]
