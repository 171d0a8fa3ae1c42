"""A true and a predicted mask of one class of one case, and what is counted of the two."""

import dataclasses
import math
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.metrics import _surface

Mask = NDArray[np.bool_]
Spacing = tuple[float, ...]
Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """Two masks of one shape, in 2D or 3D; not slotted, as what is derived of them is kept.

    spacing: of a voxel along each axis, in mm; of two axes alone, a voxel is 1 mm thick.
    prediction: None where there is none, which is not the same as an empty one. truth: None where
    the case cannot be read. Neither has counts or distances: ask `absent` and `unknown` first.
    Raises HarnessError for masks of two shapes, and for a spacing that does not fit them.
    """

    truth: Mask | None
    prediction: Mask | None
    spacing: Spacing

    def __post_init__(self) -> None:
        shapes = [mask.shape for mask in (self.truth, self.prediction) if mask is not None]
        if len(set(shapes)) > 1:
            raise HarnessError(
                f"a predicted mask must have the shape of the true one, {shapes[0]},"
                f" got {shapes[1]}; predict on the grid of the case"
            )
        axes = len(shapes[0]) if shapes else len(self.spacing)
        positive = all(math.isfinite(step) and step > 0 for step in self.spacing)
        if len(self.spacing) != axes or not positive:
            raise HarnessError(
                f"spacing must be a positive number of mm for each of {axes} axes,"
                f" got {self.spacing}; mend the header of the mask"
            )

    @classmethod
    def missing(cls, truth: Mask, spacing: Spacing) -> "Pair":
        """Of a case without a prediction, which is the worst there is, whatever the policy."""
        return cls(truth, None, spacing)

    @classmethod
    def unread(cls) -> "Pair":
        """Of a case that cannot be read: neither a truth nor a prediction."""
        return cls(None, None, ())

    @property
    def unknown(self) -> bool:
        """Whether the case could not be read."""
        return self.truth is None

    @property
    def absent(self) -> bool:
        """Whether there is no prediction."""
        return self.truth is None or self.prediction is None

    @property
    def empty(self) -> Literal["both", "missed", "false_alarm"] | None:
        """Which of the two masks is empty, by the name that the policy has for it; None: none."""
        if self.true and self.predicted:
            return None
        if self.true:
            return "missed"
        return "false_alarm" if self.predicted else "both"

    @cached_property
    def boxed(self) -> tuple[Mask, Mask]:
        """Both masks within the box of voxels that either has, without axes of length 1.

        So the border of a flat mask is found in its plane. Outside of the box is background.
        """
        truth, prediction = (self._along(self._held(mask)) for mask in (self.truth, self._guess))
        box = _surface.box(truth | prediction)
        return truth[box], prediction[box]

    @cached_property
    def true(self) -> int:
        """Voxels of the truth."""
        return int(np.count_nonzero(self._held(self.truth)))

    @cached_property
    def predicted(self) -> int:
        """Voxels of the prediction."""
        return int(np.count_nonzero(self._held(self.prediction)))

    @cached_property
    def tp(self) -> int:
        """Voxels of both."""
        return int(np.count_nonzero(np.logical_and(*self.boxed)))

    @property
    def fp(self) -> int:
        """Voxels of the prediction alone."""
        return self.predicted - self.tp

    @property
    def fn(self) -> int:
        """Voxels of the truth alone."""
        return self.true - self.tp

    @property
    def tn(self) -> int:
        """Voxels of neither."""
        return self.voxels - self.tp - self.fp - self.fn

    @property
    def voxels(self) -> int:
        """Of the whole image."""
        return self._held(self.truth).size

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return math.prod(self.spacing) / 1000

    @property
    def diagonal(self) -> float:
        """Of the whole image, in mm: no two voxels are further apart."""
        shape = self._held(self.truth).shape
        sides = [n * step for n, step in zip(shape, self.spacing, strict=True) if n > 1]
        return math.hypot(*(sides or self.spacing))

    @cached_property
    def distances(self) -> tuple[Array, Array]:
        """In mm, of each border voxel of the truth to the prediction's border, and the reverse.

        A border voxel is one of the mask with a face on a voxel that is not, or on the outside of
        the image. Neither mask may be empty.
        """
        truth, prediction = (_surface.border(mask) for mask in self.boxed)
        steps = tuple(self.spacing[axis] for axis in self._axes)
        return _surface.distances(truth, prediction, steps)

    @property
    def _axes(self) -> tuple[int, ...]:
        shape = self._held(self.truth).shape
        return tuple(axis for axis, n in enumerate(shape) if n > 1) or (0,)

    @property
    def _guess(self) -> Mask:
        """The prediction; an empty one where there is none."""
        held = self._held(self.truth)
        return np.zeros_like(held) if self.prediction is None else self.prediction

    def _along(self, mask: Mask) -> Mask:
        return mask.reshape([mask.shape[axis] for axis in self._axes])

    @staticmethod
    def _held(mask: Mask | None) -> Mask:
        if mask is None:
            raise ValueError("no mask")
        return mask


def counted(pair: Pair) -> dict[str, float]:
    """What every table holds of a class of a case: voxels, and volumes in ml.

    NaN for what is not known: of a case that has no prediction, what was predicted.
    """
    if pair.unknown:
        return dict.fromkeys(("tp", "fp", "fn", "true_ml", "predicted_ml"), math.nan)
    true_ml = pair.true * pair.voxel_ml
    if pair.absent:
        about = {"tp": 0.0, "fp": math.nan, "fn": float(pair.true)}
        return {**about, "true_ml": true_ml, "predicted_ml": math.nan}
    voxels = {"tp": float(pair.tp), "fp": float(pair.fp), "fn": float(pair.fn)}
    return {**voxels, "true_ml": true_ml, "predicted_ml": pair.predicted * pair.voxel_ml}
