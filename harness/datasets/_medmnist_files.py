"""MedMNIST's files: what the package says of them, where they are, and how they get there.

The package's table is read as text: importing it imports torch.
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
from pathlib import Path
from typing import Any

from harness.errors import HarnessError

TASKS = ("binary-class", "multi-class")
TIMEOUT = 30  # seconds without a byte


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What the package says of one `.npz`; `image` is the shape of one image in it."""

    name: str
    url: str
    md5: str
    classes: tuple[str, ...]
    image: tuple[int, ...]


def official(flag: str, size: int) -> File:
    """The file of a flag and size. Raises HarnessError for an unknown one, listing the known."""
    served = {name: row for name, row in table().items() if row["task"] in TASKS}
    if flag not in served:
        raise HarnessError(f"flag must be one of {', '.join(sorted(served))}, got {flag!r}")
    row = served[flag]
    sizes = [28, *sorted(int(key[4:]) for key in row if key.startswith("MD5_"))]
    if size not in sizes:
        known = ", ".join(map(str, sizes))
        raise HarnessError(f"size of {flag} must be one of {known}, got {size!r}")
    suffix = "" if size == 28 else f"_{size}"
    axes = 3 if flag.endswith("3d") else 2
    return File(
        name=f"{flag}{suffix}.npz",
        url=row[f"url{suffix}"],
        md5=row[f"MD5{suffix}"],
        classes=tuple(row["label"][str(k)] for k in range(len(row["label"]))),
        image=(size,) * axes + ((3,) if row["n_channels"] == 3 else ()),
    )


@functools.cache
def table() -> dict[str, dict[str, Any]]:
    """`medmnist.INFO`, without importing it. Raises HarnessError where it is not installed."""
    spec = importlib.util.find_spec("medmnist")
    if spec is None or not spec.submodule_search_locations:
        raise HarnessError("medmnist must be installed, got no such package; pip install medmnist")
    source = Path(spec.submodule_search_locations[0], "info.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "INFO":
            table: dict[str, dict[str, Any]] = ast.literal_eval(node.value)
            return table
    raise HarnessError("medmnist/info.py must assign INFO, got none; pip install medmnist==3.0.2")


def locate(root: Path | None, file: File) -> Path:
    """The verified file in `root` or the cache, downloaded where there is none.

    Raises HarnessError for a wrong checksum or a failed download.
    """
    path = find(root, file) or _download(file, _cache())
    return verify(path, file)


def _cache() -> Path:
    return Path.home() / ".medmnist"


def find(root: Path | None, file: File) -> Path | None:
    """The file in `root`, in its folder `medmnist`, or in the cache; None where it is in none."""
    folders = [_cache()] if root is None else [Path(root), Path(root) / "medmnist", _cache()]
    return next((folder / file.name for folder in folders if (folder / file.name).is_file()), None)


def verify(path: Path, file: File) -> Path:
    """The path, if its MD5 is the official one. Raises HarnessError otherwise."""
    stat = path.stat()
    md5 = _md5(path, stat.st_mtime_ns, stat.st_size)
    if md5 != file.md5:
        raise HarnessError(
            f"{path} must have MD5 {file.md5}, got {md5}; replace it by the file at {file.url}"
        )
    return path


@functools.lru_cache(maxsize=64)
def _md5(path: Path, modified: int, size: int) -> str:
    """Of the file as it was at that time and of that size, read once a process."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def _download(file: File, folder: Path) -> Path:
    partial = folder / f"{file.name}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
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
