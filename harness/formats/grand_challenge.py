"""grand-challenge.org's `metrics.json`: cases by column, and what was measured of all of them."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import disk
from harness.cases import Scores
from harness.errors import HarnessError
from harness.formats._places import failed, free, places
from harness.formats._report import Report, Written
from harness.record import Measurement, Record

TASKS: tuple[str, ...] = ()
"""It holds no predictions that could be scored."""
FILE = "metrics.json"


def export(report: Report, folder: Path) -> Written:
    """A folder a record with `metrics.json`, as evaluation containers of grand-challenge.org do.

    {"case": {COLUMN: {"0": number, ...}}, "aggregates": {METRIC: {"value": ..., "count": ...}}},
    the form of evalutils (github.com/comic/evalutils): of cases, the columns of their table by
    position in the data. A row of a part of them is METRIC[KEY=VALUE,...]. No name has a dot, at
    which a leaderboard's JSON path is parted, and "_2" tells two apart. What is undefined is null,
    with its reason. Raises HarnessError where no record has numbers, and Unwritable.
    """
    entries = [entry for entry in report.entries if entry.record.status != "failed"]
    notes = failed(report.entries, FILE)
    if not entries:
        raise HarnessError(f"--to grand_challenge must have a record with numbers; {notes[0]}")
    paths = [place / FILE for place in places(entries, folder)]
    for entry, path in zip(entries, paths, strict=True):
        scores = report.scores(entry)
        disk.write_json(path, metrics(entry.record, scores))
        if scores is None:
            notes.append(f"{path} has no cases: {entry.record.run['id']} is not at hand")
    return Written(paths=paths, notes=notes)


def metrics(record: Record, scores: Scores | None) -> dict[str, Any]:
    """The object of one record."""
    classes = [str(name) for name in record.run.get("classes") or ()]
    return {
        "case": cases(scores or {}, classes),
        "aggregates": _named((named(row), aggregate(row)) for row in record.measurements),
    }


def cases(scores: Scores, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Column -> position of a case -> number, or numbers of its lesions; null where there is none.

    Columns of a class are called by it: `probability_NAME`, `dice_NAME`.
    """
    return _named(
        (_called(name, classes), {str(k): _plain(value) for k, value in enumerate(column)})
        for name, column in scores.items()
    )


def _named(every: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Each by its name without a dot, at which a leaderboard's JSON path would part it."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in every:
        found[free(name.replace(".", "_"), found)] = value
    return found


def _called(name: str, classes: Sequence[str]) -> str:
    match = re.fullmatch(r"(?:p|(.+)\.)(\d+)", name)
    if match is None or int(match[2]) >= len(classes):
        return name
    return f"{match[1] or 'probability'}_{classes[int(match[2])]}"


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in _flat(value)]
    number = float(value)
    return None if math.isnan(number) else number


def _flat(values: NDArray[Any]) -> list[Any]:
    listed: list[Any] = values.ravel().tolist()
    return listed


def named(row: Measurement) -> str:
    """`roc_auc`, and `roc_auc[group_sex=F]` of a part."""
    inside = ",".join(f"{key}={value}" for key, value in sorted(row.where.items()))
    return (f"{row.metric}[{inside}]" if inside else row.metric).replace(".", "_")


def aggregate(row: Measurement) -> dict[str, Any]:
    """A row as flat fields; `value` is null exactly where there is a `reason`."""
    low, high = row.ci or (None, None)
    fields: Mapping[str, Any] = {
        "count": row.n,
        "over": row.over,
        "excluded": row.excluded or None,
        "ci_low": low,
        "ci_high": high,
        "level": row.level,
        "p": row.p,
        "kind": None if row.kind == "value" else row.kind,
        "unit": None if row.unit == "1" else row.unit,
        "better": row.better,
        "method": row.method,
        "reason": row.reason,
    }
    return {"value": row.value, **{k: v for k, v in fields.items() if v is not None}}
