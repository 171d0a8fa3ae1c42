"""Augmenting: an image and its mask changed at random together, in one resampling."""

from typing import Any

import numpy as np
import torch
from monai.transforms.spatial.array import AffineGrid, Resample
from numpy.typing import NDArray
from torch import Tensor

from harness.suite import Augment

CONTROLS = 5
"""Intervals between the points along an axis that an elastic shift is drawn at."""
SHIFT = 0.25
"""The largest shift of a point, in such intervals. Below 0.40 nothing can fold over itself."""


def augment(
    image: NDArray[np.float32], mask: NDArray[np.uint8], asked: Augment, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """An image (C, *size) and its mask (*size), of two or three axes, as `asked` and `rng` have it.

    Scale is alike along all axes, rotation about the last of three, across the body. Scaling,
    rotating and shifting are one transform, linear in the image, nearest in the mask; beyond its
    edge an image is what it is at the edge. What is not asked for leaves every bit as it was.
    """
    if asked.scale is not None or asked.rotate or asked.elastic:
        image, mask = _moved(image, mask, asked, rng)
    if asked.flip:
        axes = np.flatnonzero(rng.random(mask.ndim) < 0.5)
        image, mask = np.flip(image, tuple(axes + 1)), np.flip(mask, tuple(axes))
    if asked.intensity is not None:
        image = image * np.float32(rng.uniform(*asked.intensity))
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)


def _moved(
    image: NDArray[np.float32], mask: NDArray[np.uint8], asked: Augment, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    grid = _grid(mask.shape, asked, rng)
    linear = Resample(mode="bilinear", padding_mode="border", dtype=None)
    nearest = Resample(mode="nearest", padding_mode="border", dtype=None)
    moved: Any = linear(torch.from_numpy(image.astype(np.float32, order="C")), grid)
    labels: Any = nearest(torch.from_numpy(mask[None].astype(np.float32, order="C")), grid)
    return moved.numpy(), labels[0].numpy().astype(np.uint8)


def _grid(size: tuple[int, ...], asked: Augment, rng: np.random.Generator) -> Tensor:
    """(axes + 1, *size): where each voxel is taken from, in voxels from the middle."""
    factor = rng.uniform(*asked.scale) if asked.scale is not None else 1.0
    angle = np.deg2rad(rng.uniform(-asked.rotate, asked.rotate)) if asked.rotate else 0.0
    place: Any = AffineGrid(
        rotate_params=angle if len(size) == 2 else (0.0, 0.0, angle),
        scale_params=(1 / factor,) * len(size),
    )
    grid: Tensor = place(spatial_size=size)[0]
    if asked.elastic:
        grid[: len(size)] += torch.from_numpy(_shift(size, rng))
    return grid


def _shift(size: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """(axes, *size) float32: a smooth shift of every voxel along each axis, in voxels.

    Cubic B-splines over random shifts of a grid of points (Rueckert et al., IEEE TMI 1999), which
    do not fold while no point moves by 0.40 intervals (Choi and Lee, Graphical Models 2000).
    """
    interval = np.array(size).reshape(-1, *[1] * len(size)) / CONTROLS
    field: NDArray[np.floating[Any]] = interval * rng.uniform(
        -SHIFT, SHIFT, (len(size), *[CONTROLS + 3] * len(size))
    )
    for side in size:
        field = np.tensordot(field, _spline(side), axes=(1, 1))
    return field.astype(np.float32)


def _spline(side: int) -> NDArray[np.float64]:
    """(side, CONTROLS + 3): how much each point bears on each voxel of an axis."""
    at = (np.arange(side) + 0.5) * CONTROLS / side
    far = np.abs(at[:, None] - np.arange(-1, CONTROLS + 2))
    inner, outer = 2 / 3 - far**2 + far**3 / 2, (2 - far) ** 3 / 6
    weights: NDArray[np.float64] = np.where(far < 1, inner, np.where(far < 2, outer, 0))
    return weights
