"""MedMNIST: small images and volumes with official splits, one `.npz` a flag and size."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.datasets._medmnist_files import File, official
from harness.errors import HarnessError
from harness.remote import Remote, find, locate, verify
from harness.samples import Samples

SOURCE = {
    "url": "https://zenodo.org/records/10519652",
    "licence": "CC BY 4.0 (DermaMNIST: CC BY-NC 4.0)",
    "citation": "Yang J. et al., MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D "
    "biomedical image classification, Scientific Data 10:41 (2023), "
    "doi:10.1038/s41597-022-01721-8",
}

SPLITS = ("train", "val", "test")


def remotes(*, flag: str, size: int = 28) -> tuple[Remote, ...]:
    """The published file. Raises HarnessError for an unknown flag or size."""
    return (official(flag, size).remote,)


def fingerprint(root: Path | None, *, flag: str, size: int = 28) -> str:
    """The official MD5 of the `.npz`. A file that is there is verified; none is downloaded.

    Raises HarnessError for an unknown flag or size, or a wrong checksum.
    """
    [remote] = remotes(flag=flag, size=size)
    path = find(root, remote)
    if path is not None:
        verify(path, remote)
    return remote.md5


def load(split: str, root: Path | None, *, flag: str, size: int = 28) -> Samples:
    """The official `train`, `val` or `test` cases, uint8, in the order of the file.

    Pixels are (n, 1, size, size) for gray images, (n, 3, size, size) for colour, and
    (n, 1, size, size, size) for volumes. Targets are class indices (n,), of several labels a case
    0 and 1 (n, labels). MedMNIST publishes no subjects and no groups.
    The file is ROOT/FLAG.npz or ROOT/medmnist/FLAG.npz (FLAG_SIZE.npz unless size is 28), else
    the one in ~/.medmnist, downloaded if need be.

    Raises HarnessError as `fingerprint` does, and for an unknown split or a damaged file.
    """
    if split not in SPLITS:
        raise HarnessError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    file = official(flag, size)
    return _read(locate(root, file.remote), split, file)


def _read(path: Path, split: str, file: File) -> Samples:
    images, labels = _arrays(path, split)
    if images.dtype != np.uint8 or images.shape[1:] != file.image or not len(images):
        wanted = f"(n, {', '.join(map(str, file.image))})"
        raise _fault(path, f"uint8 {split}_images {wanted}", f"{images.dtype} {images.shape}")
    if labels.shape != (len(images), file.labels) or labels.dtype.kind not in "iu":
        wanted = f"integer {split}_labels ({len(images)}, {file.labels})"
        raise _fault(path, wanted, f"{labels.dtype} {labels.shape}")
    return Samples(
        split=split,
        ids=np.char.add(f"{split}-", np.arange(len(images)).astype(str)),
        pixels=np.moveaxis(images, -1, 1) if file.image[2:] == (3,) else images[:, None],
        targets=_targets(path, split, labels.astype(np.int64), file),
        classes=file.classes,
        kind=file.kind,
    )


def _arrays(path: Path, split: str) -> tuple[NDArray[Any], NDArray[Any]]:
    if not zipfile.is_zipfile(path):
        raise _fault(path, "a whole .npz archive", "a truncated file or another format")
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = [f"{split}_images", f"{split}_labels"]
            missing = [key for key in keys if key not in archive.files]
            if missing:
                raise _fault(path, f"arrays {', '.join(keys)}", f"no {' and no '.join(missing)}")
            return archive[keys[0]], archive[keys[1]]
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise _fault(path, "readable arrays, none pickled", str(error)) from None


def _targets(path: Path, split: str, labels: NDArray[np.int64], file: File) -> NDArray[np.int64]:
    """(n, labels) as they are, or (n,) class indices; every class must have a case, but in val."""
    highest = 1 if file.kind == "multilabel" else len(file.classes) - 1
    if labels.min() < 0 or labels.max() > highest:
        got = f"{labels.min()} to {labels.max()}"
        raise _fault(path, f"{split}_labels from 0 to {highest}", got)
    targets = labels if file.kind == "multilabel" else labels[:, 0]
    present = np.flatnonzero(targets.any(axis=0)) if targets.ndim == 2 else np.unique(targets)
    absent = [name for k, name in enumerate(file.classes) if k not in present]
    if absent and split != "val":
        raise _fault(path, f"{split} cases of every class", f"none of {', '.join(absent)}")
    return targets


def _fault(path: Path, wanted: str, got: str) -> HarnessError:
    return HarnessError(f"{path} must hold {wanted}, got {got}; replace it by the official file")
