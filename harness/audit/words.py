"""What columns of metadata are called, and what stands in them where nothing is known."""

import re

import numpy as np
from numpy.typing import NDArray

from harness.audit.collected import Collected
from harness.audit.finding import some

UNKNOWN = frozenset(
    ("", "?", "-", "na", "n/a", "nan", "null", "unknown", "unk", "missing", "not known")
)
"""In small letters."""


def words(name: str) -> list[str]:
    """The words of a column's name: "PatientAge", "patient_age" and "Patient Age" have "age"."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.findall(r"[a-z]+", parted.lower())


def is_unknown(text: str) -> bool:
    """Is it empty, or a word for it?"""
    return text.strip().lower() in UNKNOWN


def tally(n: int, column: str, one: str, several: str) -> str:
    """1 value of 'age' is 0, 2 values of 'age' are 0."""
    return f"{n:,} value{'' if n == 1 else 's'} of {column!r} {one if n == 1 else several}"


def quoted(data: Collected, column: str, rows: NDArray[np.int64]) -> str:
    """The first values of these rows, each with its case."""
    texts = data.columns[column][rows].tolist()
    return some([f"{text!r} ({id})" for text, id in zip(texts, data.named(rows), strict=True)])
