"""Files that somebody publishes: where they are here, whether they are right, how they get here."""

import contextlib
import dataclasses
import functools
import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.disk import locked
from harness.errors import HarnessError

TIMEOUT = 30  # seconds without a byte
PIECE = 2**18  # bytes between two reports

Report = Callable[[int, int | None], None]
"""Gets the bytes that are here, and how many there will be, if the server says so."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One published file. `cache` is the folder of the home that its own library keeps it in."""

    name: str
    url: str
    md5: str
    cache: str

    @property
    def folders(self) -> tuple[str, ...]:
        """Where in a data root it may be."""
        return ("", self.cache.lstrip("."))


def find(root: Path | None, file: Remote) -> Path | None:
    """The file in `root`, in its folder there, or in the cache; None where it is in none."""
    places = [] if root is None else [Path(root, folder) for folder in file.folders]
    places.append(_cache(file))
    return next((place / file.name for place in places if (place / file.name).is_file()), None)


def verify(path: Path, file: Remote) -> Path:
    """The path, if its MD5 is the published one. Raises HarnessError otherwise."""
    stat = path.stat()
    md5 = _md5(path, stat.st_mtime_ns, stat.st_size)
    if md5 != file.md5:
        raise HarnessError(
            f"{path} must have MD5 {file.md5}, got {md5}; replace it by the file at {file.url}"
        )
    return path


def locate(root: Path | None, file: Remote) -> Path:
    """The verified file in `root` or the cache, downloaded into the cache where there is none.

    Raises HarnessError for a wrong checksum or a failed download.
    """
    path = find(root, file) or fetch(file, _cache(file), lambda *_: None)
    return verify(path, file)


def fetch(file: Remote, folder: Path, report: Report) -> Path:
    """Download into `folder`, going on where an earlier try was cut off; whole or not at all.

    What has come so far stays beside it as `NAME.part`. Raises HarnessError where the server does
    not answer, the disk does not take it, or what came has another checksum.
    """
    with locked(folder, lambda: None):
        path, partial = folder / file.name, folder / f"{file.name}.part"
        if path.is_file():
            return verify(path, file)
        try:
            _download(file, partial, report)
        except (OSError, http.client.HTTPException) as error:
            raise _missing(file, str(error)) from None
        stat = partial.stat()
        md5 = _md5(partial, stat.st_mtime_ns, stat.st_size)
        if md5 != file.md5:
            partial.unlink()
            raise _missing(file, f"MD5 {md5} instead of {file.md5}")
        return partial.replace(path)


def _missing(file: Remote, got: str) -> HarnessError:
    return HarnessError(
        f"{file.name} must be in the data root or at {file.url}, got {got}; put the file into a "
        "folder and name that folder by HARNESS_DATA or --data"
    )


def _download(file: Remote, partial: Path, report: Report) -> None:
    here = partial.stat().st_size if partial.is_file() else 0
    asked = urllib.request.Request(file.url, headers={"Range": f"bytes={here}-"} if here else {})
    try:
        answer = urllib.request.urlopen(asked, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # nothing is left to send: all of it is here
            return
        raise
    with contextlib.closing(answer):
        resumed = getattr(answer, "status", None) == 206
        length = answer.headers.get("Content-Length")
        here = here if resumed else 0
        total = None if length is None else here + int(length)
        with partial.open("ab" if resumed else "wb") as stream:
            while piece := answer.read(PIECE):
                stream.write(piece)
                here += len(piece)
                report(here, total)
    if total is not None and here < total:
        raise OSError(f"{here} of {total} bytes; the same command goes on")


def _cache(file: Remote) -> Path:
    return Path.home() / file.cache


@functools.lru_cache(maxsize=64)
def _md5(path: Path, modified: int, size: int) -> str:
    """Of the file as it was at that time and of that size, read once a process."""
    with path.open("rb") as stream:
        digest: Any = hashlib.file_digest(stream, "md5")
    return str(digest.hexdigest())
