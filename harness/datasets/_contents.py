"""Digests of large files, remembered while a file is the same, so that a plan reads none again."""

import contextlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from harness import disk
from harness.errors import HarnessError

SETTLED = 2.0
"""Seconds since a file was changed; within them another change may leave its time as it is."""

Known = dict[str, list[str | int]]


def contents(paths: Iterable[Path]) -> list[str]:
    """The sha256 of each file, "" of one that is missing or cannot be read.

    A digest is kept in the cache folder, by path, size and time of change.
    """
    known, new = _known(), Known()
    found = [_one(path, known, new) for path in paths]
    if new:
        # What cannot be remembered is only read again.
        with contextlib.suppress(disk.Unwritable):
            disk.write_json(_place(), {**_known(), **new})
    return found


def content(path: Path) -> str:
    """The sha256 of one file. Raises HarnessError where it cannot be read."""
    return contents([path])[0] or disk.file_digest(path)


def cache() -> Path:
    """The folder of what can be made again: $HARNESS_CACHE, or that of the user."""
    named = os.environ.get("HARNESS_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "imaging-harness"


def _place() -> Path:
    return cache() / "digests.json"


def _known() -> Known:
    """What is remembered; of a file that is broken, nothing."""
    try:
        table = json.loads(_place().read_text(encoding="utf-8"))
        return {str(path): [int(a), int(b), str(c)] for path, (a, b, c) in table.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _one(path: Path, known: Known, new: Known) -> str:
    try:
        place, stat = str(path.resolve()), path.stat()
        state = [stat.st_size, stat.st_mtime_ns]
        *before, digest = known.get(place, [""])
        if before != state:
            digest = disk.file_digest(path)
            if time.time() - stat.st_mtime_ns / 1e9 > SETTLED:
                new[place] = [*state, digest]
    except (OSError, HarnessError):
        return ""
    return str(digest)
