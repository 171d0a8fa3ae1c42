"""Parquet with a row a case: the columns of a CSV, of a run's folder, or of an accepted file."""

import io
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from harness.cases import CLASSES, KIND
from harness.datasets._columns import Columns
from harness.disk import read_table
from harness.disk import write as write_file
from harness.errors import HarnessError
from harness.formats._joined import joined, plain
from harness.formats._unread import Told
from harness.predictions import Predictions
from harness.samples import Kind
from harness.suite import Suite

MAGIC = b"PAR1"


def sniff(path: Path) -> bool:
    """Whether a file begins as Parquet does, whatever it is called."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read(path: Path, suite: Suite, root: Path | None) -> Predictions:
    """The cases of the file in the order of the data of the suite's one dataset.

    Columns are those of `formats/csv.py`; classes and their kind may stand in the metadata, where
    `write` puts them. Raises HarnessError as `joined` does, and for a file that is no such table.
    """
    import pyarrow as pa

    try:
        table = read_table(path.read_bytes())
        arrays = {name: _array(table[name]) for name in table.column_names}
        told = _told(table.schema.metadata or {})
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        first = str(error).partition("\n")[0]
        raise HarnessError(f"{path} must be a table in Parquet, got: {first}") from None
    if not arrays or not len(next(iter(arrays.values()))):
        raise HarnessError(f"{path} must have rows, got none")
    return joined(Columns(path, arrays), suite, root, told)


def write(predictions: Predictions, folder: Path, *, name: str) -> Path:
    """Write the shipped variant as NAME.parquet into `folder`; classes and kind as metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {CLASSES: json.dumps(predictions.classes), KIND: predictions.kind}
    buffer = io.BytesIO()
    pq.write_table(pa.table(plain(predictions)).replace_schema_metadata(about), buffer)
    path = folder / f"{name}.parquet"
    write_file(path, buffer.getvalue())
    return path


def _array(column: Any) -> NDArray[Any]:
    """Text with "" for what is missing, or numbers with NaN."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if any(
        of(column.type) for of in (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
    ):
        return np.array(["" if cell is None else cell for cell in column.to_pylist()], dtype=str)
    found: NDArray[Any] = column.to_numpy()
    if found.dtype.kind not in "biuf":
        raise ValueError(f"a column of {column.type}")
    return found


def _told(about: dict[bytes, bytes]) -> Told:
    """Classes and kind, where the metadata has them."""
    classes = tuple(str(name) for name in json.loads(about.get(CLASSES.encode(), b"[]")))
    said = about.get(KIND.encode(), b"").decode()
    kinds: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
    return Told(classes=classes, kind=kinds.get(said))
