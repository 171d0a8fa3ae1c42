"""A folder that is replaced whole, or left as it was."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import disk


@contextlib.contextmanager
def replaced(folder: Path, waiting: Callable[[], None]) -> Iterator[Path]:
    """A place for a new folder, which takes that of `folder` in the end, if it was made.

    Where an error comes first, `folder` is as it was. What killed processes left is removed, and
    one process writes beside `folder` at a time: `waiting` is called once where another does.
    Raises Unwritable.
    """
    with disk.locked(folder.parent, waiting):
        for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh, older = (
            folder.with_name(f".{folder.name}.{os.getpid()}{end}.tmp") for end in ("", ".old")
        )
        try:
            yield fresh
            if fresh.is_dir():
                _put(fresh, folder, older)
        finally:
            for each in (fresh, older):
                shutil.rmtree(each, ignore_errors=True)


def _put(fresh: Path, folder: Path, older: Path) -> None:
    try:
        if folder.is_dir():
            folder.rename(older)
        fresh.rename(folder)
    except OSError as error:
        if older.is_dir() and not folder.exists():
            older.rename(folder)
        raise disk.Unwritable(
            f"{folder} must be writable, got: {error.strerror}; choose another --out"
        ) from None
