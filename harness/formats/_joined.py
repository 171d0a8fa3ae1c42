"""A table of predictions in plain columns: joined by id to what is known of the cases, and made."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import truth
from harness.cases import SHIPPED
from harness.datasets._columns import Columns
from harness.errors import HarnessError
from harness.formats import _names, _unread
from harness.formats._names import GROUP, NUMBERED, SPLITS
from harness.predict import widen
from harness.predictions import Predictions, decide
from harness.samples import Samples
from harness.suite import Suite

SHOWN = 3
"""Cases named in an error."""


def joined(
    columns: Columns, suite: Suite, root: Path | None, told: _unread.Told = _unread.NOTHING
) -> Predictions:
    """The rows of a table as predictions, in the order of the data; `suite` has one dataset.

    Labels, subjects and groups are those of the data, where it is here, and those of the table
    where it is not; what the data does not know of a case the table may add. Raises HarnessError
    where a case is missing, twice or unknown, where labels differ, and for what is no probability.
    """
    [(name, dataset)] = suite.datasets.items()
    reason = truth.absent(dataset, root)
    parts = []
    for split, rows in _by_split(columns):
        if reason is None:
            known = truth.cases(dataset, split, root)
            _agree(rows, known, told)
        else:
            known = _unread.cases(rows, split, dataset, told, reason)
        parts.append(_part(rows, known, name, suite.policy.threshold))
    return Predictions.concatenated(parts)


def _by_split(columns: Columns) -> Iterator[tuple[str, Columns]]:
    """The rows of the shipped variant by split; without a column all are of test."""
    n, found = len(columns), columns.arrays
    mine = columns.take("variant") == SHIPPED if "variant" in found else np.ones(n, dtype=bool)
    split = columns.take("split") if "split" in found else np.full(n, "test")
    named = sorted(set(split[mine].tolist()))
    if stray := [each for each in named if each not in SPLITS]:
        raise columns.fault("train, val or test in 'split'", repr(stray[0]))
    if "test" not in named:
        raise columns.fault("cases of test", f"{' and '.join(named) or 'none'} alone")
    for each in SPLITS:
        if each in named:
            yield each, _names.at(columns, np.flatnonzero(mine & (split == each)))


def _agree(columns: Columns, known: Samples, told: _unread.Told) -> None:
    """Raises HarnessError where a file names other classes, another kind or order than the data."""
    if told.classes and told.classes != known.classes:
        got = ", ".join(told.classes)
        raise columns.fault(f"classes {', '.join(known.classes)} as the data", got)
    if told.kind and told.kind != known.kind:
        raise columns.fault(f"classes of kind {known.kind} as the data", told.kind)
    _same_numbers(columns, known)


def _same_numbers(columns: Columns, known: Samples) -> None:
    """Raises HarnessError where a row has an id, and the index of another case."""
    if not {"id", "index"} <= columns.arrays.keys():
        return
    number = {case: str(k) for k, case in enumerate(known.ids.astype(str).tolist())}
    pairs = zip(columns.take("id").tolist(), columns.take("index").tolist(), strict=True)
    apart = [case for case, told in pairs if number.get(case, told) != told]
    if apart:
        got = f"another case in {len(apart)} of {len(columns)} {known.split} rows, {_some(apart)}"
        raise columns.fault("the same case in 'id' and 'index', or one of the two columns", got)


def _part(columns: Columns, known: Samples, name: str, threshold: float) -> Predictions:
    names = _names.scores(columns, known.classes, known.kind)
    rows = _names.at(columns, _rows(columns, known, name))
    if _names.labelled(rows):
        _same_labels(rows, known)
    scores = np.stack([_names.numbers(rows, each) for each in names], axis=1)
    try:
        probability = widen(scores, len(known.classes), known.kind)
    except HarnessError as error:
        raise HarnessError(f"{columns.path}: {error}") from None
    added = [key for key in rows.arrays if key.startswith(GROUP)]
    groups = {key.removeprefix(GROUP): rows.take(key) for key in added}
    return Predictions(
        classes=known.classes,
        kind=known.kind,
        id=known.ids,
        split=np.full(len(known), known.split),
        variant=np.full(len(known), SHIPPED),
        y_true=known.targets,
        probability=probability,
        decision=decide(probability, known.kind, threshold),
        subject=_people(rows, known),
        groups={**groups, **known.groups},
    )


def _people(rows: Columns, known: Samples) -> NDArray[Any] | None:
    """Whom each case is of; one whom the table does not name is of somebody else."""
    if known.subjects is not None or "subject" not in rows.arrays:
        return known.subjects
    named = rows.take("subject")
    return np.where(named == "", known.ids.astype(str), named)


def _rows(columns: Columns, known: Samples, name: str) -> NDArray[np.int64]:
    """(n,) the row of each case of `known`; every case has one, and every row a case."""
    key = _names.key(columns)
    ids, wanted = columns.take(key).tolist(), known.ids.astype(str).tolist()
    if key in NUMBERED:
        numbered = {str(number): each for number, each in enumerate(wanted)}
        ids = [numbered.get(each, f"{key or 'row'} {each}") for each in ids]
    place = {each: row for row, each in enumerate(ids)}
    if len(place) < len(ids):
        [(twice, times)] = Counter(ids).most_common(1)
        raise columns.fault(f"each case of {known.split} once", f"{twice} in {times} rows")
    lost = [each for each in wanted if each not in place]
    there = set(wanted)
    stray = [each for each in ids if each not in there]
    if lost or stray:
        cases = f"each of the {len(wanted)} {known.split} cases of {name}"
        raise columns.fault(cases, _told(lost, stray, counted=key not in NUMBERED))
    return np.array([place[each] for each in wanted], dtype=np.int64)


def _told(lost: Sequence[str], stray: Sequence[str], counted: bool) -> str:
    said = [f"no prediction of {len(lost)}, {_some(lost)}"] if lost else []
    said += [f"{len(stray)} that are none of them, {_some(stray)}"] if stray else []
    numbers = stray and counted and all(map(str.isdecimal, stray))
    hint = "; a column that counts the cases from 0 is called index" if numbers else ""
    return ", and ".join(said) + hint


def _some(ids: Sequence[str]) -> str:
    return " ".join(ids[:SHOWN]) + (" ..." if len(ids) > SHOWN else "")


def _same_labels(rows: Columns, known: Samples) -> None:
    """Raises HarnessError where the table has other labels than the data."""
    found = _names.labels(rows, known.classes, known.kind)
    apart = found != known.targets
    wrong = np.flatnonzero(apart.any(axis=1) if apart.ndim == 2 else apart)
    if len(wrong):
        got = f"others in {len(wrong)} of {len(known)} {known.split} cases"
        first = _some(known.ids[wrong].astype(str).tolist())
        raise rows.fault("the labels of the data in 'y_true'", f"{got}, {first}")


def plain(predictions: Predictions) -> dict[str, NDArray[Any]]:
    """The shipped variant as columns that `joined` reads: class indices and a column a class.

    A column of probabilities is called as its class where no other is called so, else `p0` ...
    Raises HarnessError where there is no case.
    """
    mine = (predictions.variant == SHIPPED) & np.isin(predictions.split, SPLITS)
    table = predictions.where(mine)
    if not len(table):
        raise HarnessError("predictions to be written must have cases, got none that ships")
    columns: dict[str, NDArray[Any]] = {"id": table.id.astype(str), "split": table.split}
    if table.subject is not None:
        columns["subject"] = table.subject
    columns |= {f"{GROUP}{name}": column for name, column in table.groups.items()}
    several = table.y_true.ndim == 2
    width = len(table.classes)
    columns |= (
        {f"y_true{k}": table.y_true[:, k] for k in range(width)}
        if several
        else {"y_true": table.y_true}
    )
    names = _names.of_classes(table.classes)
    return columns | {name: table.probability[:, k] for k, name in enumerate(names)}


def only(suite: Suite, name: str) -> Suite:
    """The suite with one of its datasets."""
    return dataclasses.replace(suite, datasets={name: suite.datasets[name]})
