"""Samples: what a dataset gives, the cases of one split."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError

Kind = Literal["nominal", "ordinal", "multilabel"]
"""How classes relate: one a case, one of a scale a case, or any number a case."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The cases of one split, images read only when asked for.

    pixels: (n, C, H, W) or (n, C, D, H, W), any dtype, held once; `batch` brings 0 to `full_scale`
    into `range`.
    targets: (n,) int64, indices into `classes`; of kind multilabel (n, classes), 0 or 1.
    subjects: (n,) str, or None where the data names none. groups: column name -> (n,) str.
    """

    split: str
    ids: NDArray[Any]
    pixels: NDArray[Any]
    targets: NDArray[np.int64]
    classes: tuple[str, ...]
    subjects: NDArray[Any] | None = None
    groups: Mapping[str, NDArray[Any]] = dataclasses.field(default_factory=dict)
    kind: Kind = "nominal"
    full_scale: float = 255.0
    range: tuple[float, float] = (0.0, 1.0)

    ALIKE: ClassVar[tuple[str, ...]] = ("shape", "classes", "kind")
    """What a model that is made for one set of cases asks of another."""

    def __len__(self) -> int:
        return len(self.ids)

    def given(self, range: tuple[float, float]) -> "Samples":
        """The same cases, brought to another range. Raises HarnessError without images."""
        if not self.pixels.size:
            raise HarnessError(
                'data must have images to be run, got args.image ""; only harness audit and score '
                "do without"
            )
        return dataclasses.replace(self, range=range)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image: (C, H, W) or (C, D, H, W)."""
        return tuple(self.pixels.shape[1:])

    def batch(self, index: NDArray[Any] | slice) -> NDArray[np.float32]:
        """Images (len(index), C, ..., W), float32, in `range` where the pixels fill theirs."""
        scaled: NDArray[np.float32] = self.pixels[index].astype(np.float32)
        scaled /= np.float32(self.full_scale)
        low, high = self.range
        if (low, high) != (0, 1):
            scaled *= np.float32(high - low)
            scaled += np.float32(low)
        return scaled

    def banded(self, edges: Mapping[str, Sequence[float]]) -> "Samples":
        """Numeric group columns as bands: edges [0, 40, 65] make 63 "40-65", 70 ">=65"."""
        made = {name: bands(self.groups, name, cuts) for name, cuts in edges.items()}
        return dataclasses.replace(self, groups={**self.groups, **made})

    def first(self, n: int) -> "Samples":
        """The same split cut to `n` cases, spread evenly over it, every class kept if it can be."""
        if n >= len(self):
            return self
        one_each = self._one_each()[:n]
        by_class = np.argsort(self.targets, kind="stable")
        order = by_class if self.targets.ndim == 1 else np.arange(len(self))
        rest = order[~np.isin(order, one_each)]
        spread = np.linspace(0, len(rest) - 1, n - len(one_each)).round().astype(np.int64)
        return self.at(np.sort(np.concatenate([one_each, rest[spread]])))

    def at(self, index: NDArray[Any]) -> "Samples":
        """The cases of an index array."""
        return dataclasses.replace(
            self,
            ids=self.ids[index],
            pixels=self.pixels[index],
            targets=self.targets[index],
            subjects=None if self.subjects is None else self.subjects[index],
            groups={name: column[index] for name, column in self.groups.items()},
        )

    def _one_each(self) -> NDArray[Any]:
        """The first case of each class, or with each label."""
        if self.targets.ndim == 1:
            return np.unique(self.targets, return_index=True)[1]
        return np.unique(self.targets.argmax(axis=0))


def bands(groups: Mapping[str, NDArray[Any]], name: str, cuts: Sequence[float]) -> NDArray[Any]:
    """The band that each value of a numeric group column is in, "" where it is unknown."""
    if name not in groups:
        known = ", ".join(sorted(groups)) or "none"
        raise HarnessError(f"groups must name columns of the data, got {name!r}; known: {known}")
    edges = [f"{cut:g}" if float(f"{cut:g}") == cut else repr(cut) for cut in cuts]
    labels = [f"<{edges[0]}", *(f"{a}-{b}" for a, b in pairwise(edges)), f">={edges[-1]}"]
    try:
        numbers = np.array([float(value) if value else np.nan for value in groups[name].tolist()])
    except ValueError as error:
        raise HarnessError(f"group {name} must be numbers to be banded, got: {error}") from None
    banded = np.array(labels)[np.searchsorted(cuts, numbers, side="right")]
    return np.where(np.isnan(numbers), "", banded)
