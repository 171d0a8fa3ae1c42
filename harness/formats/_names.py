"""What the columns of a table of predictions are called, and what is in them."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets._columns import Columns
from harness.samples import Kind

SPLITS = ("train", "val", "test")
NUMBERED = ("index", "case", "")  # pandas leaves the header of its index empty
SINGLE = ("probability", "score")
GROUP = "group."
PLAIN = ("id", *NUMBERED, *SINGLE, "y_true", "split", "variant", "subject", "decision")
SPREAD = re.compile(r"(p|y_true|decision)\d+|__index_level_\d+__")


def reserved(name: str) -> bool:
    """Whether a column of this name says something else than the probability of a class."""
    return name in PLAIN or name.startswith(GROUP) or SPREAD.fullmatch(name) is not None


def of_classes(classes: Sequence[str]) -> list[str]:
    """The columns of probabilities: named as the classes, or `p0` ... where that says another."""
    plain = len(set(classes)) == len(classes) and not any(map(reserved, classes))
    trimmed = plain and all(name == name.strip() and name for name in classes)
    return list(classes) if trimmed else [f"p{k}" for k in range(len(classes))]


def key(columns: Columns) -> str:
    """The column that says which case a row is. Raises HarnessError where there is none."""
    found = [name for name in ("id", *NUMBERED) if name in columns.arrays]
    if not found:
        raise columns.fault("a column id, or index from 0", ", ".join(columns.arrays))
    return found[0]


def scores(columns: Columns, classes: Sequence[str], kind: Kind) -> list[str]:
    """The columns of probabilities, a class each, or that of the second of two classes alone.

    Raises HarnessError where they are not there, or where another column says nothing known.
    """
    numbered = [f"p{k}" for k in range(len(classes))]
    single = [name for name in SINGLE if name in columns.arrays]
    choices = [of_classes(classes), numbered]
    if len(classes) == 2 and kind != "multilabel" and len(single) == 1:
        choices.append(single)
    there = set(columns.arrays)
    names = next((each for each in choices if there >= set(each)), None)
    if names is None:
        wanted = f"a column for each class: {', '.join(classes)}; or {', '.join(numbered)}"
        raise columns.fault(wanted, ", ".join(columns.arrays))
    probable = set(SINGLE) | {name for name in there if re.fullmatch(r"p\d+", name)}
    stray = [n for n in columns.arrays if n not in names and (n in probable or not reserved(n))]
    if stray:
        known = "id, index, split, y_true, subject, group.NAME and a column a class"
        raise columns.fault(f"columns {known}", repr(stray[0]))
    return names


def numbers(columns: Columns, name: str) -> NDArray[np.float64]:
    """(n,) a column as floats. Raises HarnessError for a cell that is none."""
    found = columns.array(name)
    try:
        return np.asarray(found.astype(np.float64))
    except ValueError:
        wrong = next(cell for cell in found.tolist() if not _is_number(cell))
        raise columns.fault(f"numbers in {name!r}", repr(wrong)) from None


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def labelled(columns: Columns) -> bool:
    """Whether a table says what is true."""
    return "y_true" in columns.arrays or "y_true0" in columns.arrays


def labels(columns: Columns, classes: Sequence[str], kind: Kind) -> NDArray[np.int64]:
    """Class indices (n,), or 0 and 1 (n, labels) of several labels a case.

    From names, numbers, names between `|`, or `y_true0` ... Raises HarnessError for others.
    """
    arrays = dict(columns.arrays)
    if "y_true" not in arrays:
        spread = [columns.take(f"y_true{k}") for k in range(len(classes))]
        column = np.stack(spread, axis=1)
        if not np.isin(column, ("0", "1")).all():
            raise columns.fault("0 or 1 in 'y_true0' and the others", "another value")
        arrays["y_true"] = column.astype(np.int64)
    elif arrays["y_true"].dtype.kind in "bf":
        arrays["y_true"] = _counted(arrays["y_true"])
    found = dataclasses.replace(columns, arrays=arrays).targets("y_true", classes, kind)
    return found[1]


def _counted(column: NDArray[Any]) -> NDArray[Any]:
    """Numbers that are whole as integers; others as they are."""
    whole = np.isfinite(column).all() and np.array_equal(column, np.floor(column))
    return column.astype(np.int64) if whole else column


def at(columns: Columns, rows: NDArray[Any]) -> Columns:
    """The rows of an index array."""
    arrays = {name: array[rows] for name, array in columns.arrays.items()}
    return dataclasses.replace(columns, arrays=arrays)
