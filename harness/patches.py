"""Patches of prepared cases, slices or boxes, in batches that are read ahead of the network."""

import dataclasses
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.augmenting import augment
from harness.errors import HarnessError
from harness.prepared import Box, Prepared
from harness.suite import Train

AHEAD = 2
"""Batches that are ready, or being made, beyond one a worker."""
WORKERS = max(1, min(4, (os.cpu_count() or 1) - 1))

Batch = tuple[Tensor, Tensor]
Patch = tuple[NDArray[np.float32], NDArray[np.uint8]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """What is cut out of a case: its slice `z`, or where that is None a box.

    around: a voxel of a class is in the middle. draw: numbers a random generator of its own.
    """

    case: int
    z: int | None = None
    around: bool = False
    draw: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Patches:
    """The feed of segmentation. `size` of two are slices across the last axis, of three boxes.

    What is larger than `size` is cut at random, what is smaller is padded evenly with the lowest
    value of its case. Which patches an epoch has, and how they are changed, depends on `seed` and
    the epoch alone, not on how many `workers`, which are threads, make them; 0 is none but the
    caller's.
    Raises HarnessError where `size` is neither, or no case has what is to be balanced.
    """

    prepared: Prepared
    size: Sequence[int]
    train: Train
    seed: int
    workers: int = WORKERS

    def __post_init__(self) -> None:
        if len(self.size) not in (2, 3):
            raise HarnessError(
                f"input.size must be two numbers for slices or three for boxes, got {self.size}"
            )
        if self.train.sampler.positive == "balance" and not self._positive().any():
            raise HarnessError(
                f"train.sampler balance must have cases with a class, got {len(self.prepared)} "
                'without; set positive = "natural"'
            )

    def __len__(self) -> int:
        """Patches an epoch."""
        if len(self.size) == 2:
            return len(self._positive())
        return len(self.prepared) * self.train.sampler.crops

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Images (n, C, *size) float32 and masks (n, *size) int64; the last may be smaller.

        Raises what a worker raises. Closing it stops the workers.
        """
        items = self._slices(epoch) if len(self.size) == 2 else self._boxes(epoch)
        many = self.train.batch_size
        work = [
            partial(self._batch, items[start : start + many])
            for start in range(0, len(items), many)
        ]
        return ahead(work, self.workers)

    def _positive(self) -> NDArray[np.bool_]:
        """(slices,) of all cases: has it a class?"""
        return np.concatenate([self.prepared.positives(i) for i in range(len(self.prepared))])

    def _slices(self, epoch: int) -> list[_Item]:
        """Each once in random order, or as many with repetition."""
        rng, positive = np.random.default_rng([self.seed, epoch]), self._positive()
        places = [(i, z) for i, shape in enumerate(self.prepared.shapes) for z in range(shape[2])]
        order = rng.permutation(len(places))
        if self.train.sampler.positive == "balance":
            weight = np.where(positive, self.weight, 1.0)
            order = rng.choice(len(places), len(places), p=weight / weight.sum())
        return [
            _Item(case=places[k][0], z=places[k][1], draw=(self.seed, epoch, n))
            for n, k in enumerate(order.tolist())
        ]

    @property
    def weight(self) -> float:
        """Of a slice with a class, where one without has 1: by default both are drawn alike."""
        asked, positive = self.train.sampler.weight, self._positive()
        if asked is not None:
            return asked
        with_class = int(positive.sum())
        return (len(positive) - with_class) / with_class or 1.0

    def _boxes(self, epoch: int) -> list[_Item]:
        """`crops` of each case in random order; balanced, every other one of a case has a class."""
        rng, crops = np.random.default_rng([self.seed, epoch]), self.train.sampler.crops
        first = rng.integers(0, 2, len(self.prepared))
        balanced = self.train.sampler.positive == "balance"
        return [
            _Item(
                case=k // crops,
                around=balanced and bool((first[k // crops] + k) % 2),
                draw=(self.seed, epoch, n),
            )
            for n, k in enumerate(rng.permutation(len(self)).tolist())
        ]

    def _batch(self, items: Sequence[_Item]) -> Batch:
        images, masks = zip(*(self._patch(item) for item in items), strict=True)
        return torch.from_numpy(np.stack(images)), torch.from_numpy(
            np.stack(masks).astype(np.int64)
        )

    def _patch(self, item: _Item) -> Patch:
        """(C, *size) and (*size)."""
        rng = np.random.default_rng(item.draw)
        box = self._box(item, rng)
        image, mask = self.prepared.image(item.case, box), self.prepared.mask(item.case, box)
        if item.z is not None:
            image, mask = image[..., 0], mask[..., 0]
        image, mask = padded(image, mask, self.size, self.prepared.facts[item.case].lowest)
        if self.train.augment is not None:
            image, mask = augment(image, mask, self.train.augment, rng)
        return image, mask

    def _box(self, item: _Item, rng: np.random.Generator) -> Box:
        """Where in its case an item is, within the edges."""
        shape = self.prepared.shapes[item.case]
        size = np.array([*self.size, 1][:3])
        room = np.maximum(np.array(shape) - size, 0)
        start = rng.integers(0, room, endpoint=True)
        places = [found for found in self.prepared.facts[item.case].places if len(found)]
        if item.around and places:
            voxel = rng.choice(places[rng.integers(len(places))])
            start = np.clip(voxel - size // 2, 0, room)
        if item.z is not None:
            start[2] = item.z
        x, y, z = (slice(a, a + n) for a, n in zip(start.tolist(), size.tolist(), strict=True))
        return x, y, z


def padded(
    image: NDArray[np.float32], mask: NDArray[np.uint8], size: Sequence[int], lowest: float
) -> Patch:
    """An image (C, ...) and its mask, both no larger than `size`, in the middle of such a one."""
    if mask.shape == tuple(size):
        return image, mask
    edges = [((m - n) // 2, m - n - (m - n) // 2) for n, m in zip(mask.shape, size, strict=True)]
    wide = np.pad(image, [(0, 0), *edges], constant_values=np.float32(lowest))
    return wide, np.pad(mask, edges)


def ahead(work: Sequence[Callable[[], Any]], workers: int) -> Iterator[Any]:
    """What each piece of work gives, in order, made by threads a few pieces before it is asked."""
    if not workers:
        yield from (piece() for piece in work)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="patches")
    waiting: deque[Future[Any]] = deque()
    try:
        for piece in work:
            waiting.append(pool.submit(piece))
            if len(waiting) >= workers + AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
