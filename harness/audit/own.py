"""One's own tables, read with their faults: what `arrays` refuses is found out case by case."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from harness.audit.finding import Finding
from harness.audit.labels import out_of_range
from harness.datasets import arrays
from harness.errors import HarnessError
from harness.samples import Samples
from harness.suite import Dataset

PARTS = ("train", "val", "test")


def with_faults(dataset: Dataset, root: Path | None) -> tuple[list[Samples], list[Finding]]:
    """The cases of each part by the column `official`, or all; and what is wrong with the table.

    Labels that are none of the declared classes are classes here. Raises HarnessError where it
    cannot be read at all.
    """
    args: dict[str, Any] = dict(dataset.args)
    official, groups = args.pop("official", ""), list(args.pop("groups", ()))
    extra = [official] if official and official not in groups else []
    declared = tuple(args.get("classes", ()))
    try:
        whole = arrays.load("all", root, **args, groups=[*groups, *extra])
        found: list[Finding] = []
    except HarnessError:
        if not declared:
            raise
        loose = {key: value for key, value in args.items() if key != "classes"}
        whole = arrays.load("all", root, **loose, groups=[*groups, *extra])
        whole, found = _declared(whole, declared)
    if not official:
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


def _declared(whole: Samples, declared: tuple[str, ...]) -> tuple[Samples, list[Finding]]:
    """With the declared classes first, and others after them."""
    others = [name for name in whole.classes if name not in declared]
    names = (*declared, *others)
    if whole.targets.ndim == 2:
        targets = np.zeros((len(whole), len(names)), dtype=np.int64)
        for k, name in enumerate(whole.classes):
            targets[:, names.index(name)] = whole.targets[:, k]
        rows = np.flatnonzero(targets[:, len(declared) :].any(axis=1))
    else:
        place = np.array([names.index(name) for name in whole.classes])
        targets = place[whole.targets]
        rows = np.flatnonzero(targets >= len(declared))
    fault = out_of_range(tuple(whole.ids[rows].tolist()), ", ".join(declared), others, len(rows))
    return dataclasses.replace(whole, targets=targets, classes=names), [fault]
