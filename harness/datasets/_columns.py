"""Columns of a user's table, from a CSV or an `.npz`: text by name, labels as class indices."""

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.samples import Kind

BETWEEN = "|"
"""What stands between the labels of one case."""


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """A row a case; every array has as many rows."""

    path: Path
    arrays: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def fault(self, wanted: str, got: str) -> HarnessError:
        """The sentence of an error in this file."""
        return HarnessError(f"{self.path} must have {wanted}, got {got}")

    def array(self, name: str) -> NDArray[Any]:
        """As it is. Raises HarnessError where there is none."""
        if name not in self.arrays:
            raise self.fault(f"a column {name!r}", ", ".join(self.arrays))
        return self.arrays[name]

    def take(self, name: str) -> NDArray[Any]:
        """(n,) str, "" for a missing number.

        Raises HarnessError for an array of more than one value a case.
        """
        found = self.array(name)
        if found.ndim != 1:
            raise self.fault(f"one value a case in {name!r}", f"shape {found.shape}")
        missing = np.isnan(found) if found.dtype.kind == "f" else np.zeros(len(found), dtype=bool)
        return np.where(missing, "", found.astype(str))

    def targets(
        self, name: str, classes: Sequence[str], kind: Kind
    ) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """Class names, and class indices (n,) or, of kind multilabel, 0 and 1 (n, classes).

        Raises HarnessError for a label that `classes` does not have, for a case without one, and
        for fewer than two classes or no label.
        """
        if kind == "multilabel":
            return self._labels(name, classes)
        found = self.take(name)
        if "" in found:
            missing = f"none in case-{int((found == '').argmax())}"
            raise self.fault(f"a label a case in {name!r}", missing)
        if kind == "ordinal" and not classes and not all(map(str.isdecimal, found.tolist())):
            got = repr(min(label for label in found.tolist() if not label.isdecimal()))
            raise self.fault(f"numbers as grades in {name!r}, or their order in args.classes", got)
        listed = tuple(classes) or tuple(_sorted(set(found.tolist())))
        if len(listed) < 2:
            raise self.fault(f"two classes or more in {name!r}", ", ".join(listed))
        index = indices(listed)
        unknown = sorted(set(found.tolist()) - index.keys())
        if unknown:
            raise self.fault(f"labels {', '.join(listed)} in {name!r}", repr(unknown[0]))
        return listed, np.array([index[label] for label in found.tolist()], dtype=np.int64)

    def _labels(
        self, name: str, classes: Sequence[str]
    ) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        array = self.array(name)
        if array.ndim == 2 and array.shape[1]:
            if not np.isin(array, (0, 1)).all():
                raise self.fault(f"0 and 1 in {name!r}", f"{array.min()} to {array.max()}")
            listed = tuple(classes) or tuple(f"label {k}" for k in range(array.shape[1]))
            if len(listed) != array.shape[1]:
                raise self.fault(f"{len(listed)} columns in {name!r}", f"{array.shape[1]}")
            return listed, array.astype(np.int64)
        cases = [set(filter(None, text.split(BETWEEN))) for text in self.take(name).tolist()]
        listed = tuple(classes) or tuple(_sorted(set().union(*cases)))
        unknown = sorted(set().union(*cases) - set(listed))
        if unknown or not listed:
            wanted = f"labels {', '.join(listed)} in {name!r}" if listed else f"labels in {name!r}"
            raise self.fault(wanted, repr(unknown[0]) if unknown else "none")
        rows = [[int(label in case) for label in listed] for case in cases]
        return listed, np.array(rows, dtype=np.int64)


def indices(classes: Sequence[str]) -> dict[str, int]:
    """What a label may say -> its class: a name, or, where no name is a number, its number."""
    named = not any(map(str.isdecimal, classes))
    numbered = {str(k): k for k in range(len(classes))} if named else {}
    return numbered | {label: k for k, label in enumerate(classes)}


def _sorted(labels: set[str]) -> list[str]:
    """Numbers by value, before all else by letters."""
    return sorted(
        labels,
        key=lambda label: (not label.isdecimal(), int(label) if label.isdecimal() else 0, label),
    )


def read_csv(path: Path) -> Columns:
    """Text columns of a CSV with a header. Raises HarnessError where it is none, or has no row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HarnessError(f"{path} must be a CSV in UTF-8, got {error}") from None
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise HarnessError(f"{path} must have a header and rows, got {len(rows)} lines")
    header, *cases = rows
    if len(set(header)) < len(header):
        raise HarnessError(f"{path} must name each column once, got {', '.join(header)}")
    for number, row in enumerate(cases, 2):
        if len(row) != len(header):
            raise HarnessError(
                f"{path} must have {len(header)} values a row, got {len(row)} in row {number}"
            )
    columns = [np.array(column) for column in zip(*cases, strict=True)]
    return Columns(path, dict(zip(header, columns, strict=True)))


def read_npz(path: Path) -> Columns:
    """The arrays of an `.npz`, none pickled. Raises HarnessError where rows do not agree."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # numpy and zipfile raise whatever a broken file makes them
        raise HarnessError(f"{path} must be an .npz of plain arrays, got: {error}") from None
    sizes = {name: array.shape[0] if array.ndim else 0 for name, array in arrays.items()}
    if not sizes or len(set(sizes.values())) > 1 or 0 in sizes.values():
        got = ", ".join(f"{name} {size}" for name, size in sizes.items()) or "no array"
        raise HarnessError(f"{path} must have arrays of as many rows, at least one, got {got}")
    return Columns(path, arrays)
