"""What a phantom volume is made of: balls and ellipsoids by their size in mm, and smooth noise."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLOW, FINE = 15.0, 10.0  # standard deviations in HU of noise that varies slowly, and of a voxel's
PATCH = 8  # voxels along an edge from one value of the slow noise to the next
DRAWS = 100  # places that are tried for a ball


def paint(
    mask: NDArray[np.bool_], spacing: Sequence[float], centre: NDArray[Any], half: NDArray[Any]
) -> None:
    """Set those voxels of `mask` whose centre is in an ellipsoid; `half` are its half axes.

    All in mm; the centre of voxel i is at (i + 0.5) times the spacing. Only the box around it is
    looked at.
    """
    low = [max(0, math.floor(edge)) for edge in (centre - half) / spacing]
    high = [math.ceil(edge) for edge in (centre + half) / spacing]
    inside = mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    apart = [
        (((first + np.arange(n) + 0.5) * mm - c) / h) ** 2
        for first, n, mm, c, h in zip(low, inside.shape, spacing, centre, half, strict=True)
    ]
    x, y, z = (axis.astype(np.float32) for axis in apart)
    inside |= x[:, None, None] + y[:, None] + z <= 1


def places(
    radii: Sequence[float],
    centre: NDArray[Any],
    half: NDArray[Any],
    gap: float,
    rng: np.random.Generator,
) -> list[tuple[NDArray[Any], float]]:
    """Centres and radii of balls wholly in an ellipsoid, more than `gap` apart; all in mm.

    One that finds no room in 100 draws is left out.
    """
    found: list[tuple[NDArray[Any], float]] = []
    for radius in radii:
        for _ in range(DRAWS):
            way = rng.standard_normal(3)
            way *= rng.random() ** (1 / 3) / np.linalg.norm(way)
            place = centre + way * half * (1 - radius / half.min())
            if all(np.linalg.norm(place - other) > radius + r + gap for other, r in found):
                found.append((place, radius))
                break
    return found


def noise(shape: Sequence[int], rng: np.random.Generator) -> NDArray[np.float32]:
    """HU of mean 0, at every voxel of variance SLOW^2 + FINE^2."""
    weights = [_weights(n) for n in shape]
    slow = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    for axis in weights:
        slow = np.tensordot(slow, axis, axes=(0, 1))
    fine = rng.standard_normal(tuple(shape), dtype=np.float32)
    fine *= np.float32(FINE)
    slow *= np.float32(SLOW)
    slow += fine
    return slow


def _weights(n: int) -> NDArray[np.float32]:
    """(n, knots): of the two knots beside it, what each of n voxels takes; squares add up to 1."""
    place = np.arange(n) / PATCH
    apart = np.abs(place[:, None] - np.arange(math.ceil(n / PATCH) + 1))
    weights = np.clip(1 - apart, 0, None)
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return weights.astype(np.float32)
