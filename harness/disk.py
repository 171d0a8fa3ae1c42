"""Files on disk: every one whole or absent, and a folder that one process holds at a time."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import HarnessError

try:
    import fcntl
except ImportError:  # Windows has no advisory locks; two processes on one suite are unguarded there
    fcntl = None  # type: ignore[assignment]


class Unwritable(HarnessError):
    """The disk is full or the place is forbidden: no Run can go on, nor note that it failed."""


def write(path: Path, data: bytes | str) -> None:
    """Put `data` at `path`, whole or not at all, whatever kills the process.

    Raises Unwritable where the place cannot be written or the disk is full.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise Unwritable(
            f"{path} must be writable, got: {error.strerror}; free space or choose another folder"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Indented, so that a difference of two files can be read."""
    write(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


@contextlib.contextmanager
def locked(folder: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold `folder` for this process; calls `waiting` once if another process has it first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise Unwritable(
            f"{folder} must be writable, got: {error.strerror}; choose another --out"
        ) from None
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
        for leftover in folder.glob(".*.tmp"):
            with contextlib.suppress(OSError):
                leftover.unlink()
        yield
