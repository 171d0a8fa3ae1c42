"""A folder of predicted masks, a NIfTI file a case, each on the grid that its case is stored on."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.datasets import _case
from harness.datasets._case import Grid, to_source
from harness.datasets._names import ending, stem
from harness.datasets._nifti import read_nifti
from harness.errors import HarnessError
from harness.formats._joined import SHOWN
from harness.segment import Asked, Cell
from harness.volumes import Case

BESIDE = (
    *("dataset.json", "plans.json", "predict_from_raw_data_args.json", "summary.json"),
    *("postprocessing.json", "postprocessing.pkl", "inference_information.json"),
)
"""What nnU-Net writes beside masks."""
KEPT = (".npz", ".pkl")
"""Endings of the probabilities of a case, and of what is known of its image."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The masks of a folder, by case.

    values: of a mask -> index of the class, 0 the background.
    """

    masks: Mapping[str, Path]
    values: Mapping[int, int]
    asked: Asked

    def of(self, case: Case, classes: int) -> list[Cell]:
        """A cell a class; the worst there is where the folder has no mask of the case."""
        path = self.masks.get(case.id)
        mask = None if path is None else _turned(read_nifti(path), case, self.values)
        return self.asked.of(case, mask, classes)

    def unread(self, classes: int) -> list[Cell]:
        """Of a case that cannot be read."""
        return self.asked.unread(classes)


def masks(folder: Path, ids: Sequence[str]) -> dict[str, Path]:
    """Case -> file, of those cases of `ids` that have one.

    Raises HarnessError where there is none, a case has two, or a file is neither of one of the
    cases nor one that nnU-Net writes beside them.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    found = [path for path in files if ending(path)]
    known = {*BESIDE, *(f"{id}{end}" for id in ids for end in KEPT)}
    lost = set(map(stem, found)) - set(ids)
    stray = [p.name for p in files if (stem(p) in lost if ending(p) else p.name not in known)]
    if stray:
        more = " ..." if len(stray) > SHOWN else ""
        raise HarnessError(
            f"{folder} must hold masks of the {len(ids)} test cases, as {ids[0]}.nii.gz, got "
            f"{len(stray)} other files: {' '.join(stray[:SHOWN])}{more}; remove them, or name "
            "them as the cases are named"
        )
    if not found:
        raise HarnessError(f"{folder} must hold masks, as {ids[0]}.nii.gz, got none")
    [(twice, times)] = Counter(map(stem, found)).most_common(1)
    if times > 1:
        raise HarnessError(f"{folder} must hold one mask of a case, got {times} of {twice}")
    return {stem(path): path for path in found}


def _turned(mask: Grid, case: Case, values: Mapping[int, int]) -> NDArray[np.uint8]:
    """(X, Y, Z) class indices in RAS order, as the case has them.

    Raises HarnessError, naming the file, where it is on another grid or has an unknown label.
    """
    stored = Grid(
        array=to_source(case.image[0], case),
        affine=case.source.affine,
        path=Path(f"case {case.id}"),
    )
    found = _case.case(case.id, [stored], mask, values).mask
    if found is None:
        raise ValueError(case.id)
    return found
