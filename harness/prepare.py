"""Cases made ready for training: each is read once, put on the network's grid, and kept on disk.

A case is a zarr 3 group of its own, of two arrays with the slices first: `image` (z, C, x, y), raw
where the grid is the case's, and `mask` (z, x, y). A few slices are one compressed chunk, the
chunks of an array are one file, and what is asked before anything is decoded stands in the group's
attributes. Windows are applied when an image is read, so that nothing is lost on disk.
"""

import dataclasses
import functools
import hashlib
import json
import os
import shutil
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

FORMAT = 1
"""Of the files; those of another are not looked at."""
CHUNK = 2**18
"""Bytes of a chunk before it is compressed, at most, but at least one slice."""

Report = Callable[[int, int], None]


def prepare(volumes: Volumes, input: Input, folder: Path, *, key: str, report: Report) -> Prepared:
    """The cases of one split; those that `folder` has not yet are made, one in memory at a time.

    key: what the contents of a case depend on beside its id; the grid is added to it. A kill loses
    the case that was being written and no other; a second process waits for the first. A case that
    cannot be read, or has no mask, is a fault, and tried again the next time. `report` is told how
    many of how many are done, after each that was made.
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
                report(done, len(paths))
    lost = {fault.id for fault in faults}
    ready = {name: path for name, path in paths.items() if name not in lost}
    _demand(ready, faults)
    return Prepared(
        ids=tuple(ready),
        facts=tuple(_known(path, input) for path in ready.values()),
        arrays=tuple(functools.cache(functools.partial(_open, path)) for path in ready.values()),
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
    mask = np.ascontiguousarray(np.moveaxis(grids.nearest(case.mask, shape), -1, 0))
    facts = Facts.of(raw, mask, len(volumes.classes), input, seed=int(_digest(name), 16))
    return _Ready(image=np.ascontiguousarray(np.moveaxis(raw, -1, 0)), mask=mask, facts=facts)


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
    except OSError as error:
        raise disk.Unwritable(
            f"{path} must be writable, got: {error.strerror}; free space or choose another --out"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return []


def _write(path: Path, ready: _Ready, name: str) -> None:
    import zarr
    from zarr.codecs import BloscCodec

    group = zarr.create_group(path, zarr_format=3, attributes={"id": name, **ready.facts.told()})
    for what, values in (("image", ready.image), ("mask", ready.mask)):
        many = max(1, CHUNK // values[0].nbytes)
        chunk = (min(many, len(values)), *values.shape[1:])
        shard = (-(-len(values) // chunk[0]) * chunk[0], *values.shape[1:])
        codec = BloscCodec(
            cname="lz4", clevel=5, shuffle="bitshuffle", typesize=values.dtype.itemsize
        )
        array = group.create_array(
            what,
            shape=values.shape,
            dtype=values.dtype,
            chunks=chunk,
            shards=shard,
            compressors=codec,
        )
        array[:] = values


def _known(path: Path, input: Input) -> Facts:
    return Facts.read(json.loads((path / "zarr.json").read_text("utf-8"))["attributes"], input)


def _both(ready: _Ready) -> tuple[Any, Any]:
    return ready.image, ready.mask


def _open(path: Path) -> tuple[Any, Any]:
    import zarr

    return zarr.open_array(path / "image", mode="r"), zarr.open_array(path / "mask", mode="r")


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _demand(ready: Any, faults: list[Fault]) -> None:
    if not ready:
        why = f"; the first: {faults[0].message}" if faults else ""
        raise HarnessError(f"a split must have a case that can be read, got none{why}")
