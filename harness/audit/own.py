"""One's own tables, read with their faults: what `arrays` refuses is found out case by case."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.audit.finding import Finding, count, some
from harness.audit.labels import out_of_range
from harness.datasets import arrays
from harness.datasets._columns import Columns, indices
from harness.errors import HarnessError
from harness.samples import Kind, Samples
from harness.suite import Dataset

PARTS = ("train", "val", "test")
MISSING = "no label"
"""What cases without a label are called."""


def with_faults(dataset: Dataset, root: Path | None) -> tuple[list[Samples], list[Finding]]:
    """The cases of each part by the column `official`, or all; and what is wrong with the table.

    Labels that are none of the declared classes are classes here, and so is a missing one. Raises
    HarnessError where it cannot be read at all.
    """
    args: dict[str, Any] = dict(dataset.args)
    columns = arrays.table(root, args.pop("file"))
    official, groups = args.pop("official", ""), list(args.pop("groups", ()))
    extra = [official] if official and official not in groups else []
    label, declared = args.pop("label", "label"), tuple(args.pop("classes", ()))
    labels = _labels(columns, label, declared, args.get("kind", "nominal"))
    whole = arrays.cases("all", columns, labels, **args, groups=[*groups, *extra])
    found = list(_wrong(whole, declared))
    if not official or dataset.split is not None:
        return [whole], found
    where = whole.groups[official]
    kept = {name: whole.groups[name] for name in groups}
    whole = dataclasses.replace(whole, groups=kept)
    parts = [
        dataclasses.replace(whole.at(rows), split=name)
        for name in PARTS
        if len(rows := np.flatnonzero(where == name))
    ]
    lost = np.flatnonzero(~np.isin(where, PARTS))
    if len(lost):
        got = ", ".join(sorted({repr(str(text)) for text in where[lost]}))
        found.append(
            Finding(
                severity="fault",
                code="no-split",
                message=f"{len(lost):,} of {len(where):,} cases are in no split: {official!r} says "
                f"{got}; write train, val or test",
                cases=tuple(whole.ids[lost].tolist()),
            )
        )
    return parts, found


def _labels(
    columns: Columns, name: str, declared: tuple[str, ...], kind: str
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """As `Columns.targets`, others after the declared classes; grades need no numbers here."""
    loose: Kind = "multilabel" if kind == "multilabel" else "nominal"
    try:
        return columns.targets(name, declared, loose)
    except HarnessError:
        if columns.array(name).ndim != 1:
            raise
    names, targets = _filled(columns, name, loose).targets(name, (), loose)
    classes = declared or tuple(each for each in names if each != MISSING)
    known = indices(classes) if loose == "nominal" else {n: k for k, n in enumerate(classes)}
    others = tuple(each for each in names if each not in known)
    place = known | {each: len(classes) + k for k, each in enumerate(others)}
    to = np.array([place[each] for each in names])
    if targets.ndim == 1:
        return (*classes, *others), to[targets]
    found = np.zeros((len(targets), len(classes) + len(others)), dtype=np.int64)
    found[:, to] = targets
    return (*classes, *others), found


def _filled(columns: Columns, name: str, kind: Kind) -> Columns:
    """With a name for a missing label, where a case needs one."""
    if kind == "multilabel":
        return columns
    texts = columns.take(name)
    return Columns(columns.path, {**columns.arrays, name: np.where(texts == "", MISSING, texts)})


def _wrong(whole: Samples, declared: Sequence[str]) -> Iterator[Finding]:
    """Labels that are missing, and those that are none of the declared classes."""
    lost = _ids(whole, [MISSING])
    if lost:
        yield Finding(
            severity="fault",
            code="missing-label",
            message=f"{count(len(lost), 'case has', 'cases have')} no label: {some(lost)}; label "
            "them, or leave them out",
            cases=lost,
        )
    others = [name for name in whole.classes if declared and name not in (*declared, MISSING)]
    strange = _ids(whole, others)
    if strange:
        yield out_of_range(strange, ", ".join(declared), others, len(strange))


def _ids(whole: Samples, names: Sequence[str]) -> tuple[str, ...]:
    """Of the cases that are of one of these classes."""
    mine = [k for k, name in enumerate(whole.classes) if name in names]
    several = whole.targets.ndim == 2
    held = whole.targets[:, mine].any(axis=1) if several else np.isin(whole.targets, mine)
    return tuple(whole.ids[held].tolist())
