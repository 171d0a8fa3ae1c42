"""Invented cases that are read one at a time, for the tests of preparing and of patches."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.patches import Patches
from harness.prepare import in_memory, prepare
from harness.prepared import Prepared
from harness.suite import Input, Train
from harness.volumes import Case, Source, Volumes

SHAPE, SPACING = (14, 11, 9), (1.0, 1.5, 2.5)
WINDOW = Input(window=(-300.0, 400.0))
NUMBERED = (12, 10, 8)
"""The shape of cases whose voxels are numbered."""
AS_IT_IS = Input(window=(0.0, 1e7), range=(0.0, 1e7))


def case(name: str, shape: tuple[int, ...] = SHAPE, dtype: Any = np.int16) -> Case:
    """Noise of two channels; a class in slices 2 to 4 and, but in `c0`, one in slice 6."""
    rng = np.random.default_rng(list(name.encode()))
    mask = np.zeros(shape, np.uint8)
    mask[3:8, 2:9, 2:5] = 1
    mask[5:7, 5:9, 6] = 0 if name == "c0" else 2
    affine = np.diag([*SPACING, 1.0])
    return Case(
        id=name,
        image=rng.integers(0, 256, (2, *shape)).astype(dtype),
        mask=mask,
        spacing=SPACING,
        affine=affine,
        source=Source(shape=shape, affine=affine),
    )


class Disk:
    """The cases c0, c1, ... and which of them were read; `broken` ones raise what is given."""

    def __init__(self, many: int = 4, read: Callable[[str], Case] = case) -> None:
        self.names = [f"c{k}" for k in range(many)]
        self.made = read
        self.seen: list[str] = []
        self.broken: dict[str, BaseException] = {}

    def read(self, name: str) -> Case:
        self.seen.append(name)
        if name in self.broken:
            raise self.broken[name]
        return self.made(name)

    @property
    def volumes(self) -> Volumes:
        ids = np.array(self.names)
        return Volumes(split="train", ids=ids, classes=("one", "two"), read=self.read, channels=2)


def prepared(data: Disk, folder: Path, asked: Input = WINDOW, key: str = "k") -> Prepared:
    return prepare(data.volumes, asked, folder, key=key, report=lambda done, total: None)


def numbered(
    name: str, slices: tuple[int, ...] = (2, 5), shape: tuple[int, ...] = NUMBERED
) -> Case:
    """Each voxel says where it is, and `c3` that it is of the fourth case; 1 in some slices."""
    image = np.arange(1, np.prod(shape) + 1).reshape(1, *shape) + 10_000 * int(name[1:])
    mask = np.zeros(shape, np.uint8)
    mask[3:6, 4:9, [z for z in slices if z < shape[2]]] = 1
    return dataclasses.replace(case(name), image=image.astype(np.int32), mask=mask)


def stored(many: int = 3, **args: Any) -> Prepared:
    return in_memory(Disk(many, partial(numbered, **args)).volumes, AS_IT_IS)


def feed(prepared: Prepared, size: tuple[int, ...] = NUMBERED[:2], **args: Any) -> Patches:
    own = {name: args.pop(name) for name in ("seed", "workers") if name in args}
    train = Train(**{"batch_size": 4, **args})
    return Patches(prepared, size, train, **{"seed": 0, "workers": 0, **own})


def seen(patches: Patches, epoch: int = 1) -> tuple[NDArray[Any], NDArray[Any]]:
    """All images (n, C, *size) and masks (n, *size) of an epoch."""
    images, masks = zip(*patches.batches(epoch), strict=True)
    return torch.cat(images).numpy(), torch.cat(masks).numpy()
