"""From stored arrays to a case: grids compared, values checked, axes turned to RAS and back."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.volumes import Case, Source

TOLERANCE = 1e-3
"""How far two affines may differ, in voxels, and a label from a whole number."""
MOST_CLASSES = 255


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """One stored image: array (X, Y, Z) or (C, X, Y, Z), affine (4, 4) of its voxels in mm, RAS+.

    `path` is the file, or the folder of files, that a sentence names.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    path: Path

    @property
    def shape(self) -> tuple[int, ...]:
        """(X, Y, Z)."""
        return self.array.shape[-3:]


def case(id: str, images: Sequence[Grid], mask: Grid | None, values: Mapping[int, int]) -> Case:
    """One case in RAS order: the channels of all `images`, and `mask` as class indices.

    values: stored value -> index, from 0, the background, to 255; a stored 0 is the background
    where they do not say. Raises HarnessError, naming the file, where the grids are not one, a
    channel is constant or not finite, or the mask has another value.
    """
    first = images[0]
    for image in images:
        _check_affine(image)
        _check_intensities(image)
    for other in (*images[1:], *([mask] if mask else [])):
        _check_alike(other, first)
    turn = _turn(first.affine)
    turned = [_applied(image.array, turn) for image in images]
    channels = [array[None] if array.ndim == 3 else array for array in turned]
    affine = _ras_affine(first, turn)
    return Case(
        id=id,
        image=channels[0] if len(channels) == 1 else np.concatenate(channels),
        mask=None if mask is None else _applied(_indices(mask, values), turn),
        spacing=tuple(np.linalg.norm(affine[:3, :3], axis=0).tolist()),
        affine=affine,
        source=Source(shape=first.shape, affine=first.affine),
    )


def to_source(mask: NDArray[Any], case: Case) -> NDArray[Any]:
    """A mask (X, Y, Z) of the RAS grid of `case`, on the grid that the case was stored on."""
    unturned = _orientations().ornt_transform(_turn(np.eye(4)), _turn(case.source.affine))
    stored: NDArray[Any] = np.ascontiguousarray(_orientations().apply_orientation(mask, unturned))
    if stored.shape != case.source.shape:
        raise ValueError(f"{case.id} is stored as {case.source.shape}, got {stored.shape}")
    return stored


def _orientations() -> Any:
    """nibabel's, which have no types."""
    from nibabel import orientations

    return orientations


def _turn(affine: NDArray[np.float64]) -> NDArray[Any]:
    """(3, 2): to which RAS axis each stored one goes, and whether it runs that way or against."""
    return np.asarray(_orientations().io_orientation(affine))


def _applied(array: NDArray[Any], turn: NDArray[Any]) -> NDArray[Any]:
    """A view with the last three axes turned."""
    if array.ndim == 4:
        turn = np.vstack([[0, 1], turn + np.array([1, 0])])
    return np.asarray(_orientations().apply_orientation(array, turn))


def _ras_affine(grid: Grid, turn: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(
        grid.affine @ _orientations().inv_ornt_aff(turn, grid.shape), dtype=np.float64
    )


def _check_affine(grid: Grid) -> None:
    """Each axis of a length above 0, none along another."""
    whole = grid.affine.shape == (4, 4) and bool(np.isfinite(grid.affine).all())
    lengths = np.linalg.norm(grid.affine[:3, :3], axis=0) if whole else np.zeros(3)
    if not lengths.all() or abs(np.linalg.det(grid.affine[:3, :3] / lengths)) < TOLERANCE:
        raise HarnessError(
            f"{grid.path} must say where its voxels are, got the affine "
            f"{np.round(grid.affine, 4).tolist()}; write its header again"
        )


def _check_intensities(grid: Grid) -> None:
    for k, channel in enumerate(grid.array.reshape(-1, *grid.shape)):
        which = f" in channel {k}" if grid.array.ndim == 4 else ""
        if not channel.size:
            raise HarnessError(
                f"{grid.path} must have voxels, got shape {grid.shape}; leave it out"
            )
        low, high = float(channel.min()), float(channel.max())
        if not math.isfinite(low) or not math.isfinite(high):
            got = "NaN" if math.isnan(low) else "an infinite number"
            raise HarnessError(
                f"{grid.path} must have finite intensities, got {got}{which}; mend or leave it out"
            )
        if low == high:
            raise HarnessError(
                f"{grid.path} must show something, got {low:g} in every voxel{which}; "
                "mend or leave it out"
            )


def _check_alike(grid: Grid, first: Grid) -> None:
    """Of the same voxels as the first image of its case."""
    if grid.shape != first.shape:
        raise HarnessError(
            f"{grid.path} must have the shape {first.shape} of {first.path.name}, got "
            f"{grid.shape}; bring both to one grid"
        )
    voxel = np.linalg.norm(first.affine[:3, :3], axis=0).min()
    apart = np.abs(grid.affine - first.affine).max()
    if not apart <= TOLERANCE * voxel:
        raise HarnessError(
            f"{grid.path} must have the affine of {first.path.name}, got one that differs by "
            f"{apart:.3g} mm; bring both to one grid"
        )


def _indices(mask: Grid, values: Mapping[int, int]) -> NDArray[np.uint8]:
    """The index of each voxel's value."""
    labels, table = _whole(mask), {0: 0, **values}
    if not set(table.values()) <= set(range(MOST_CLASSES + 1)):
        raise HarnessError(f"classes must be at most {MOST_CLASSES}, got {max(table.values())}")
    indices = np.zeros(labels.shape, dtype=np.uint8)
    known = np.zeros(labels.shape, dtype=bool)
    for value, index in table.items():
        here = labels == value
        known |= here
        if index:
            indices[here] = index
    if not known.all():
        raise HarnessError(
            f"{mask.path} must have labels of {', '.join(map(str, sorted(table)))}, got "
            f"{labels[~known].flat[0]:g}; name it in the suite or mend the mask"
        )
    return indices


def _whole(mask: Grid) -> NDArray[Any]:
    """The labels, (X, Y, Z); a fraction that scaling left is rounded off."""
    labels = mask.array
    if labels.ndim != 3:
        raise HarnessError(f"{mask.path} must have three axes, got {labels.ndim}; store one label")
    if labels.dtype.kind != "f":
        return labels
    rounded: NDArray[Any] = np.rint(labels)
    with np.errstate(invalid="ignore"):
        off = ~(np.abs(labels - rounded) <= TOLERANCE)
    if off.any():
        raise HarnessError(
            f"{mask.path} must have whole numbers as labels, got {labels[off].flat[0]:g}; "
            "a mask is resampled by the nearest neighbour"
        )
    return rounded
