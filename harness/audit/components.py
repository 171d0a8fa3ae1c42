"""What images of a set have in common, and what sets them apart: their principal components."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from harness.audit.moves import Move, flipped, flips, inside

COMPONENTS, EACH = 32, 10
"""At most, and images, flipped ones too, for each."""
MOST = 1_000
"""Images that the components are made from, flipped ones too."""
FLOOR = 1e-6
"""Of the largest variance: below it is rounding."""

Array = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, slots=True)
class Basis:
    """`axes` (k, ...) divided by their deviations, 0 at the edge; `middle` (k,)."""

    axes: Array
    middle: Array


def basis(centred: Array) -> Basis:
    """Of some of all images in all flips; their edge is left out."""
    shape = centred.shape[1:]
    shown, ways = inside(shape), [Move(each, ()) for each in flips(len(shape))]
    # A fixed draw, so that an audit says the same each time.
    drawn = np.random.default_rng(0).permutation(len(centred) * len(ways))[:MOST]
    held = [np.sort(drawn[drawn % len(ways) == k] // len(ways)) for k in range(len(ways))]
    views = [
        flipped(centred[rows], flip)[shown].reshape(len(rows), -1)
        for rows, flip in zip(held, ways, strict=True)
    ]
    axes, middle = _components(np.concatenate(views))
    whole = np.zeros((len(axes), *shape), dtype=np.float32)
    whole[shown] = axes.reshape(whole[shown].shape)
    return Basis(whole, middle)


def _components(seen: Array) -> tuple[Array, Array]:
    """Of (m, pixels): (k, pixels) and (k,); from the products of the m, as they are fewer.

    Of few images there are few, or what sets one apart from its own copy would be one of them.
    """
    seen = seen - seen.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(seen, axis=1, keepdims=True)
    seen = seen[lengths[:, 0] > 0] / lengths[lengths[:, 0] > 0]
    if not len(seen):
        return np.zeros((1, seen.shape[1]), dtype=np.float32), np.zeros(1, dtype=np.float32)
    middle = seen.mean(axis=0)
    apart = seen - middle
    values, vectors = np.linalg.eigh((apart @ apart.T).astype(np.float64))
    kept = np.argsort(values)[::-1][: max(2, min(COMPONENTS, len(seen) // EACH))]
    kept = kept[values[kept] > FLOOR * values.max()]
    axes = (vectors[:, kept] / values[kept] * np.sqrt(len(seen))).astype(np.float32).T @ apart
    return axes, axes @ middle
