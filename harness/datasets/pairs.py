"""Folders of images and masks: pictures, NIfTI, MetaImage, or DICOM series with SEG."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from harness.datasets import _entries, _formats, _pairing
from harness.datasets._case import case
from harness.datasets._contents import contents
from harness.datasets._formats import Labels
from harness.datasets._pairing import PLACE, Entries, Pair
from harness.datasets._pictures import About, about
from harness.errors import HarnessError
from harness.ranges import demand
from harness.volumes import Case, Volumes

SOURCE = {"url": "one's own", "licence": "one's own", "citation": "none given"}

SPLITS = ("train", "val", "test", "all")
NONE: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The arguments of `load`."""

    images: str
    masks: str
    labels: Sequence[str]
    values: Sequence[int] = ()
    above: int = -1
    classes: Sequence[str] = ()
    merge: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    image_name: str = ""
    mask_name: str = ""
    subject: str = ""
    spacing: Sequence[float] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """All cases, and how they are read; about: each of their images."""

    pairs: Sequence[Pair]
    labels: Labels
    spacing: tuple[float, ...]
    about: About
    masks: str


def fingerprint(root: Path | None, **args: Any) -> str:
    """A sha256 of the contents of all files, and of how the arguments have them read.

    What files are called counts for the names of cases alone; a missing one counts as such.
    """
    data = _found(root, _Asked(**args))
    entries = [entry for pair in data.pairs for entry in (pair.image, pair.mask)]
    files = [_entries.files(entry) if entry else [] for entry in entries]
    digests = iter(contents(path for part in files for path in part))
    told = [sorted(next(digests) for _ in part) for part in files]
    cases = [[pair.id, pair.part, pair.subject] for pair in data.pairs]
    labels = [data.labels.classes, sorted(data.labels.values.items()), data.labels.above]
    named = sorted(data.labels.segments.items())
    text = json.dumps([cases, told, labels, named, data.spacing])
    return hashlib.sha256(text.encode()).hexdigest()


def load(
    split: str,
    root: Path | None,
    *,
    images: str,
    masks: str,
    labels: Sequence[str],
    values: Sequence[int] = (),
    above: int = -1,
    classes: Sequence[str] = (),
    merge: Mapping[str, Sequence[str]] = NONE,
    image_name: str = "",
    mask_name: str = "",
    subject: str = "",
    spacing: Sequence[float] = (),
) -> Volumes:
    """The cases of `split`, in natural order of their names; image and mask of a case have one.

    * `images`, `masks`: folders below `root`, or patterns as "ct/*_image.mhd". An entry is a file
      (.nii, .nii.gz, .mhd, .mha, .nrrd, .png, .jpg, .bmp, .tif, DICOM) or a folder of a DICOM
      series; of masks also a DICOM SEG. With "{split}" in both, those of train, val and test are
      apart, and the names of cases begin with it.
    * `image_name`, `mask_name`: expressions whose groups, joined by "-", are the name of the case
      in a path below `root`: "([^/]+)_ccd[.]tif$". By default the file's without its ending.
    * `labels`: the names of what masks mark as 1, 2, ..., or of DICOM segments.
    * `values`: the numbers of `labels`, where they are others. One label without `values` is
      whatever number a mask has beside 0.
    * `above`: of one label, the number above which it counts: 127 for a mask as JPEG.
    * `merge`: class -> the labels that it is made of. `classes`: what is segmented, in this order;
      other labels are background. By default all.
    * `subject`: an expression whose group is whom a case is of, in the case's name. By default
      each is of somebody else.
    * `spacing`: of pictures, the mm of a pixel across, down and from page to page. By default 1.

    Raises HarnessError where any of this does not hold, and where a subject is in two parts. A file
    that is missing or wrong is refused when its case is read.
    """
    given = locals()
    if split not in SPLITS:
        raise HarnessError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    fields = [field.name for field in dataclasses.fields(_Asked)]
    data = _found(root, _Asked(**{name: given[name] for name in fields}))
    pairs = [pair for pair in data.pairs if split in ("all", pair.part)]
    if not pairs:
        raise HarnessError(
            f"images must be divided, got no {split} in {images!r}; write {PLACE} in its place, or "
            'declare split = { by = "subject", test = 0.2, val = 0.1 } in the suite'
        )
    return Volumes(
        split=split,
        ids=np.array([pair.id for pair in pairs]),
        classes=data.labels.classes,
        read=functools.partial(_read, data, {pair.id: pair for pair in pairs}),
        channels=data.about.channels,
        flat=data.about.pages == 1,
        subjects=np.array([pair.subject for pair in pairs]),
    )


def _found(root: Path | None, asked: _Asked) -> _Data:
    right = len(asked.spacing) in (0, 2, 3) and all(0 < mm < np.inf for mm in asked.spacing)
    demand(right, "spacing", "be two or three lengths above 0, in mm", asked.spacing)
    labels = _formats.told(asked.labels, asked.values, asked.above, asked.classes, asked.merge)
    images = Entries(argument="images", where=asked.images, expression=asked.image_name)
    masks = Entries(argument="masks", where=asked.masks, expression=asked.mask_name)
    pairs = _pairing.pairs(root or Path(), images, masks, asked.subject)
    return _Data(
        pairs=pairs,
        labels=labels,
        spacing=tuple(asked.spacing),
        about=_about([pair.image for pair in pairs if pair.image], asked.spacing),
        masks=asked.masks,
    )


def _about(images: Sequence[Path], spacing: Sequence[float]) -> About:
    """Of pictures, what the first that can be opened says; pages 0 of other formats."""
    pictures = [path for path in images if _entries.kind(path) == "picture"]
    demand(not spacing or len(pictures) > 0, "spacing", "go with pictures", list(spacing))
    for path in pictures:
        try:
            return about(path)
        except HarnessError:  # it is refused when it is read
            continue
    return About(channels=1, pages=1 if pictures else 0)


def _read(data: _Data, pairs: Mapping[str, Pair], id: str) -> Case:
    """Raises HarnessError, naming the file, where one of the case is missing or wrong."""
    pair = pairs[id]
    if pair.image is None or pair.mask is None:
        there, what = (pair.image, "a mask") if pair.image else (pair.mask, "an image")
        raise HarnessError(f"{there} must have {what} named {id}, got none; bring it or remove it")
    image = _formats.read_image(pair.image, data.spacing)
    channels = len(image.array) if image.array.ndim == 4 else 1
    if channels != data.about.channels:
        raise HarnessError(
            f"{pair.image} must have {data.about.channels} channels as the others, got {channels}; "
            "make all of them grey or all coloured"
        )
    mask, values = _formats.read_mask(pair.mask, image, data.spacing, data.labels)
    return case(id, [image], mask, values)
