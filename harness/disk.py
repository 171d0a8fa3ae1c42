"""Files on disk: every one whole or absent, and a folder that one process holds at a time."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

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
        _lock(file, waiting)
        for leftover in folder.glob(".*.tmp"):
            with contextlib.suppress(OSError):
                leftover.unlink()
        yield


@contextlib.contextmanager
def held(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the file `path`, made where there is none; if it is empty in the end, it goes again.

    Whoever holds it may rename or remove it, so that no lock is left behind: who waited meanwhile
    then holds a new one. Calls `waiting` where another has it first. Raises OSError where it cannot
    be made.
    """
    if fcntl is None:
        yield
        return
    with _grip(path, waiting) as file:
        try:
            yield
        finally:
            if _is_at(path, file) and not path.stat().st_size:
                path.unlink()


def _grip(path: Path, waiting: Callable[[], None]) -> IO[bytes]:
    """The file that is at `path` now, locked, not one that was there when the waiting began."""
    while True:
        with contextlib.ExitStack() as unless_held:
            file = unless_held.enter_context(path.open("ab"))
            _lock(file, waiting)
            if _is_at(path, file):
                unless_held.pop_all()
                return file


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _lock(file: IO[Any], waiting: Callable[[], None]) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(file, fcntl.LOCK_EX)


def read_table(data: bytes) -> Any:
    """An Arrow table from Parquet.

    By this thread alone: one of Arrow's that outlives Python's end aborts the process.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)


def column(table: Any, name: str) -> NDArray[Any]:
    """A column of an Arrow table as (n,), text as objects; pandas, which Arrow asks, stays out.

    Raises KeyError where there is none.
    """
    import pyarrow as pa

    found = table[name].combine_chunks()
    kinds = {"i": pa.types.is_signed_integer, "u": pa.types.is_unsigned_integer}
    kinds["f"] = pa.types.is_floating
    kind = next((letter for letter, of in kinds.items() if of(found.type)), None)
    if kind and len(found) and not found.null_count:
        values = np.frombuffer(found.buffers()[1], dtype=f"{kind}{found.type.bit_width // 8}")
        return values[found.offset : found.offset + len(found)].copy()
    if pa.types.is_string(found.type):
        return np.array(found.to_pylist(), dtype=object)
    whole: NDArray[Any] = table[name].to_numpy()
    return whole


def file_digest(path: Path) -> str:
    """sha256 of a file. Raises HarnessError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise HarnessError(f"{path} must be a readable file, got: {reason}") from None
