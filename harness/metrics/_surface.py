"""Borders of masks and how far they are from each other, in mm, exactly."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]

DENSE = 10
"""With more than a border voxel in so many of a box, its distance map is made at less cost."""


def box(mask: Mask) -> tuple[slice, ...]:
    """The smallest one that holds every voxel of the mask; of an empty mask, one without any."""
    sides = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        held = np.flatnonzero(mask.any(axis=others))
        sides.append(slice(int(held[0]), int(held[-1]) + 1) if len(held) else slice(0, 0))
    return tuple(sides)


def border(mask: Mask) -> Mask:
    """Voxels with a face on one that is not of the mask, or on the outside of the array.

    That is the mask without its erosion by the cross, as in MONAI's `get_mask_edges`.
    """
    inside = mask.copy()
    for axis in range(mask.ndim):
        kept, whole = np.moveaxis(inside, axis, 0), np.moveaxis(mask, axis, 0)
        kept[1:] &= whole[:-1]
        kept[:-1] &= whole[1:]
        kept[0] = kept[-1] = False
    return mask & ~inside


def distances(a: Mask, b: Mask, spacing: tuple[float, ...]) -> tuple[Array, Array]:
    """In mm, from each voxel of `a` to the nearest of `b`, and from each of `b` to that of `a`.

    By the nearest neighbour in a tree of voxels, or for borders that fill their box (noise) from a
    distance map: both are exact. Neither may be empty.
    """
    dense = np.count_nonzero(a) + np.count_nonzero(b) > a.size / DENSE
    nearest = _mapped if dense else _searched
    return nearest(a, b, spacing), nearest(b, a, spacing)


def _mapped(of: Mask, to: Mask, spacing: tuple[float, ...]) -> Array:
    from scipy.ndimage import distance_transform_edt  # type: ignore[import-untyped]

    found: Array = distance_transform_edt(~to, sampling=spacing)[of]
    return found


def _searched(of: Mask, to: Mask, spacing: tuple[float, ...]) -> Array:
    """Voxels of both need no search."""
    from scipy.spatial import KDTree  # type: ignore[import-untyped]

    apart = ~to[of]
    found: Array = np.zeros(len(apart))
    tree = KDTree(np.argwhere(to) * spacing, leafsize=32)
    found[apart] = tree.query(np.argwhere(of & ~to) * spacing)[0]
    return found
