"""How much two images are one: their correlation over all flips, and shifts by a pixel.

Two fundus photographs of two people correlate by 0.99, because both are a disc on black. So what
images of the set have in common is taken out first: each is described by its principal components
in the set, all of which count alike, and it is the angle between these that says whether two are
one. What remains of unrelated images is near 0, in a set of any kind.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.audit import components
from harness.audit.components import Basis
from harness.audit.moves import Move, flipped, inside, moves, shifted

LARGE = 8_192
"""From so many pixels on, blocks of two along each axis are taken together: components are smooth.
"""
TINY = 1e-12

Array = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, slots=True)
class Likeness:
    """Of (pairs,): how alike they are at best, from -1 to 1, and by which of `moves`."""

    value: Array
    move: NDArray[np.int64]
    moves: tuple[Move, ...]


def likeness(
    images: Array, pairs: NDArray[np.int64], step: Sequence[float], *, exact: bool
) -> Likeness:
    """Of (pairs, 2) rows of (n, ...) images, none of them constant; `step` is one pixel of before.

    It is not the image that is moved but the components, by which one product describes all.
    Unless `exact`, large images are described by blocks of them.
    """
    ways = tuple(moves(images.shape[1:], step))
    centred = images - images.mean(axis=tuple(range(1, images.ndim)), keepdims=True)
    basis = components.basis(centred)
    rows, places = np.unique(pairs, return_inverse=True)
    first, second = places.reshape(-1, 2).T
    shown = centred[rows]
    squares = np.square(shown).reshape(len(rows), -1)
    views = shown if exact else _blocks(shown, np.mean)
    views = views.reshape(len(rows), -1)
    still = _described(views, squares, basis, ways[0])[first]
    best = np.full(len(pairs), -1, dtype=np.float32)
    how = np.zeros(len(pairs), dtype=np.int64)
    for k, move in enumerate(ways):
        moved = _described(views, squares, basis, move)[second]
        found = np.einsum("ij,ij->i", still, moved)
        better = found > best
        best[better], how[better] = found[better], k
    return Likeness(best, how, ways)


def correlation(a: Array, b: Array, move: Move) -> float:
    """Pearson's, of the pixels that two images share as they lie on each other; 0 of a blank part.

    `b` is put back: what `move` makes of the components is undone.
    """
    back = shifted(flipped(b, move), [-by for by in move.shift])
    first, second = (image[inside(a.shape)].ravel() for image in (a, back))
    first, second = first - first.mean(), second - second.mean()
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else 0.0


def _described(views: Array, squares: Array, basis: Basis, move: Move) -> Array:
    """(n, k) of length 1, of images as blocks and of their squares.

    The sum of a component is 0, so that a mean changes nothing but an image's length.
    """
    k, *shape = basis.axes.shape
    window = np.zeros((1, *shape), dtype=np.float32)
    window[inside(shape)] = 1
    placed = flipped(shifted(np.concatenate([basis.axes, window]), move.shift), move)
    within = placed[-1].ravel()
    whole = views.shape[1] == squares.shape[1]
    summed = (placed if whole else _blocks(placed, np.sum)).reshape(k + 1, -1)
    along = views @ summed.T
    square = squares @ within - along[:, k] ** 2 / within.sum()
    found = along[:, :k] / np.sqrt(np.maximum(square, TINY))[:, None] - basis.middle
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, TINY), dtype=np.float32)


def _blocks(images: Array, of: Callable[..., Any]) -> Array:
    """(n, ...) with two along each axis as one, where there are many; an odd one out is alone."""
    if np.prod(images.shape[1:]) < LARGE:
        return images
    beyond: Any = "edge" if of is np.mean else "constant"
    for axis in range(1, images.ndim):
        odd = [(0, images.shape[axis] % 2 if each == axis else 0) for each in range(images.ndim)]
        even = np.pad(images, odd, beyond)
        shape = (*even.shape[:axis], even.shape[axis] // 2, 2, *even.shape[axis + 1 :])
        images = of(even.reshape(shape), axis=axis + 1)
    return images
