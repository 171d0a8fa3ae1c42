"""What an audit looks at: a row a case of all splits, of its image a small copy and a few facts."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.samples import Kind

Texts = NDArray[np.str_]
Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Of (n,) images. small: (n, ...) float32, one channel and few pixels; digest: of the whole.

    step: along each axis of `small`, how many of its pixels one of the image was.

    `mean`, `spread` (standard deviation), `low` and `high` are of all its pixels, as stored.
    finite: whether all of them are numbers.
    """

    small: NDArray[np.float32]
    step: tuple[float, ...]
    digest: Texts
    mean: Array
    spread: Array
    low: Array
    high: Array
    finite: NDArray[np.bool_]

    @property
    def blank(self) -> NDArray[np.bool_]:
        """(n,): nothing is shown."""
        return np.asarray(self.low == self.high)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Masks:
    """Of (n,) volumes: `lesions` (n, classes) in one piece each, by 26 neighbours, `ml` (n,
    classes), `digest` of the mask, `slices` (n, levels, classes) the share of the slices at this
    height that show a class, NaN where a volume has none there.
    """

    lesions: NDArray[np.int64]
    ml: Array
    digest: Texts
    slices: Array


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The cases of all splits that could be read, (n,), in the order of `splits`.

    targets: (n,) class indices, or (n, classes) 0 and 1: of volumes, whether a class is there.
    columns: name -> (n,) text as the data has it; those of `bands` have to be numbers.
    spacing: (n, 3) in mm, of volumes. Where the data has none, `images`, `masks`, `spacing` and
    `subjects` are None.
    """

    splits: tuple[str, ...]
    ids: Texts
    split: Texts
    targets: NDArray[np.int64]
    classes: tuple[str, ...]
    kind: Kind
    subjects: Texts | None = None
    columns: Mapping[str, Texts] = dataclasses.field(default_factory=dict)
    bands: tuple[str, ...] = ()
    images: Images | None = None
    masks: Masks | None = None
    spacing: Array | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def units(self) -> NDArray[np.int64]:
        """(n,) the code of whom each case is of; where nobody is named, of itself."""
        if self.subjects is None:
            return np.arange(len(self))
        codes: NDArray[np.int64] = np.unique(self.subjects, return_inverse=True)[1]
        return codes

    def label(self, case: int) -> str:
        """What the data says of a case, in words."""
        if self.targets.ndim == 1:
            known = 0 <= (index := int(self.targets[case])) < len(self.classes)
            return self.classes[index] if known else str(index)
        found = [name for name, has in zip(self.classes, self.targets[case], strict=True) if has]
        return "|".join(found) or "none"

    def named(self, rows: Sequence[int] | NDArray[np.int64]) -> tuple[str, ...]:
        """The ids of these rows."""
        return tuple(str(self.ids[row]) for row in rows)
