"""Where Runs live on disk: one folder each, locked while written, every file whole or absent."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.plan import Run

try:
    import fcntl
except ImportError:  # Windows has no advisory locks; two processes on one suite are unguarded there
    fcntl = None  # type: ignore[assignment]


class Unwritable(HarnessError):
    """The disk is full or the place is forbidden: no Run can go on, nor note that it failed."""


def run_folder(runs: Path, run: Run, fit_digest: str) -> Path:
    """`runs/SUITE/DATASET/MODEL/DEVICE/sSEED-DIGEST`: another fit is another folder."""
    name = f"s{run.seed}-{fit_digest[:8]}"
    return runs / run.suite / run.dataset / run.model / run.device / name


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


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """`run.json`: which steps of one Run are done, with which digest, and what they found."""

    folder: Path
    run: Run
    steps: dict[str, dict[str, Any]]

    @classmethod
    def open(cls, folder: Path, run: Run) -> "State":
        """What an earlier process left behind, or nothing; a broken file counts as nothing."""
        try:
            steps = json.loads((folder / "run.json").read_text(encoding="utf-8"))["steps"]
            whole = all(
                facts["digest"] and None not in facts["files"].values() for facts in steps.values()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            whole = False
        return cls(folder, run, steps if whole else {})

    def done(self, step: str, digest: str) -> dict[str, Any] | None:
        """What `step` found, if it was done with this digest and its files are still there."""
        facts = self.steps.get(step)
        if facts is None or facts["digest"] != digest:
            return None
        there = all(_size(self.folder / name) == size for name, size in facts["files"].items())
        return facts if there else None

    def finish(self, step: str, digest: str, files: list[str], facts: Mapping[str, Any]) -> None:
        """Note that `step` is done; its `files`, in the folder, are written already."""
        sizes = {name: (self.folder / name).stat().st_size for name in files}
        self.steps[step] = {"digest": digest, "files": sizes, **facts}
        run = dataclasses.asdict(self.run)
        write_json(self.folder / "run.json", {"run": run, "steps": self.steps})


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
