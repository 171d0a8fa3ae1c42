"""What training is fed with: batches of images and targets, an epoch at a time."""

import dataclasses
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.samples import Samples
from harness.suite import Augment, Train


class Feed(Protocol):
    """The cases of train, in an order that only the seed and the epoch decide."""

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images (n, C, ...) float32 and their targets (n, ...) int64; epochs count from 1."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The feed of whole images: each case once an epoch."""

    cases: Samples
    train: Train
    seed: int

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """In random order, changed at random by torch's generator."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.cases))
        for start in range(0, len(order), self.train.batch_size):
            index = order[start : start + self.train.batch_size]
            images = augmented(self.cases.batch(index), self.train.augment)
            yield torch.from_numpy(images), torch.from_numpy(self.cases.targets[index])


def augmented(images: NDArray[np.float32], augment: Augment | None) -> NDArray[np.float32]:
    """Images (n, ...), each changed at random by torch's generator."""
    if augment is None or augment.intensity is None:
        return images
    low, high = augment.intensity
    drawn: NDArray[np.float32] = torch.rand(len(images), *[1] * (images.ndim - 1)).numpy()
    return images * (np.float32(low) + np.float32(high - low) * drawn)
