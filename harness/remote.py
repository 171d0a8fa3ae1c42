"""Files that somebody publishes: where they are here, whether they are right, how they get here."""

import contextlib
import dataclasses
import functools
import hashlib
import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.disk import Unwritable, held
from harness.errors import HarnessError

TIMEOUT = 30  # seconds without a byte
PIECE = 2**18  # bytes at most between two reports
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Report = Callable[[int, int | None], None]
"""Gets the bytes that are here, and how many there will be, if the server says so."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One published file. `cache` is the folder of the home that its own library keeps it in."""

    name: str
    url: str
    md5: str
    cache: str

    def folders(self, root: Path | None) -> list[Path]:
        """Where it may be: in `root`, in its folder there, in the cache."""
        named = [] if root is None else [root, root / self.cache.lstrip(".")]
        return [*named, Path.home() / self.cache]


def find(root: Path | None, file: Remote) -> Path | None:
    """The file in `root`, in its folder there, or in the cache; None where it is in none."""
    paths = (folder / file.name for folder in file.folders(root))
    return next((path for path in paths if _is_file(path)), None)


def destination(root: Path | None, file: Remote) -> Path:
    """The folder to fetch a file into: its own in `root`, or else `root`; the cache without one."""
    *named, cache = file.folders(root)
    return next((folder for folder in reversed(named) if folder.is_dir()), cache)


def checksum(path: Path) -> str:
    """The MD5 of a file, read once a process. Raises HarnessError where it cannot be read."""
    try:
        stat = path.stat()
        return _md5(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise HarnessError(f"{path} must be a readable file, got: {_reason(error)}") from None


def verify(path: Path, file: Remote) -> Path:
    """The path, if its MD5 is the published one. Raises HarnessError otherwise."""
    md5 = checksum(path)
    if md5 != file.md5:
        raise HarnessError(
            f"{path} must have MD5 {file.md5}, got {md5}; replace it by the file at {file.url}"
        )
    return path


def locate(root: Path | None, file: Remote) -> Path:
    """The verified file in `root` or the cache, downloaded into the cache where there is none.

    Raises HarnessError for a wrong checksum or a failed download.
    """
    path = find(root, file)
    return fetch(file, destination(None, file)) if path is None else verify(path, file)


def fetch(
    file: Remote,
    folder: Path,
    report: Report = lambda *_: None,
    waiting: Callable[[], None] = lambda: None,
) -> Path:
    """Download into `folder`, going on where an earlier try was cut off; whole or not at all.

    What has come so far stays beside it as `NAME.part`, which one process or thread writes at a
    time; `waiting` is called where that is another. Raises HarnessError where the server does not
    answer or what came has another checksum, Unwritable where the disk does not take it.
    """
    path, partial = folder / file.name, folder / f"{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with held(partial, waiting):
            if path.is_file():
                return verify(path, file)
            _download(file, partial, report)
            md5 = _digest(partial)
            if md5 != file.md5:
                partial.unlink()
                raise _missing(file, f"MD5 {md5} instead of {file.md5}")
            return partial.replace(path)
    except OSError as error:
        raise Unwritable(
            f"{folder} must be writable, got: {_reason(error)}; free space, or name another folder "
            "by HARNESS_DATA or --data"
        ) from None


def _download(file: Remote, partial: Path, report: Report) -> None:
    """Add to `partial` what is not there yet. Raises OSError for faults of the disk alone."""
    with partial.open("ab") as stream:
        answer = _ask(file, stream.tell())
        if answer is None:
            return
        with contextlib.closing(answer):
            if answer.status != http.client.PARTIAL_CONTENT:
                stream.truncate(0)
            here = stream.seek(0, 2)
            length = answer.headers.get("Content-Length", "")
            total = here + int(length) if length.isdigit() else None
            report(here, total)
            for piece in _pieces(file, answer):
                here += stream.write(piece)
                stream.flush()
                report(here, total)
    if total is not None and here < total:
        raise _missing(file, f"{here} of {total} bytes before the connection ended")


def _ask(file: Remote, here: int) -> Any:
    """The server's answer: the file from byte `here` on if it can, or all of it.

    None if there is nothing after that byte.
    """
    asked = urllib.request.Request(file.url, headers={"User-Agent": "imaging-harness"})
    if here:
        asked.add_header("Range", f"bytes={here}-")
    direct = urllib.parse.urlsplit(file.url).hostname in LOOPBACK
    proxies = urllib.request.ProxyHandler({} if direct else None)
    try:
        return urllib.request.build_opener(proxies).open(asked, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if here and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None
        raise _missing(file, f"HTTP {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _missing(file, _reason(error)) from None


def _pieces(file: Remote, answer: Any) -> Iterator[bytes]:
    try:
        while piece := answer.read1(PIECE):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise _missing(file, _reason(error)) from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return False


def _missing(file: Remote, got: str) -> HarnessError:
    return HarnessError(
        f"{file.name} must be in the data root or at {file.url}, got {got}; try again, "
        "or put the file into a folder and name that by HARNESS_DATA or --data"
    )


def _reason(error: Exception) -> str:
    """What was wrong, without the number of the error."""
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or inner or type(inner).__name__)


@functools.lru_cache(maxsize=64)
def _md5(path: Path, modified: int, size: int) -> str:
    """Of the file as it was at that time and of that size."""
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        digest: Any = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    return str(digest.hexdigest())
