"""What a report knows of a case that it shows: whose it is, its numbers and its picture."""

import dataclasses

from harness.pictures.overlay import Overlay


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """What a metric says of one case, NaN where nothing: of all classes, and of each."""

    metric: str
    value: float
    classes: tuple[float, ...] = ()
    unit: str = "1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The best, median or worst test case of a model. `film` is the address of its animation.

    `among` is how many cases were ordered; `apart` how many voxels the mask, predicted anew, is
    from the one that was measured; `real` that it is of no phantom.
    """

    suite: str
    dataset: str
    device: str
    model: str
    seed: int
    which: str
    case: str
    among: int
    classes: tuple[str, ...]
    numbers: tuple[Number, ...]
    overlay: Overlay
    apart: int = 0
    film: str = ""
    real: bool = False
