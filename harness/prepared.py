"""Prepared cases: on the grid that a network works on, any box of which can be read at once."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import grids
from harness.errors import HarnessError
from harness.suite import Input

VOXELS = 256
"""So many voxels of each class are remembered, for crops to be cut around."""

Box = tuple[slice, slice, slice]
WHOLE: Box = (slice(None), slice(None), slice(None))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A case that is left out, and the sentence why."""

    id: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a case without decoding it.

    shape: (x, y, z). extremes: (C, 2), the least and the greatest raw intensity of each channel.
    scale: of intensities. voxels: (classes, z), how many of each class a slice has. places: for
    each class up to VOXELS of its voxels, (m, 3), drawn at random.
    """

    shape: tuple[int, ...]
    extremes: NDArray[Any]
    scale: grids.Scale
    voxels: NDArray[np.int64]
    places: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(
        cls, raw: NDArray[Any], mask: NDArray[np.uint8], classes: int, input: Input, seed: int
    ) -> "Facts":
        """Of an image (C, x, y, z) and a mask with its slices first, (z, x, y).

        Raises HarnessError as `grids.scale` does.
        """
        rng, counts, places = np.random.default_rng(seed), [], []
        for k in range(1, classes + 1):
            found = np.flatnonzero(mask == k)
            counts.append(np.bincount(found // mask[0].size, minlength=len(mask)))
            if len(found) > VOXELS:
                found = found[np.sort(rng.integers(0, len(found), VOXELS))]
            z, x, y = np.unravel_index(found, mask.shape)
            places.append(np.stack([x, y, z], axis=1))
        return cls(
            shape=raw.shape[1:],
            extremes=np.stack([[channel.min(), channel.max()] for channel in raw]),
            scale=grids.scale(raw, input),
            voxels=np.stack(counts),
            places=tuple(places),
        )

    @property
    def lowest(self) -> float:
        """What the network sees where there is the least: what is beyond the edges."""
        return float(self.scale(self.extremes).min())

    def told(self) -> dict[str, Any]:
        """For a file of JSON."""
        return {
            "shape": list(self.shape),
            "dtype": self.extremes.dtype.str,
            "extremes": self.extremes.tolist(),
            "scale": dataclasses.asdict(self.scale),
            "voxels": self.voxels.tolist(),
            "places": [place.tolist() for place in self.places],
        }

    @classmethod
    def read(cls, told: Mapping[str, Any], input: Input) -> "Facts":
        """The inverse of `told`, but that a window is that of `input`."""
        extremes = np.array(told["extremes"], dtype=told["dtype"])
        kept = {name: value and tuple(value) for name, value in told["scale"].items()}
        own = input.intensity == "zscore"
        return cls(
            shape=tuple(told["shape"]),
            extremes=extremes,
            scale=grids.Scale(**kept) if own else grids.scale(extremes, input),
            voxels=np.array(told["voxels"], dtype=np.int64),
            places=tuple(np.array(place, np.int64).reshape(-1, 3) for place in told["places"]),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Cases that are on disk, or in memory.

    arrays: what opens the image (z, C, x, y), raw, and the mask (z, x, y) of each case.
    faults: the cases that are left out.
    """

    ids: tuple[str, ...]
    facts: tuple[Facts, ...]
    arrays: tuple[Callable[[], tuple[Any, Any]], ...]
    faults: tuple[Fault, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """(x, y, z) of each case."""
        return [facts.shape for facts in self.facts]

    def positives(self, i: int) -> NDArray[np.bool_]:
        """(z,): which slices of a case have a class."""
        return np.asarray(self.facts[i].voxels.any(axis=0), dtype=np.bool_)

    def image(self, i: int, box: Box) -> NDArray[np.float32]:
        """(C, *box) of a case, as the network sees it. Raises HarnessError for a damaged file."""
        x, y, z = box
        raw = self._read(i, 0, (z, slice(None), x, y))
        return self.facts[i].scale(np.moveaxis(raw, 0, -1))

    def mask(self, i: int, box: Box) -> NDArray[np.uint8]:
        """(*box) of a case; slices without a class are not decoded. Raises as `image` does."""
        x, y, z = box
        if self.facts[i].voxels[:, z].any():
            return np.moveaxis(self._read(i, 1, (z, x, y)), 0, -1)
        pairs = zip(box, self.facts[i].shape, strict=True)
        return np.zeros([len(range(*cut.indices(n))) for cut, n in pairs], dtype=np.uint8)

    def case(self, i: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """All of a case: (C, x, y, z) and (x, y, z)."""
        return self.image(i, WHOLE), self.mask(i, WHOLE)

    def _read(self, i: int, which: int, at: tuple[slice, ...]) -> NDArray[Any]:
        try:
            found: NDArray[Any] = self.arrays[i]()[which][at]
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise HarnessError(
                f"the prepared case {self.ids[i]} must be readable, got: {error}; "
                "remove the folder `prepared` beside the runs and run again"
            ) from None
        return found
