"""A network over a whole case, in windows, and what it finds back on the case's own grid."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import grids
from harness.errors import HarnessError
from harness.suite import Input
from harness.volumes import Case

Model = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Array = NDArray[np.float32]

WINDOWS = 8
"""So many windows are given to a network at once."""
ROUNDING = 1e-5
"""Of a mean over windows by weights."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How a network reads a case: what it is given, and above what probability a voxel counts."""

    input: Input
    threshold: float = 0.5

    def image(self, case: Case) -> Array:
        """(C, x, y, z) float32, on the grid that the network works on."""
        image: Array = grids.given(case.image, case.spacing, self.input)
        return image

    def probabilities(self, model: Model, case: Case, image: Array) -> Array:
        """(outputs, X, Y, Z) on the case's own grid.

        Raises HarnessError where the model gives no probabilities: the file is at fault, no case.
        """
        found = windowed(model, image, self.input.size or (), self.input.overlap)
        _demand(found)
        restored: Array = grids.restore(found, case.image.shape[1:])
        return restored

    def mask(self, probabilities: Array) -> NDArray[np.uint8]:
        """(outputs, X, Y, Z) -> (X, Y, Z): of one class 1 above the threshold, else the likeliest.

        One output is the class, two are the background and the class.
        """
        if len(probabilities) <= 2:
            above: NDArray[np.uint8] = (probabilities[-1] > self.threshold).astype(np.uint8)
            return above
        chosen: NDArray[np.uint8] = probabilities.argmax(axis=0).astype(np.uint8)
        return chosen


def _demand(probabilities: Array) -> None:
    """Raises HarnessError for what is no probability, as `predict.widen` does of classes."""
    sound = np.isfinite(probabilities) & (probabilities >= -ROUNDING)
    wrong = ~(sound & (probabilities <= 1 + ROUNDING)).all(axis=0)
    if len(probabilities) > 1:
        with np.errstate(invalid="ignore"):
            wrong |= ~(np.abs(probabilities.sum(axis=0) - 1) <= 1e-4)
    if wrong.any():
        more = ", and sum to 1 over the classes" if len(probabilities) > 1 else ""
        raise HarnessError(
            f"probabilities of voxels must be finite and within [0, 1]{more}, got others in "
            f"{int(wrong.sum()):,} of {wrong.size:,} voxels; check the link that gave them"
        )


def windowed(model: Model, image: Array, size: Sequence[int], overlap: float) -> Array:
    """(C, x, y, z) -> (outputs, x, y, z): the mean over all windows of `size` that cover a voxel.

    Two sizes are of slices across the last axis, three of boxes. Windows count less towards their
    edge, by a Gaussian; what is smaller than one is padded with the lowest value of the image.
    """
    import torch
    from monai.inferers.utils import sliding_window_inference

    def predictor(windows: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(model(np.ascontiguousarray(windows.numpy())))

    flat = len(size) == 2
    batch = np.moveaxis(image, -1, 0) if flat else image[None]
    stitched: Any = sliding_window_inference(
        torch.from_numpy(np.ascontiguousarray(batch)),
        roi_size=tuple(size),
        sw_batch_size=WINDOWS,
        predictor=predictor,
        overlap=overlap,
        mode="gaussian",
        cval=float(image.min()),
    )
    found: Array = stitched.numpy()
    return np.moveaxis(found, 0, -1) if flat else found[0]
