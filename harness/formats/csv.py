"""A CSV with a header and a row a case: an id or index, and a probability a class."""

import csv
import dataclasses
import io
from pathlib import Path

import numpy as np

from harness.datasets._columns import Columns, read_csv
from harness.disk import write as write_file
from harness.errors import HarnessError
from harness.formats import medmnist
from harness.formats._joined import joined, plain
from harness.predictions import Predictions
from harness.suite import Suite

DELIMITERS = (";", "\t", "|")


def sniff(path: Path) -> bool:
    """Whether the name is that of a CSV, and not of MedMNIST's own."""
    return path.suffix.lower() == ".csv" and not medmnist.sniff(path)


def read(path: Path, suite: Suite, root: Path | None) -> Predictions:
    """The cases of the file in the order of the data of the suite's one dataset.

    Columns: `id`, or `index` from 0; a probability a class, called as the classes, `p0` ..., or
    for two classes `probability` of the second; and if wanted `split` (else all are of test),
    `y_true`, `subject` and `group.NAME`. Raises HarnessError as `joined` does, and for a file that
    is no such table.
    """
    return joined(_trimmed(path), suite, root)


def write(predictions: Predictions, folder: Path, *, name: str) -> Path:
    """Write the shipped variant as NAME.csv into `folder`; floats are exact."""
    columns = plain(predictions)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    path = folder / f"{name}.csv"
    write_file(path, text.getvalue())
    return path


def _trimmed(path: Path) -> Columns:
    """The columns without spaces around names and cells."""
    found = read_csv(path)
    header = list(found.arrays)
    if len(header) == 1 and (wrong := next((d for d in DELIMITERS if d in header[0]), None)):
        raise HarnessError(f"{path} must have commas between its columns, got {wrong!r}")
    names = [name.strip() for name in header]
    if len(set(names)) < len(names):
        raise found.fault("each column once", ", ".join(names))
    cells = [np.char.strip(array) for array in found.arrays.values()]
    return dataclasses.replace(found, arrays=dict(zip(names, cells, strict=True)))
