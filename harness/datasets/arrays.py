"""One's own images: arrays of an `.npz`, or files that a CSV lists, without a line of code."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from harness.datasets import _images
from harness.datasets._columns import Columns, read_csv, read_npz
from harness.errors import HarnessError
from harness.samples import Kind, Samples

SOURCE = {"url": "one's own", "licence": "one's own", "citation": "none given"}

SPLITS = ("train", "val", "test", "all")


def fingerprint(
    root: Path | None, *, file: str, image: str = "image", groups: Sequence[str] = (), **args: Any
) -> str:
    """A sha256 of the file, of the images that a CSV lists, and of how both are read.

    Other labels, classes, subjects or parts of the same file are other data; more groups are not.
    Raises HarnessError where one of the files is missing.
    """
    path = _place(root, file)
    digest = hashlib.sha256(_images.content(path))
    digest.update(json.dumps({"image": image, **args}, sort_keys=True, default=list).encode())
    if path.suffix == ".csv" and image:
        for name in read_csv(path).take(image):
            digest.update(_images.content(path.parent / name))
    return digest.hexdigest()


def load(
    split: str,
    root: Path | None,
    *,
    file: str,
    image: str = "image",
    label: str = "label",
    subject: str = "",
    groups: Sequence[str] = (),
    official: str = "",
    classes: Sequence[str] = (),
    kind: str = "nominal",
    layout: str = "",
    white: float = 0.0,
) -> Samples:
    """The cases of `split`, or all of them, in the order of `file` below `root`.

    `file` is an `.npz` of arrays with a row a case, or a `.csv` with a header. Its columns:

    * `image`: in an `.npz` the images, `layout` HW, HWC, CHW, DHW or CDHW after the case axis; by
      default HW, DHW or CDHW by the number of axes, and HWC where the last of three has size 3. In
      a `.csv` the name of a file beside it, a PNG, JPEG or TIFF of one frame or an `.npy` of such
      a layout, all of one size. With "" there are none, for `harness audit` and `score` alone.
    * `label`: the name or number of a class; of kind multilabel the names between `|`, or 0 and 1
      in an `.npz` (n, labels).
    * `subject` and `groups`: whom a case is of, and what else is known; "" where it is not. A case
      of nobody known is taken for one of somebody else.
    * `official`: train, val or test, for data that is divided already.

    `classes` names the classes in the order of their numbers; by default they are the labels found,
    sorted; grades that are not numbers must be named. `kind` is nominal, ordinal or multilabel.
    `white` is the value that counts as 1: by default the largest of an integer type, and 1 for
    floats.

    Raises HarnessError, naming the file, where any of this does not hold, and where a subject is in
    two parts of an official split.
    """
    if split not in SPLITS:
        raise HarnessError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    columns = table(root, file)
    labels = columns.targets(label, classes, _kind(kind))
    return cases(
        split,
        columns,
        labels,
        image=image,
        subject=subject,
        groups=groups,
        official=official,
        kind=kind,
        layout=layout,
        white=white,
    )


def table(root: Path | None, file: str) -> Columns:
    """The columns of `file` below `root`. Raises HarnessError where it is none."""
    path = _place(root, file)
    return read_csv(path) if path.suffix == ".csv" else read_npz(path)


def cases(
    split: str,
    columns: Columns,
    labels: tuple[tuple[str, ...], NDArray[np.int64]],
    *,
    groups: Sequence[str],
    image: str = "image",
    subject: str = "",
    official: str = "",
    kind: str = "nominal",
    layout: str = "",
    white: float = 0.0,
) -> Samples:
    """As `load`, of columns and labels that were read; labels: class names and targets."""
    names, targets = labels
    subjects = columns.take(subject) if subject else None
    chosen = _chosen(columns, split, official, subjects)
    pixels = _pixels(columns, chosen, image, layout)
    return Samples(
        split=split,
        ids=np.char.add("case-", chosen.astype(str)),
        pixels=pixels,
        targets=targets[chosen],
        classes=names,
        subjects=_people(subjects, chosen),
        groups={name: columns.take(name)[chosen] for name in groups},
        kind=_kind(kind),
        full_scale=white or _images.white(pixels),
    )


def _pixels(columns: Columns, chosen: NDArray[np.int64], image: str, layout: str) -> NDArray[Any]:
    """Of these rows; of no size where there are none."""
    if not image:
        return np.empty((len(chosen), 1, 0, 0), dtype=np.uint8)
    if columns.path.suffix == ".csv":
        names = columns.take(image)[chosen]
        return _images.read([columns.path.parent / name for name in names], layout)
    return _images.arranged(columns.array(image), layout, columns.path)[chosen]


def _people(subjects: NDArray[Any] | None, chosen: NDArray[np.int64]) -> NDArray[Any] | None:
    """Whom each case is of; one whom nobody names is of somebody else. None where none is named."""
    if subjects is None or not np.any(subjects != ""):
        return None
    own = np.char.add("case-", chosen.astype(str))
    return np.where(subjects[chosen] == "", own, subjects[chosen])


def _place(root: Path | None, file: str) -> Path:
    path = (root or Path()) / file
    if path.suffix not in (".npz", ".csv") or not path.is_file():
        raise HarnessError(
            f"file must be an .npz or .csv below the data root, got {path}; name the root by --data"
        )
    return path


def _kind(kind: str) -> Kind:
    for known in get_args(Kind):
        if kind == known:
            found: Kind = known
            return found
    raise HarnessError(f"kind must be one of {', '.join(get_args(Kind))}, got {kind!r}")


def _chosen(
    columns: Columns, split: str, official: str, subjects: NDArray[Any] | None
) -> NDArray[np.int64]:
    """The rows of `split`."""
    if split == "all":
        return np.arange(len(columns))
    if not official:
        raise HarnessError(
            f"{columns.path} must be divided, got no split; name its column in args.official, or "
            'declare split = { by = "subject", test = 0.2, val = 0.1 } in the suite'
        )
    parts = columns.take(official)
    unknown = sorted(set(parts.tolist()) - set(SPLITS[:3]))
    if unknown:
        raise columns.fault(f"train, val or test in {official}", repr(unknown[0]))
    if subjects is not None:
        _refuse_leak(columns, subjects, parts)
    if split not in parts:
        raise columns.fault(f"a case of {split} in {official}", "none")
    return np.flatnonzero(parts == split)


def _refuse_leak(columns: Columns, subjects: NDArray[Any], parts: NDArray[Any]) -> None:
    where: dict[str, str] = {}
    for person, part in zip(subjects.tolist(), parts.tolist(), strict=True):
        if person and where.setdefault(person, part) != part:
            raise columns.fault(
                "each subject in one split", f"{person!r} in {where[person]} and {part}"
            )
