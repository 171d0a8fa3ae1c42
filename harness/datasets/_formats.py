"""Images and masks of every known format, read as what they are."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.datasets import _labels
from harness.datasets._case import Grid
from harness.datasets._dicom import read_series
from harness.datasets._dicom_masks import read_segmentation, segmentation
from harness.datasets._entries import kind
from harness.datasets._metaimage import read_metaimage
from harness.datasets._nifti import read_nifti
from harness.datasets._pictures import read_picture
from harness.errors import HarnessError
from harness.ranges import demand, once


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a stored mask means; index k is `classes[k - 1]`, 0 the background.

    values: stored value, or number of a DICOM segment -> index. segments: label of a segment in
    small letters -> index, empty where its number counts. `alone`: whatever the one value besides 0
    is, it is the only class. above: what is above it is the only class; None where values count.
    """

    classes: tuple[str, ...]
    values: Mapping[int, int]
    segments: Mapping[str, int]
    alone: bool
    above: int | None


def told(
    labels: Sequence[str],
    values: Sequence[int],
    above: int,
    classes: Sequence[str],
    merge: Mapping[str, Sequence[str]],
) -> Labels:
    """From the arguments of a suite. Raises HarnessError where they do not go together."""
    demand(len(labels) > 0, "labels", "name what is segmented", "none")
    once(labels, "labels")
    if values:
        demand(len(values) == len(labels), "values", f"be {len(labels)}, as labels", len(values))
        once(list(map(str, values)), "values")
        demand(min(values) > 0, "values", "be above 0, the background", min(values))
    if above >= 0:
        demand(len(labels) == 1 and not values, "above", "go with one label and no values", above)
    stored = dict(zip(labels, values or range(1, len(labels) + 1), strict=True))
    names, index = _labels.chosen(stored, classes, merge)
    by_label = {label.strip().casefold(): index[value] for label, value in stored.items()}
    demand(len(by_label) == len(labels), "labels", "differ by more than capitals", list(labels))
    return Labels(
        classes=names,
        values=index,
        segments={} if values else by_label,
        alone=len(labels) == 1 and not values,
        above=above if above >= 0 else None,
    )


def read_image(path: Path, spacing: Sequence[float]) -> Grid:
    """The image of an entry; spacing: of a picture, in mm. Raises HarnessError, naming the file."""
    readers = {"nifti": read_nifti, "metaimage": read_metaimage, "dicom": read_series}
    what = kind(path)
    return readers[what](path) if what in readers else read_picture(path, spacing)


def read_mask(
    path: Path, image: Grid, spacing: Sequence[float], labels: Labels
) -> tuple[Grid, Mapping[int, int]]:
    """The mask of an entry, and stored value -> index of a class.

    Raises HarnessError, naming the file, where it cannot be read or has other segments.
    """
    seg = segmentation(path) if kind(path) == "dicom" else None
    if seg is not None:
        numbers = {} if labels.segments else labels.values
        grid = read_segmentation(seg, image, labels.segments, numbers)
        return grid, {k: k for k in range(len(labels.classes) + 1)}
    if kind(path) == "picture":
        grid = read_picture(path, spacing, labels=True)
    else:
        grid = read_image(path, spacing)
    return _only(grid, labels) if labels.alone else (grid, labels.values)


def _only(grid: Grid, labels: Labels) -> tuple[Grid, Mapping[int, int]]:
    """Of the only label there is."""
    top = float(grid.array.max(initial=0))
    (index,) = labels.values.values()
    if not np.isfinite(top):
        raise HarnessError(f"{grid.path} must have finite labels, got {top}; mend the mask")
    if labels.above is not None:
        marked = (grid.array > labels.above).astype(np.uint8)
        return dataclasses.replace(grid, array=marked), {1: index}
    return grid, {max(1, round(top)): index}
