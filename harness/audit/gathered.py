"""The cases of a dataset as they would be trained on and tested, with what cannot be read."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness import shelf, truth
from harness.audit import own, volumes
from harness.audit.collected import Collected, Images
from harness.audit.finding import Finding
from harness.audit.images import joined, looked_at
from harness.errors import HarnessError
from harness.samples import Samples
from harness.splits import PARTS, WHOLE, part
from harness.suite import Dataset
from harness.volumes import Volumes

Heard = Callable[[str], None]
"""Is told what is looked at now."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """`data` is None where nothing could be read; `findings` say why, or what is left out."""

    data: Collected | None
    findings: list[Finding]


def gathered(dataset: Dataset, root: Path | None, heard: Heard) -> Gathered:
    """All splits of a dataset; with folds each fold is one. Nothing is downloaded.

    Raises HarnessError for arguments that its reader does not take.
    """
    lost = truth.absent(dataset, root) if not _table(dataset) else None
    if lost is not None:
        return Gathered(data=None, findings=[unreadable("the data", lost)])
    parts, findings = _parts(dataset, root)
    if not parts:
        return Gathered(data=None, findings=findings)
    if isinstance(parts[0], Volumes):
        data, unread = _volumes(parts, dataset, heard)
        return Gathered(data=data, findings=[*findings, *unread])
    return Gathered(data=_images(parts, dataset, heard), findings=findings)


def _table(dataset: Dataset) -> bool:
    return dataset.load == "arrays"


def unreadable(what: str, why: str) -> Finding:
    """Of a split or case that is left out."""
    return Finding(severity="fault", code="unreadable", message=f"{what} was not read: {why}")


def _refused(why: str) -> Finding:
    """Of a table that `harness run` does not take, of which other findings say all."""
    return Finding(severity="fault", code="refused", message=f"no Run reads this table: {why}")


def _parts(dataset: Dataset, root: Path | None) -> tuple[list[Any], list[Finding]]:
    """Each split that can be read."""
    load = shelf.load("datasets", dataset.load).load
    try:
        if dataset.split is None:
            return _official(load, dataset, root)
        whole, faults = load(WHOLE, root, **dataset.args), list[Finding]()
    except HarnessError as error:
        if not _table(dataset):
            return [], [unreadable("the data", str(error))]
        try:
            found, faults = own.with_faults(dataset, root)
        except HarnessError as why:
            return [], [unreadable("the data", str(why))]
        faults.append(_refused(str(error)))
        if dataset.split is None:
            return found, faults
        whole = found[0]
    try:
        return list(_divided(whole, dataset, root)), faults
    except HarnessError as error:
        return [whole], [*faults, unreadable("its division into splits", str(error))]


def _official(load: Any, dataset: Dataset, root: Path | None) -> tuple[list[Any], list[Finding]]:
    """As somebody divided it. Raises HarnessError for the first fault of one's own table."""
    parts, faults = [], []
    for name in PARTS:
        try:
            parts.append(load(name, root, **dataset.args))
        except HarnessError as error:
            if _table(dataset):
                raise
            faults.append(unreadable(f"split {name}", str(error)))
    return parts, faults


def _divided(whole: Any, dataset: Dataset, root: Path | None) -> Iterator[Any]:
    """As the suite divides it."""
    declared = dataset.split
    if declared is None:
        return
    if declared.folds is None:
        for name in PARTS:
            yield part(whole, declared, name, None, root)
        return
    for fold in range(declared.folds):
        tested = part(whole, declared, "test", fold, root)
        yield dataclasses.replace(tested, split=f"fold {fold}")


def _about(parts: list[Any], dataset: Dataset) -> dict[str, Any]:
    """What images and volumes have in common."""
    named = all(each.subjects is not None for each in parts)
    columns = [name for name in parts[0].groups if all(name in each.groups for each in parts)]
    return {
        "splits": tuple(each.split for each in parts),
        "ids": np.concatenate([each.ids.astype(str) for each in parts]),
        "split": np.concatenate([np.full(len(each), each.split) for each in parts]),
        "classes": tuple(parts[0].classes),
        "subjects": np.concatenate([e.subjects.astype(str) for e in parts]) if named else None,
        "columns": {
            name: np.concatenate([each.groups[name].astype(str) for each in parts])
            for name in columns
        },
        "bands": tuple(dataset.groups),
    }


def _images(parts: list[Samples], dataset: Dataset, heard: Heard) -> Collected:
    """Each split is looked at, and goes again but for small copies."""
    targets, kind, about = [each.targets for each in parts], parts[0].kind, _about(parts, dataset)
    seen: list[Images] = []
    while parts:
        each = parts.pop(0)
        if each.pixels.size:
            seen.append(looked_at(each.pixels))
        heard(f"{len(each)} {each.split} cases read")
    return Collected(
        **about,
        targets=np.concatenate(targets),
        kind=kind,
        images=joined(seen) if seen else None,
    )


def _volumes(
    parts: list[Volumes], dataset: Dataset, heard: Heard
) -> tuple[Collected | None, list[Finding]]:
    """One read at a time; those that cannot be are left out and named.

    The first one says whether all are flat, so that small copies are of one size.
    """
    seen: list[volumes.Seen] = []
    kept, faults = [], []
    for each in parts:
        rows = []
        for row, case in enumerate(each.ids.tolist()):
            try:
                read = each.read(case)
                flat = seen[0].small.ndim == 2 if seen else read.image.shape[-1] == 1
                seen.append(volumes.look(read, each.classes, flat=flat))
                rows.append(row)
            except HarnessError as error:
                faults.append(dataclasses.replace(unreadable(case, str(error)), cases=(str(case),)))
            heard(f"{row + 1} of {len(each)} {each.split} cases read")
        kept.append(each.at(np.array(rows, dtype=np.int64)))
    if not seen:
        return None, faults
    return volumes.together(seen, **_about(kept, dataset)), faults
