"""Slices of a case as pictures stand: which one to show, its greys, and where two masks differ."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.suite import Input
from harness.volumes import Case

TRUTH, PREDICTION = "truth", "prediction"
MISSED, EXTRA, OTHER = "missed", "too much", "another class"
ERRORS = (MISSED, EXTRA, OTHER)
COLOURS = {
    TRUTH: "#56b4e9",
    PREDICTION: "#e69f00",
    MISSED: "#56b4e9",
    EXTRA: "#e69f00",
    OTHER: "#cc79a7",
}
"""Okabe and Ito's, to be told apart whatever colours an eye can see: an error has that of the mask
which alone has it."""

Plane = NDArray[np.bool_]
Grey = NDArray[np.uint8]
Masks = NDArray[np.uint8]


def true_mask(case: Case) -> Masks:
    """(X, Y, Z); empty where the case has none."""
    return np.zeros(case.image.shape[1:], np.uint8) if case.mask is None else case.mask


def widest(truth: Masks, mask: Masks) -> int:
    """The slice with most voxels of either mask, the first of several; of empty ones the middle."""
    voxels = ((truth > 0) | (mask > 0)).sum(axis=(0, 1))
    return int(voxels.argmax()) if voxels.any() else len(voxels) // 2


def upright(plane: NDArray[Any]) -> NDArray[Any]:
    """(X, Y) of RAS -> (rows, columns): the front on top, and the left hand on the right."""
    return plane[::-1, ::-1].T


def planes(truth: Masks, mask: Masks) -> dict[str, Plane]:
    """Truth and prediction, and the three ways in which they differ, of which no two overlap."""
    true, guess = truth > 0, mask > 0
    return {
        TRUTH: true,
        PREDICTION: guess,
        MISSED: true & ~guess,
        EXTRA: guess & ~true,
        OTHER: true & guess & (truth != mask),
    }


def grey(case: Case, input: Input, at: int) -> Grey:
    """(X, Y) of a slice in the window that the network sees; of any contrast all but extremes.

    Of red, green and blue in 8 bits the mean, of other channels the first.
    """
    eight = case.image.dtype == np.uint8
    image = case.image.mean(axis=0) if eight and len(case.image) == 3 else case.image[0]
    known = (0.0, 255.0) if eight and input.intensity == "window" else None
    low, high = input.window or known or _range(image)
    shade = (image[..., at].astype(np.float64) - low) / ((high - low) or 1.0)
    bright: Grey = np.rint(shade.clip(0, 1) * 255).astype(np.uint8)
    return bright


def _range(image: NDArray[Any]) -> tuple[float, float]:
    """All but the darkest and brightest hundredth of a volume, of some voxels of a large one."""
    flat = image.ravel(order="K")
    low, high = np.percentile(flat[:: max(1, flat.size // 2**20)], (1, 99))
    return float(low), float(high)
