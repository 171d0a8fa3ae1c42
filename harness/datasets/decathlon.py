"""Volumes with masks in NIfTI: folders of the Decathlon (MSD), of nnU-Net or of LiTS."""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.datasets import _folder
from harness.datasets._contents import contents
from harness.volumes import Volumes

SOURCE = {
    "url": "http://medicaldecathlon.com, or one's own in such folders",
    "licence": "CC BY-SA 4.0 (MSD)",
    "citation": "Antonelli et al., Nature Communications 13:4128 (2022)",
}

SPLITS = ("train", "test", "all")


def fingerprint(root: Path | None, **args: Any) -> str:
    """A sha256 of the contents of all files, and of how the arguments have them read.

    Where the folder is, is not part of it. A missing file counts as such: its case is what fails.
    """
    data = _folder.found(root, **args)
    files = [path for each in data.cases.values() for path in (*each.images, each.label)]
    digests = iter(contents(files))
    listed = [
        [each.id, data.subjects[each.id], each.part, [next(digests) for _ in (*each.images, "")]]
        for each in data.cases.values()
    ]
    read = [data.classes, sorted(data.values.items()), data.stored, data.channels, listed]
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()


def load(
    split: str,
    root: Path | None,
    *,
    folder: str,
    layout: str = "",
    labels: Sequence[str] = (),
    classes: Sequence[str] = (),
    merge: Mapping[str, Sequence[str]] = _folder.NONE,
    modalities: Sequence[str] = (),
    channels: Sequence[str] = (),
    subject: str = "",
) -> Volumes:
    """The cases of `split` in `folder` below `root`, in natural order of their names.

    * `layout`: decathlon, with one file a case in imagesTr and labelsTr, those that `dataset.json`
      lists where it does; nnunet, with one file a channel; lits, with `volume-N` and
      `segmentation-N` anywhere below. By default what the names say.
    * `labels`: names of the stored values 1, 2, ...; by default those of `dataset.json`.
    * `merge`: class -> the labels that it is made of: {liver = ["liver", "tumour"]}.
    * `classes`: what is segmented, in this order; the other labels are background. By default all.
    * `modalities`: names of the stored channels, by default those of `dataset.json`, or one.
    * `channels`: which of them a network is shown, by default all.
    * `subject`: an expression with one group, which is whom a case is of: "(.+)_scan[0-9]+". By
      default each case is of somebody else.

    Split `all` is every case with a label; `test` those of labelsTs, where it is there, and `train`
    the others. Raises HarnessError where any of this does not hold. A file that is missing or wrong
    is refused when its case is read.
    """
    data = _folder.found(
        root,
        folder=folder,
        layout=layout,
        labels=labels,
        classes=classes,
        merge=merge,
        modalities=modalities,
        channels=channels,
        subject=subject,
    )
    ids = [each.id for each in data.cases.values() if split in ("all", each.part)]
    if split != "all":
        _folder.check_divided(data, split)
    return Volumes(
        split=split,
        ids=np.array(ids),
        classes=data.classes,
        read=functools.partial(_folder.read, data),
        channels=len(data.channels),
        subjects=np.array([data.subjects[id] for id in ids]),
    )
