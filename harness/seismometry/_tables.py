"""The two tables of a project in Parquet: predictions with their groups, and what was true."""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cohorts import UNKNOWN
from harness.predictions import Predictions
from harness.question import in_order
from harness.seismometry._names import Column, Target, plain

SAID, SEEN = datetime(2000, 1, 1), datetime(2000, 1, 2)
"""Images have no times, and seismometer asks for some: all predictions, and all that was true."""
HIGHEST = 0.99999
"""It rounds to five decimals, and where some score is 1 then, its AUROC lacks the first step."""


def predictions(table: Predictions, made: Sequence[Target], groups: Sequence[Column]) -> bytes:
    """A row a case: whose and which it is, probability and decision of each target, groups."""
    import pyarrow as pa

    cases = _cases(table)
    whole: dict[str, Any] = {
        "Id": _people(table, cases),
        "Case": cases,
        "Time": pa.array([SAID] * len(table), type=pa.timestamp("ns")),
    }
    for target in made:
        whole[target.score] = np.minimum(table.probability[:, target.k], HIGHEST)
        whole[target.decided] = table.decided[:, target.k].astype(np.float64)
    for column in groups:
        values = named(table, column.group)
        known = ordered(values)
        codes = pa.array([known.index(value) for value in values], type=pa.int32())
        whole[column.source] = pa.DictionaryArray.from_arrays(codes, known, ordered=True)
    return _file(whole)


def events(table: Predictions, made: Sequence[Target]) -> bytes:
    """A row a case and target: whether it is true, 1.0 or 0.0."""
    import pyarrow as pa

    cases = _cases(table)
    n = len(table) * len(made)
    truth = table.truth[:, [target.k for target in made]]
    return _file(
        {
            "Id": np.tile(_people(table, cases), len(made)),
            "Case": np.tile(cases, len(made)),
            "Type": np.repeat([target.event for target in made], len(table)),
            "EventTime": pa.array([SEEN] * n, type=pa.timestamp("ns")),
            "Value": truth.T.reshape(-1).astype(np.float64),
        }
    )


def named(table: Predictions, group: str) -> list[str]:
    """The value of each case in a group column, as the files have it."""
    return [plain(value) if value else UNKNOWN for value in table.groups[group].tolist()]


def ordered(values: Sequence[str]) -> list[str]:
    """Each value once, bands from the lowest."""
    return sorted(set(values), key=in_order)


def _cases(table: Predictions) -> NDArray[Any]:
    """The id of each case; with its row where an id is there twice."""
    ids = table.id.astype(str)
    if len(set(ids.tolist())) == len(ids):
        return ids
    return np.array([f"{name} #{row}" for row, name in enumerate(ids.tolist())])


def _people(table: Predictions, cases: NDArray[Any]) -> NDArray[Any]:
    """The subject of each case, itself where none is known."""
    if table.subject is None:
        return cases
    subject = table.subject.astype(str)
    return np.where(subject == "", cases, subject)


def _file(whole: dict[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table(whole), buffer)
    return buffer.getvalue()
