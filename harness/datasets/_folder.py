"""A folder of volumes with masks, as a suite asks for it: its cases, and one of them read."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from harness.datasets import _labels, _layouts
from harness.datasets._case import Grid, case
from harness.datasets._layouts import Files
from harness.datasets._nifti import read_nifti
from harness.errors import HarnessError
from harness.volumes import Case

NONE: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The cases of a folder, and how they are read.

    stored: how many channels a case has, in a file each where they are `apart`; channels: which of
    them are shown.
    """

    folder: Path
    cases: Mapping[str, Files]
    subjects: Mapping[str, str]
    classes: tuple[str, ...]
    values: Mapping[int, int]
    stored: int
    channels: tuple[int, ...]
    apart: bool


def found(
    root: Path | None,
    *,
    folder: str,
    layout: str = "",
    labels: Sequence[str] = (),
    classes: Sequence[str] = (),
    merge: Mapping[str, Sequence[str]] = NONE,
    modalities: Sequence[str] = (),
    channels: Sequence[str] = (),
    subject: str = "",
) -> Folder:
    """What the arguments of `load` find below `root`; no image is read.

    Raises HarnessError where there is no such folder, or it is not as they say.
    """
    path = (root or Path()) / folder
    if not path.is_dir():
        raise HarnessError(
            f"folder must be one below the data root, got {path}; name the root by --data"
        )
    about = _layouts.described(path)
    kind = _layouts.recognised(path, about, layout)
    stored = _labels.stored_channels(about, modalities, path)
    places = _labels.places(stored, channels)
    cases = _layouts.cases(path, kind, about, places, len(stored))
    names, values = _labels.chosen(_labels.stored_labels(about, labels, path), classes, merge)
    return Folder(
        folder=path,
        cases={each.id: each for each in cases},
        subjects={each.id: _person(each.id, subject) for each in cases},
        classes=names,
        values=values,
        stored=len(stored),
        channels=places,
        apart=kind == "nnunet",
    )


def check_divided(data: Folder, split: str) -> None:
    """Raise HarnessError unless `split` is train or test, and both are there, of other subjects."""
    people = {
        part: {data.subjects[each.id] for each in data.cases.values() if each.part == part}
        for part in _layouts.PARTS
    }
    if split not in people or not all(people.values()):
        raise HarnessError(
            f"{data.folder} must be divided, got no {split}; declare "
            'split = { by = "subject", test = 0.2, val = 0.1 } in the suite'
        )
    both = sorted(people["train"] & people["test"])
    if both:
        raise HarnessError(
            f"{data.folder} must have each subject in one part, got {both[0]!r} in train and test; "
            "divide all of it by a split of the suite"
        )


def read(data: Folder, id: str) -> Case:
    """Raises HarnessError, naming the file, where one of the case is missing or wrong."""
    files = data.cases[id]
    images = [_shown(data, path) for path in files.images]
    return case(id, images, read_nifti(files.label), data.values)


def _shown(data: Folder, path: Path) -> Grid:
    """The channels of a file that are asked for."""
    grid = read_nifti(path, 1 if data.apart else data.stored)
    if grid.array.ndim == 3 or data.channels == tuple(range(data.stored)):
        return grid
    return dataclasses.replace(grid, array=grid.array[list(data.channels)])


def _person(id: str, subject: str) -> str:
    """Whom a case is of."""
    if not subject:
        return id
    try:
        found = re.search(subject, id)
        groups = found.groups() if found else ()
    except re.error as error:
        raise HarnessError(f"subject must be an expression, got {subject!r}: {error}") from None
    if len(groups) != 1 or not groups[0]:
        raise HarnessError(
            f"subject must find one group in the name of each case, got {subject!r} for {id}"
        )
    return str(groups[0])
