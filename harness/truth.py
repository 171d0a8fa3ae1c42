"""What the data says of its cases, without a model: ids, labels, subjects and groups."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness import shelf
from harness.datasets._medmnist_files import table
from harness.errors import HarnessError
from harness.remote import find
from harness.splits import WHOLE, part
from harness.suite import Dataset


def absent(dataset: Dataset, root: Path | None) -> str | None:
    """Why the data is not here, or None where it is; nothing is downloaded.

    Raises HarnessError for arguments that its reader does not take.
    """
    reader = shelf.load("datasets", dataset.load)
    if hasattr(reader, "remotes"):
        lost = [file.name for file in reader.remotes(**dataset.args) if find(root, file) is None]
        return f"{', '.join(lost)} is not there" if lost else None
    try:
        reader.fingerprint(root, **dataset.args)
    except HarnessError as error:
        return str(error)
    return None


def fingerprint(dataset: Dataset, root: Path | None) -> str:
    """What identifies the contents of data that is here. Raises HarnessError where it is wrong."""
    found: str = shelf.load("datasets", dataset.load).fingerprint(root, **dataset.args)
    return found


def published_counts(dataset: Dataset) -> Mapping[str, int]:
    """How many cases each split has, by those who published it: known where the data is not here.

    Empty for data of one's own.
    """
    published = dataset.load == "medmnist" and dataset.split is None
    return table()[dataset.args["flag"]]["n_samples"] if published else {}


def cases(dataset: Dataset, split: str, root: Path | None) -> Any:
    """`Samples` or `Volumes` of `split` as a record has them: divided and in bands as declared.

    With folds the test cases are those of all folds, one fold after the other. Raises HarnessError
    where the data cannot be read, or with folds for another split than test.
    """
    reader = shelf.load("datasets", dataset.load)
    declared = dataset.split
    if declared is None:
        found = reader.load(split, root, **dataset.args)
        return found.banded(dataset.groups)
    whole = reader.load(WHOLE, root, **dataset.args)
    if declared.folds is None:
        return part(whole, declared, split, None, root).banded(dataset.groups)
    if split != "test":
        raise HarnessError(f"split must be test where data is divided into folds, got {split!r}")
    parts = [part(whole, declared, split, fold) for fold in range(declared.folds)]
    place = {name: row for row, name in enumerate(whole.ids.tolist())}
    rows = [place[name] for each in parts for name in each.ids.tolist()]
    return dataclasses.replace(whole.at(np.array(rows)).banded(dataset.groups), split=split)
