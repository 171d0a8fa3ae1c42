"""One slice in grey, what is true and what was predicted drawn over it."""

import base64
import dataclasses
import io
from collections.abc import Mapping, Sequence

import numpy as np

from harness.pictures.outlines import outline, outlines
from harness.pictures.slices import (
    ERRORS,
    PREDICTION,
    TRUTH,
    Grey,
    Masks,
    Plane,
    grey,
    planes,
    true_mask,
    upright,
    widest,
)
from harness.suite import Input
from harness.volumes import Case

MOST = 192
"""Pixels along a side of a picture, so that three of them are about 100 kB of a page."""
MARGIN, SHARE = 2.0, 1 / 3
"""The part of a slice that is shown: times what is drawn, but this share of the slice at least."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A part of one slice, seen from the feet with the front upwards, in voxels from its corner.

    png: the image in grey, as a data URI. columns, rows: of voxels; stretch: height of one over its
    width. paths: TRUTH, PREDICTION and ERRORS -> SVG path data. names: number of a class, x, y;
    none where there is one class. voxels: of the whole slice, of each that has a path.
    """

    png: str
    columns: int
    rows: int
    stretch: float
    paths: Mapping[str, str]
    names: Sequence[tuple[str, float, float]]
    voxels: Mapping[str, int]
    slice: int
    slices: int


def overlay(case: Case, mask: Masks, input: Input, classes: int) -> Overlay:
    """The slice of a case with most of truth and prediction together; of none, the middle one.

    mask: (X, Y, Z), predicted. A slice is across the last axis.
    """
    truth = true_mask(case)
    at = widest(truth, mask)
    true, guess = upright(truth[..., at]), upright(mask[..., at])
    dx, dy = case.spacing[:2]
    window = around((true > 0) | (guess > 0), (dy, dx))
    shades = upright(grey(case, input, at))[window]
    parts = planes(true, guess)
    paths = {name: outline(parts[name][window]) for name in ERRORS}
    paths |= {TRUTH: outlines(true[window]), PREDICTION: outlines(guess[window])}
    return Overlay(
        png=png(shades),
        columns=shades.shape[1],
        rows=shades.shape[0],
        stretch=dy / dx,
        paths=paths,
        names=_names(true[window], guess[window], classes) if classes > 1 else (),
        voxels={name: int(plane.sum()) for name, plane in parts.items()},
        slice=at + 1,
        slices=mask.shape[-1],
    )


def _names(truth: Masks, mask: Masks, classes: int) -> list[tuple[str, float, float]]:
    """The number of each class in the middle of its truth, else of what was predicted."""
    found = []
    for k in range(1, classes + 1):
        places = np.argwhere(truth == k) if (truth == k).any() else np.argwhere(mask == k)
        if len(places):
            row, column = places.mean(axis=0) + 0.5
            found.append((str(k), float(column), float(row)))
    return found


def around(drawn: Plane, spacing: Sequence[float]) -> tuple[slice, slice]:
    """Rows and columns of a part that is square in mm, where the slice is large enough."""
    sides = [n * mm for n, mm in zip(drawn.shape, spacing, strict=True)]
    places = np.argwhere(drawn)
    if not len(places):
        return slice(0, drawn.shape[0]), slice(0, drawn.shape[1])
    first, last = places.min(axis=0), places.max(axis=0) + 1
    extent = max(MARGIN * ((last - first) * spacing).max(), SHARE * max(sides))
    rows, columns = (
        _along((a + b) / 2, extent / mm, n)
        for a, b, mm, n in zip(first, last, spacing, drawn.shape, strict=True)
    )
    return rows, columns


def _along(middle: float, length: float, n: int) -> slice:
    """About `length` of `n` around the middle, moved inwards from the edge."""
    whole = min(n, max(1, round(length)))
    start = min(max(0, round(middle - whole / 2)), n - whole)
    return slice(start, start + whole)


def png(shades: Grey) -> str:
    """A data URI; a large picture is made smaller, by means."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(shades))
    factor = MOST / max(image.size)
    if factor < 1:
        width, height = (max(1, round(side * factor)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
