"""Lesions: the connected components of a mask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError

CONNECTIVITY = ("full", "faces")


def labelled(mask: NDArray[np.bool_], connectivity: str) -> tuple[NDArray[Any], int]:
    """Number 1, 2, ... of the lesion that each voxel is of, 0 of none; and how many there are.

    Voxels are of one lesion where they touch by a corner at least ("full": 8 neighbours in 2D, 26
    in 3D) or by a face ("faces": 4 and 6).
    """
    from scipy.ndimage import generate_binary_structure, label  # type: ignore[import-untyped]

    demand_connectivity(connectivity)
    rank = mask.ndim if connectivity == "full" else 1
    labels, count = label(mask, generate_binary_structure(mask.ndim, rank))
    return labels, int(count)


def demand_connectivity(connectivity: str) -> None:
    """Raises HarnessError for one that is not known."""
    if connectivity not in CONNECTIVITY:
        known = " or ".join(CONNECTIVITY)
        raise HarnessError(f"connectivity must be {known}, got {connectivity!r}; correct the suite")


def voxels(labels: NDArray[Any], count: int, within: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(count,): voxels of each lesion that are `within` a mask."""
    found: NDArray[np.int64] = np.bincount(labels[within], minlength=count + 1)[1:]
    return found
