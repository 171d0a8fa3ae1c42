"""Cases made ready for training: each is read once, put on the network's grid, and kept on disk.

A case is a folder of its own, of two Blosc2 arrays with the slices first: `image` (z, C, x, y), raw
where the grid is the case's, and `mask` (z, x, y). A slice is a compressed block, so that it alone
is decoded, and what is asked before anything is stands in `facts.json`. Windows are applied when an
image is read, so that nothing is lost on disk.
"""

import dataclasses
import functools
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import disk, grids
from harness.errors import HarnessError
from harness.prepared import Facts, Fault, Prepared
from harness.suite import Input
from harness.volumes import Volumes

FORMAT = 2
"""Of the files; those of another are not looked at."""
CHUNK = 2**20
"""Bytes of a chunk of blocks before it is compressed, at most, but at least one slice."""
FACTS = "facts.json"
PIECE = 1024
HANDLES = 8

Report = Callable[[int, int], None]


def prepare(volumes: Volumes, input: Input, folder: Path, *, key: str, report: Report) -> Prepared:
    """The cases of one split; those that `folder` has not yet are made, one in memory at a time.

    key: what the contents of a case depend on beside its id; the grid is added to it. A kill loses
    the case that was being written and no other; a second process waits for the first. A case that
    cannot be read, or has no mask, is a fault, and tried again the next time. `report` is told how
    many of how many are done, those left out apart, after each that was tried.
    Raises HarnessError where no case is left, Unwritable where the disk is full.
    """
    home = folder / _digest(FORMAT, key, input.spacing, input.resize, input.intensity)
    paths = {str(name): home / _digest(str(name)) for name in volumes.ids}
    missing = [name for name, path in paths.items() if not path.is_dir()]
    faults: list[Fault] = []
    if missing:
        with disk.locked(home, lambda: None):
            for leftover in home.glob(".*.tmp"):
                shutil.rmtree(leftover, ignore_errors=True)
            for done, name in enumerate(missing, start=len(paths) - len(missing) + 1):
                if not paths[name].is_dir():
                    faults += _make(volumes, name, input, paths[name])
                report(done - len(faults), len(paths) - len(faults))
    lost = {fault.id for fault in faults}
    ready = {name: path for name, path in paths.items() if name not in lost}
    _demand(ready, faults)
    opener = _opener()
    return Prepared(
        ids=tuple(ready),
        facts=tuple(_known(path, input) for path in ready.values()),
        arrays=tuple(functools.partial(opener, path) for path in ready.values()),
        faults=tuple(faults),
    )


def in_memory(volumes: Volumes, input: Input) -> Prepared:
    """The same with nothing on disk: all cases are held as they would be stored."""
    held, faults = {}, []
    for name in map(str, volumes.ids):
        try:
            held[name] = _gridded(volumes, name, input)
        except HarnessError as error:
            faults.append(Fault(id=name, message=str(error)))
    _demand(held, faults)
    return Prepared(
        ids=tuple(held),
        facts=tuple(ready.facts for ready in held.values()),
        arrays=tuple(functools.partial(_both, ready) for ready in held.values()),
        faults=tuple(faults),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A case on the network's grid, slices first: image (z, C, x, y) and mask (z, x, y)."""

    image: NDArray[Any]
    mask: NDArray[np.uint8]
    facts: Facts


def _gridded(volumes: Volumes, name: str, input: Input) -> _Ready:
    """Raises HarnessError for a case that cannot be read, or not be trained on."""
    case = volumes.read(name)
    if case.mask is None:
        raise HarnessError(f"case {name} must have a mask to be trained on, got none; add its file")
    shape = grids.shape_of(case.mask.shape, case.spacing, input)
    raw = grids.resampled(case.image, shape)
    mask = _slices_first(grids.nearest(case.mask, shape))
    facts = Facts.of(raw, mask, len(volumes.classes), input, seed=int(_digest(name), 16))
    return _Ready(image=_slices_first(raw), mask=mask, facts=facts)


def _slices_first(array: NDArray[Any]) -> NDArray[Any]:
    """(..., z) -> (z, ...) as a block of memory, copied in pieces that stay in the cache."""
    if not array.flags.c_contiguous:
        return np.ascontiguousarray(np.moveaxis(array, -1, 0))
    rows = array.reshape(-1, array.shape[-1])
    copy = np.empty(rows.shape[::-1], array.dtype)
    for start in range(0, len(rows), PIECE):
        copy[:, start : start + PIECE] = rows[start : start + PIECE].T
    return copy.reshape(array.shape[-1], *array.shape[:-1])


def _make(volumes: Volumes, name: str, input: Input, path: Path) -> list[Fault]:
    """Write one case, or say why not. Raises Unwritable where the disk is full."""
    try:
        ready = _gridded(volumes, name, input)
    except HarnessError as error:
        return [Fault(id=name, message=str(error))]
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write(partial, ready, name)
        partial.rename(path)
    except (OSError, RuntimeError) as error:  # Blosc2 raises RuntimeError where it cannot write
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise disk.Unwritable(
            f"{path} must be writable, got: {why}; free space or choose another --out"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return []


def _write(path: Path, ready: _Ready, name: str) -> None:
    import blosc2

    path.mkdir(parents=True)
    how = {"codec": blosc2.Codec.LZ4, "filters": [blosc2.Filter.BITSHUFFLE], "nthreads": 1}
    for what, values in (("image", ready.image), ("mask", ready.mask)):
        many = min(max(1, CHUNK // values[0].nbytes), len(values))
        blosc2.asarray(
            values,
            urlpath=str(path / f"{what}.b2nd"),
            mode="w",
            chunks=(many, *values.shape[1:]),
            blocks=(1, *values.shape[1:]),
            cparams=how,
        )
    about = json.dumps({"id": name, **ready.facts.told()})
    (path / FACTS).write_text(about, encoding="utf-8")


def _known(path: Path, input: Input) -> Facts:
    return Facts.read(json.loads((path / FACTS).read_text("utf-8")), input)


def _both(ready: _Ready) -> tuple[Any, Any]:
    return ready.image, ready.mask


def _opener() -> Callable[[Path], tuple[Any, Any]]:
    """Opens both arrays of a case; each thread keeps its last few.

    A handle is not for two threads at a time, and holds buffers of the size of a few slices.
    """
    opened = threading.local()

    def arrays(path: Path) -> tuple[Any, Any]:
        if not hasattr(opened, "last"):
            opened.last = functools.lru_cache(HANDLES)(_open)
        both: tuple[Any, Any] = opened.last(path)
        return both

    return arrays


def _open(path: Path) -> tuple[Any, Any]:
    import blosc2

    names = (str(path / "image.b2nd"), str(path / "mask.b2nd"))
    image, mask = (blosc2.open(name, mode="r", dparams={"nthreads": 1}) for name in names)
    return image, mask


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _demand(ready: Any, faults: list[Fault]) -> None:
    if not ready:
        why = f"; the first: {faults[0].message}" if faults else ""
        raise HarnessError(f"a split must have a case that can be read, got none{why}")
