"""Data without an official split, divided by subject: into train, val and test, or into folds."""

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.samples import Samples
from harness.suite import Split
from harness.volumes import Volumes

Data = TypeVar("Data", Samples, Volumes)
PARTS = ("train", "val", "test")

WHOLE = "all"
"""What a reader calls the cases of data that has no split of its own."""


def part(
    samples: Data, split: Split, name: str, fold: int | None, root: Path | None = None
) -> Data:
    """The cases of `name` (train, val or test) among all; the order of the data stays.

    With folds, fold k is test, the next one val, and the others train; so each case is tested once.
    A file below `root` names the cases of each part, and leaves out those that it does not name.
    Raises HarnessError where subjects are asked for and not known, where a part is left empty, or
    where the file is none of these cases or has a subject in two parts.
    """
    units = _units(samples, split)
    if split.file is not None:
        chosen = _listed(samples, units, (root or Path()) / split.file, name)
        return dataclasses.replace(samples.at(chosen), split=name)
    parts = _parts(units, _labels(samples, units), split, fold)
    chosen = np.flatnonzero(parts[units] == name)
    if not len(chosen):
        kinds = f"{split.by}s"
        raise HarnessError(
            f"{name} must have a case, got none of {len(samples)} in {len(parts)} {kinds}; "
            "change split or bring more data"
        )
    return dataclasses.replace(samples.at(chosen), split=name)


def dose(samples: Data, subjects: int, seed: int) -> Data:
    """The cases of so many subjects, drawn by a seed; those of fewer are among those of more.

    Raises HarnessError where there are not as many.
    """
    who = samples.ids if samples.subjects is None else samples.subjects
    known, units = np.unique(who, return_inverse=True)
    if subjects > len(known):
        raise HarnessError(f"train_subjects must be at most {len(known)}, got {subjects}")
    drawn = np.random.default_rng(seed).permutation(len(known))[:subjects]
    return samples.at(np.flatnonzero(np.isin(units, drawn)))


def subjects(samples: Data) -> int:
    """How many there are; of cases that nobody is named for, each is one."""
    return len(np.unique(samples.ids if samples.subjects is None else samples.subjects))


def _listed(samples: Data, units: NDArray[np.int64], file: Path, name: str) -> NDArray[np.int64]:
    """The places of the cases that a file names for a part."""
    try:
        parts = json.loads(file.read_text(encoding="utf-8"))
        wanted = {key: {str(case) for case in parts[key]} for key in PARTS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        must = 'be JSON like {"train": ["case-1"], "val": [...], "test": [...]}'
        raise HarnessError(f"split.file {file} must {must}, got {_told(error)}") from None
    ids = samples.ids.astype(str)
    unknown = sorted(set().union(*wanted.values()) - set(ids.tolist()))
    if unknown:
        raise HarnessError(
            f"split.file {file} must name cases of the data, got {unknown[0]!r}; they are "
            f"named as {ids[0]}"
        )
    masks = {key: np.isin(ids, list(named)) for key, named in wanted.items()}
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        both = np.intersect1d(units[masks[a]], units[masks[b]])
        if len(both):
            case = ids[units == both[0]][0]
            raise HarnessError(f"split.file {file} must part subjects, got {case} in {a} and {b}")
    if not masks[name].any():
        raise HarnessError(f"split.file {file} must name a case of {name}, got none")
    return np.flatnonzero(masks[name])


def _told(error: Exception) -> str:
    """What is wrong with a file, in words."""
    if isinstance(error, KeyError):
        return f"no {error.args[0]!r}"
    if isinstance(error, TypeError):
        return "another shape; a list of folds, as nnU-Net's, has no test: name one fold's parts"
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _units(samples: Data, split: Split) -> NDArray[np.int64]:
    """(n,) the code of the unit that each case belongs to."""
    if split.by == "image":
        return np.arange(len(samples))
    if samples.subjects is None:
        raise HarnessError(
            "split.by must be image where the data names no subjects, got subject; "
            "name the column of subjects, if there is one"
        )
    codes: NDArray[np.int64] = np.unique(samples.subjects, return_inverse=True)[1]
    return codes


def _labels(samples: Data, units: NDArray[np.int64]) -> NDArray[np.int64]:
    """(units,) the highest class of a unit's cases, so that rare illness is spread evenly."""
    classes = samples.targets if samples.targets.ndim == 1 else samples.targets.sum(axis=1)
    labels = np.zeros(units.max() + 1, dtype=np.int64)
    np.maximum.at(labels, units, classes)
    return labels


def _parts(
    units: NDArray[np.int64], labels: NDArray[np.int64], split: Split, fold: int | None
) -> NDArray[Any]:
    """(units,) the name of the part of each unit; within a label, as many as its share is."""
    rng = np.random.default_rng(split.seed)
    shuffled = rng.permutation(len(labels))
    ordered = shuffled[np.argsort(labels[shuffled], kind="stable")]
    place = np.empty(len(labels))
    if split.folds is not None:
        place[ordered] = np.arange(len(labels)) % split.folds
        apart = (place - (fold or 0)) % split.folds
        return np.select([apart == 0, apart == 1], ["test", "val"], "train")
    for label in np.unique(labels):
        members = ordered[labels[ordered] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    test, val = split.test or 0.0, split.val or 0.0
    return np.select([place < test, place < test + val], ["test", "val"], "train")
