"""Volumes: the cases of one split of images with masks, read one at a time."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.samples import bands

Spacing = tuple[float, ...]
"""Of a voxel along each axis of a mask, in mm; of an image without a scale, 1."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The grid that a case was stored on, to which a predicted mask goes back."""

    shape: tuple[int, ...]
    affine: NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One image and its mask, in RAS order: axes to the right, to the front, and upwards.

    image: (C, X, Y, Z), as stored; a flat image has Z = 1. mask: (X, Y, Z) uint8, 0 the background
    and k the k-th class; None where there is none. affine: (4, 4), of the RAS grid.
    """

    id: str
    image: NDArray[Any]
    mask: NDArray[np.uint8] | None
    spacing: Spacing
    affine: NDArray[np.float64]
    source: Source


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """The cases of one split, of which `read(id)` gives one; nothing is kept.

    classes: what is segmented, without the background. channels: of every image.
    subjects: (n,) str. groups: column name -> (n,) str, "" where unknown.
    flat: images of one slice each, PNG or TIFF.
    `read` raises HarnessError, naming the file, for what cannot be read or is wrong.
    """

    split: str
    ids: NDArray[Any]
    classes: tuple[str, ...]
    read: Callable[[str], Case]
    channels: int = 1
    flat: bool = False
    subjects: NDArray[Any] | None = None
    groups: Mapping[str, NDArray[Any]] = dataclasses.field(default_factory=dict)

    kind: ClassVar[str] = "mask"
    ALIKE: ClassVar[tuple[str, ...]] = ("channels", "classes")

    def given(self, range: tuple[float, float]) -> "Volumes":
        """Themselves: intensities are mapped case by case."""
        return self

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def targets(self) -> NDArray[np.int64]:
        """(n,): of one kind, as no mask is read to divide them."""
        return np.zeros(len(self), dtype=np.int64)

    def at(self, index: NDArray[Any]) -> "Volumes":
        """The cases of an index array."""
        return dataclasses.replace(
            self,
            ids=self.ids[index],
            subjects=None if self.subjects is None else self.subjects[index],
            groups={name: column[index] for name, column in self.groups.items()},
        )

    def first(self, n: int) -> "Volumes":
        """The same split cut to `n` cases, spread evenly over it."""
        if n >= len(self):
            return self
        return self.at(np.linspace(0, len(self) - 1, n).round().astype(np.int64))

    def banded(self, edges: Mapping[str, Sequence[float]]) -> "Volumes":
        """Numeric group columns as bands; `size`, which is known once a mask is read, waits."""
        made = {
            name: bands(self.groups, name, cuts) for name, cuts in edges.items() if name != SIZE
        }
        return dataclasses.replace(self, groups={**self.groups, **made})


SIZE = "size"
"""The group of a case by the volume of all its classes, in ml: in bands that a suite declares."""
