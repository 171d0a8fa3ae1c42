"""Slices of a DICOM series in space: checked to be one volume, and put in their order."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets._metaimage import LPS_TO_RAS
from harness.errors import HarnessError

ALIKE = 1e-3
"""How far pixel sizes (mm) and direction cosines of slices of one volume may differ."""
EVEN = 0.05
"""How far a gap between slices may differ from the usual one, as a share of it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What the header of a file says: lengths in mm, places in LPS axes.

    size: rows and columns. across: (6,) direction cosines along a row, and down a column; pixel:
    (2,) from row to row and from column to column. place: (3,) of the first pixel.
    """

    path: Path
    series: str
    size: tuple[int, int]
    across: NDArray[np.float64]
    pixel: NDArray[np.float64]
    place: NDArray[np.float64]
    thickness: float

    @property
    def normal(self) -> NDArray[np.float64]:
        """(3,): from the first row and column to the viewer's back, along which slices lie."""
        return np.asarray(np.cross(self.across[:3], self.across[3:]), dtype=np.float64)


def stacked(slices: Sequence[Slice]) -> tuple[list[Slice], NDArray[np.float64]]:
    """Those of one volume from the first to the last, and its affine (4, 4), RAS.

    Raises HarnessError, naming a file, where they are not of one size and orientation, where two
    are at one place or they do not lie straight above each other, and where the gaps between them
    are not equal: then a slice is missing.
    """
    _check_alike(slices)
    ordered = sorted(slices, key=lambda each: float(each.place @ slices[0].normal))
    return ordered, _affine(ordered[0], _step(ordered))


def _check_alike(slices: Sequence[Slice]) -> None:
    """Of one size, orientation and pixel size."""
    first = slices[0]
    told: list[tuple[str, Callable[[Slice], Any]]] = [
        ("size", lambda each: each.size),
        ("orientation", lambda each: each.across),
        ("pixel spacing", lambda each: each.pixel),
    ]
    for what, of in told:
        for each in slices[1:]:
            if np.abs(np.subtract(of(each), of(first))).max() > ALIKE:
                raise HarnessError(
                    f"{each.path} must have the {what} of {first.path.name}, "
                    f"{_text(of(first))}, got {_text(of(each))}; leave out what is another image"
                )


def _text(numbers: Any) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _step(slices: Sequence[Slice]) -> NDArray[np.float64]:
    """(3,) from each slice to the next, in mm."""
    first = slices[0]
    if len(slices) == 1:
        return first.normal * first.thickness
    away = np.array([each.place - first.place for each in slices])
    heights = away @ first.normal
    gaps = np.diff(heights)
    # With two gaps of which one lacks a slice, the smaller is the usual one.
    usual = float(np.percentile(gaps, 50, method="lower"))
    for gap, low, high in zip(gaps.tolist(), slices, slices[1:], strict=False):
        _check_gap(gap, usual, low.path, high.path)
    beside = np.linalg.norm(away - np.outer(heights, first.normal), axis=1)
    for each, off in zip(slices, beside.tolist(), strict=True):
        if off > first.pixel.min() / 2:
            raise HarnessError(
                f"{each.path} must lie straight above {first.path.name}, got {off:.3g} mm beside; "
                "resample what was taken with a tilt"
            )
    return first.normal * float(gaps.mean())


def _check_gap(gap: float, usual: float, low: Path, high: Path) -> None:
    if gap < ALIKE:
        raise HarnessError(f"{high} must be at a place of its own, got that of {low}; remove one")
    times = max(1, round(gap / usual)) if usual >= ALIKE else 1
    if abs(gap - times * usual) > EVEN * usual * times:
        got = "; resample it to equal spacing"
    elif times > 1:
        got = f", so {times - 1} between them are missing; bring them"
    else:
        return
    raise HarnessError(
        f"{high} must be {usual:.6g} mm from {low.name}, as slices are elsewhere, got "
        f"{gap:.6g} mm{got}"
    )


def _affine(first: Slice, step: NDArray[np.float64]) -> NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, 0] = first.across[:3] * first.pixel[1]
    affine[:3, 1] = first.across[3:] * first.pixel[0]
    affine[:3, 2] = step
    affine[:3, 3] = first.place
    return np.asarray(LPS_TO_RAS @ affine, dtype=np.float64)
