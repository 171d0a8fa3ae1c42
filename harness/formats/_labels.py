"""Labels of stored masks: which class each is of, and what a summary calls a class."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from harness.datasets import _folder
from harness.errors import HarnessError
from harness.suite import Dataset

Values = Mapping[int, int]
"""Value of a mask -> index of its class, 0 for the background."""
HIGHEST = 255
"""Of a mask that is written: it has 8 bits."""


def values(dataset: Dataset, classes: Sequence[str], root: Path | None) -> Values:
    """As the data's own masks are stored.

    Of readers that number labels themselves, the classes in their order.
    """
    if dataset.load == "decathlon":
        return _folder.found(root, **dataset.args).values
    return {k: k for k in range(1, len(classes) + 1)}


def written(values: Values, classes: Sequence[str]) -> list[int]:
    """The value of each class in a mask that is written: the least of those that are the class.

    Raises HarnessError where one is above 255.
    """
    found = [_labels(values, k)[0] for k in range(1, len(classes) + 1)]
    if max(found) > HIGHEST:
        raise HarnessError(
            f"labels of masks to be written must be at most {HIGHEST}, got {max(found)}; "
            "nnU-Net numbers them from 1: give the data such labels"
        )
    return found


def key(values: Values, k: int, told: Collection[str]) -> str:
    """What a summary that has the keys `told` calls the class `k`: a label, or labels of a region.

    "2"; of several labels "(1, 2)" as nnU-Net has regions, or the least of them, where the file has
    none of the others, as `written` has them.
    """
    least, *others = labels = _labels(values, k)
    region = str(tuple(labels))
    alone = str(least) in told and not {region, *map(str, others)} & set(told)
    return str(least) if alone or not others else region


def _labels(values: Values, k: int) -> list[int]:
    return sorted(value for value, index in values.items() if index == k)
