"""MedMNIST: small images and volumes with official splits, one `.npz` a flag and size.

The package's table of files, checksums and classes is read as text: importing it imports torch.
"""

import ast
import dataclasses
import functools
import hashlib
import http.client
import importlib.util
import os
import shutil
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.samples import Samples

SOURCE = {
    "url": "https://zenodo.org/records/10519652",
    "licence": "CC BY 4.0 (DermaMNIST: CC BY-NC 4.0)",
    "citation": "Yang J. et al., MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D "
    "biomedical image classification, Scientific Data 10:41 (2023), "
    "doi:10.1038/s41597-022-01721-8",
}

SPLITS = ("train", "val", "test")
TASKS = ("binary-class", "multi-class")
TIMEOUT = 30  # seconds without a byte


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """What the package says of one `.npz`; `image` is the shape of one image in it."""

    name: str
    url: str
    md5: str
    classes: tuple[str, ...]
    image: tuple[int, ...]


def fingerprint(root: Path | None, *, flag: str, size: int = 28) -> str:
    """The MD5 of the `.npz`, equal to the official one; downloads the file where there is none.

    Raises HarnessError for an unknown flag or size, a wrong checksum, or a failed download.
    """
    file = _official(flag, size)
    _locate(root, file)
    return file.md5


def load(split: str, root: Path | None, *, flag: str, size: int = 28) -> Samples:
    """The official `train`, `val` or `test` cases, uint8, in the order of the file.

    Pixels are (n, 1, size, size) for gray images, (n, 3, size, size) for colour, and
    (n, 1, size, size, size) for volumes. MedMNIST publishes no subjects and no groups.
    The file is ROOT/FLAG.npz or ROOT/medmnist/FLAG.npz (FLAG_SIZE.npz unless size is 28), else
    the one in ~/.medmnist, downloaded if need be.

    Raises HarnessError as `fingerprint` does, and for an unknown split or a damaged file.
    """
    if split not in SPLITS:
        raise HarnessError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    file = _official(flag, size)
    return _read(_locate(root, file), split, file)


def _official(flag: str, size: int) -> _File:
    served = {name: row for name, row in _table().items() if row["task"] in TASKS}
    if flag not in served:
        raise HarnessError(f"flag must be one of {', '.join(sorted(served))}, got {flag!r}")
    row = served[flag]
    sizes = [28, *sorted(int(key[4:]) for key in row if key.startswith("MD5_"))]
    if size not in sizes:
        known = ", ".join(map(str, sizes))
        raise HarnessError(f"size of {flag} must be one of {known}, got {size!r}")
    suffix = "" if size == 28 else f"_{size}"
    axes = 3 if flag.endswith("3d") else 2
    return _File(
        name=f"{flag}{suffix}.npz",
        url=row[f"url{suffix}"],
        md5=row[f"MD5{suffix}"],
        classes=tuple(row["label"][str(k)] for k in range(len(row["label"]))),
        image=(size,) * axes + ((3,) if row["n_channels"] == 3 else ()),
    )


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    spec = importlib.util.find_spec("medmnist")
    if spec is None or not spec.submodule_search_locations:
        raise HarnessError("medmnist must be installed, got no such package; pip install medmnist")
    source = Path(spec.submodule_search_locations[0], "info.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "INFO":
            table: dict[str, dict[str, Any]] = ast.literal_eval(node.value)
            return table
    raise HarnessError("medmnist/info.py must assign INFO, got none; pip install medmnist==3.0.2")


def _locate(root: Path | None, file: _File) -> Path:
    cache = Path.home() / ".medmnist"
    folders = [cache] if root is None else [Path(root), Path(root) / "medmnist", cache]
    found = next((folder / file.name for folder in folders if (folder / file.name).is_file()), None)
    path = found or _download(file, cache)
    stat = path.stat()
    md5 = _md5(path, stat.st_mtime_ns, stat.st_size)
    if md5 != file.md5:
        raise HarnessError(
            f"{path} must have MD5 {file.md5}, got {md5}; replace it by the file at {file.url}"
        )
    return path


@functools.lru_cache(maxsize=64)
def _md5(path: Path, modified: int, size: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def _download(file: _File, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{file.name}.{os.getpid()}.part"
    try:
        with (
            urllib.request.urlopen(file.url, timeout=TIMEOUT) as answer,
            partial.open("wb") as stream,
        ):
            shutil.copyfileobj(answer, stream)
        md5 = _md5(partial, partial.stat().st_mtime_ns, partial.stat().st_size)
        if md5 != file.md5:
            raise OSError(f"MD5 {md5} instead of {file.md5}")
        partial.replace(folder / file.name)
    except (OSError, http.client.HTTPException) as error:
        raise HarnessError(
            f"{file.name} must be in the data root or at {file.url}, got {error}; "
            "put the file into a folder and name that folder by HARNESS_DATA or --data"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return folder / file.name


def _read(path: Path, split: str, file: _File) -> Samples:
    images, labels = _arrays(path, split)
    if images.dtype != np.uint8 or images.shape[1:] != file.image or not len(images):
        wanted = f"(n, {', '.join(map(str, file.image))})"
        raise _fault(path, f"uint8 {split}_images {wanted}", f"{images.dtype} {images.shape}")
    if labels.shape != (len(images), 1) or labels.dtype.kind not in "iu":
        wanted = f"integer {split}_labels ({len(images)}, 1)"
        raise _fault(path, wanted, f"{labels.dtype} {labels.shape}")
    return Samples(
        split=split,
        ids=np.char.add(f"{split}-", np.arange(len(images)).astype(str)),
        pixels=np.moveaxis(images, -1, 1) if file.image[2:] == (3,) else images[:, None],
        targets=_targets(path, split, labels[:, 0].astype(np.int64), file.classes),
        classes=file.classes,
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


def _targets(
    path: Path, split: str, targets: NDArray[np.int64], classes: tuple[str, ...]
) -> NDArray[np.int64]:
    if targets.min() < 0 or targets.max() >= len(classes):
        wanted = f"{split}_labels from 0 to {len(classes) - 1}"
        raise _fault(path, wanted, f"{targets.min()} to {targets.max()}")
    absent = [name for k, name in enumerate(classes) if k not in targets]
    if absent and split != "val":
        raise _fault(path, f"{split} cases of every class", f"none of {', '.join(absent)}")
    return targets


def _fault(path: Path, wanted: str, got: str) -> HarnessError:
    return HarnessError(f"{path} must hold {wanted}, got {got}; replace it by the official file")
