"""Cases as a table of predictions tells them, where the data itself is not here."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets._columns import BETWEEN, Columns
from harness.datasets._medmnist_files import official
from harness.errors import HarnessError
from harness.formats import _names
from harness.formats._names import GROUP, NUMBERED
from harness.samples import Kind, Samples
from harness.suite import Dataset


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a file, or a suite, says of its classes; () and None where it does not."""

    classes: tuple[str, ...] = ()
    kind: Kind | None = None


NOTHING = Told()


def cases(columns: Columns, split: str, dataset: Dataset, told: Told, reason: str) -> Samples:
    """The cases of a table by id, without pixels, with its own labels and groups.

    Classes are those that the file or the suite declares, else the columns of probabilities.
    Raises HarnessError where the table has no labels; `reason` says why the data is not here.
    """
    if not _names.labelled(columns):
        raise HarnessError(
            f"{columns.path} must have a column y_true where the data is not here, got none, and "
            f"{reason}; name its folder by --data, or bring it by harness data fetch"
        )
    declared = _declared(dataset)
    classes = told.classes or declared.classes or _classes(columns)
    kind = told.kind or declared.kind or _kind(columns)
    key = _names.key(columns)
    ids = columns.take(key)
    rows = _names.at(columns, _order(ids, counted=key in NUMBERED))
    groups = {k.removeprefix(GROUP): rows.take(k) for k in rows.arrays if k.startswith(GROUP)}
    bands = {name: edges for name, edges in dataset.groups.items() if _numeric(groups, name)}
    return Samples(
        split=split,
        ids=rows.take(key),
        pixels=np.zeros((len(rows), 0)),
        targets=_names.labels(rows, classes, kind),
        classes=classes,
        kind=kind,
        groups=groups,
    ).banded(bands)


def _order(ids: NDArray[Any], counted: bool) -> NDArray[np.int64]:
    """By name, or by number: the order of the rows must say nothing."""
    numbers = counted and all(map(str.isdecimal, ids.tolist()))
    return np.argsort(ids.astype(np.int64) if numbers else ids, kind="stable")


def _declared(dataset: Dataset) -> Told:
    if dataset.load == "medmnist":
        file = official(**{"size": 28, **dataset.args})
        return Told(classes=file.classes, kind=file.kind)
    return Told(classes=tuple(dataset.args.get("classes", ())), kind=dataset.args.get("kind"))


def _classes(columns: Columns) -> tuple[str, ...]:
    """The columns called as nothing else; else numbers, as many as columns `p0` ..., or two."""
    named = [name for name in columns.arrays if not _names.reserved(name)]
    if named:
        return tuple(named)
    numbered = sum(f"p{k}" in columns.arrays for k in range(len(columns.arrays)))
    return tuple(str(k) for k in range(numbered or 2))


def _kind(columns: Columns) -> Kind:
    """Several labels a case where some case has several, or none."""
    if "y_true" not in columns.arrays:
        return "multilabel"
    told = columns.take("y_true").tolist()
    return "multilabel" if any(BETWEEN in each or not each for each in told) else "nominal"


def _numeric(groups: Mapping[str, NDArray[Any]], name: str) -> bool:
    """Whether a group is there to be banded; one that is in bands already stays as it is."""
    try:
        return name in groups and all(float(v) is not None for v in groups[name].tolist() if v)
    except ValueError:
        return False
