"""How much two images are one: their correlation over all flips, and shifts by a pixel.

Two fundus photographs of two people correlate by 0.99, because both are a disc on black. So what
images of the set have in common is taken out first: each is described by its principal components
in the set, all of which count alike, and it is the angle between these that says whether two are
one. What remains of unrelated images is near 0, in a set of any kind.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPONENTS, EACH = 32, 10
"""At most, and images, flipped ones too, for each."""
MOST = 1_000
"""Images that the components are made from, each in every flip."""
ROOM = 8
"""Pixels along an axis from which on images are moved along it."""
LARGE = 8_192
"""From so many pixels on, blocks of two along each axis are taken together: components are smooth.
"""
FLOOR = 1e-6
"""Of the largest variance: below it is rounding."""
TINY = 1e-12

Array = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """Along each axis whether an image is flipped, and by how many pixels it is moved then."""

    flip: tuple[bool, ...]
    shift: tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Likeness:
    """Of (pairs,): how alike they are at best, from -1 to 1, and by which of `moves`."""

    value: Array
    move: NDArray[np.int64]
    moves: tuple[Move, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Basis:
    """`axes` (k, ...) divided by their deviations, 0 at the edge; `middle` (k,)."""

    axes: Array
    middle: Array


def likeness(images: Array, pairs: NDArray[np.int64], step: Sequence[float]) -> Likeness:
    """Of (pairs, 2) rows of (n, ...) images, none of them constant; `step` is one pixel of before.

    It is not the image that is moved but the components, by which one product describes all.
    """
    moves = tuple(_moves(images.shape[1:], step))
    centred = images - images.mean(axis=tuple(range(1, images.ndim)), keepdims=True)
    basis, squares = _basis(centred), np.square(centred).reshape(len(centred), -1)
    views = _blocks(centred, np.mean).reshape(len(centred), -1)
    still = _described(views, squares, basis, moves[0])[pairs[:, 0]]
    best = np.full(len(pairs), -1, dtype=np.float32)
    how = np.zeros(len(pairs), dtype=np.int64)
    for k, move in enumerate(moves):
        moved = _described(views, squares, basis, move)[pairs[:, 1]]
        found = np.einsum("ij,ij->i", still, moved)
        better = found > best
        best[better], how[better] = found[better], k
    return Likeness(best, how, moves)


def correlation(a: Array, b: Array, move: Move) -> float:
    """Pearson's, of the pixels that two images share as they lie on each other; 0 of a blank part.

    `b` is put back: what `move` makes of the components is undone.
    """
    back = _shifted(_flipped(b, move), [-by for by in move.shift])
    first, second = (image[_inside(a.shape)].ravel() for image in (a, back))
    first, second = first - first.mean(), second - second.mean()
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths else 0.0


def _flipped(images: Array, move: Move) -> Array:
    """Along the last axes."""
    first = images.ndim - len(move.flip)
    return np.flip(images, [first + axis for axis, flip in enumerate(move.flip) if flip])


def _shifted(images: Array, shift: Sequence[float]) -> Array:
    """Along the last axes, by a pixel or a part of one, between two of which lines are straight.

    What leaves at one end comes in at the other: into the edge, at which nobody looks.
    """
    first = images.ndim - len(shift)
    for axis, by in enumerate(shift, first):
        if by:
            next_to = np.roll(images, 1 if by > 0 else -1, axis)
            images = next_to if abs(by) == 1 else images + np.float32(abs(by)) * (next_to - images)
    return images


def _edge(side: int) -> int:
    return 1 if side >= ROOM else 0


def _inside(shape: Sequence[int]) -> Any:
    """What of the last axes is looked at."""
    return (..., *(slice(_edge(side), side - _edge(side)) for side in shape))


def _moves(shape: tuple[int, ...], step: Sequence[float]) -> Iterator[Move]:
    """That which changes nothing, and all others."""
    shifts = [
        (0.0, -by, by) if _edge(side) else (0.0,) for side, by in zip(shape, step, strict=True)
    ]
    for flip in itertools.product((False, True), repeat=len(shape)):
        for shift in itertools.product(*shifts):
            yield Move(flip, shift)


def _basis(centred: Array) -> _Basis:
    """Of images spread evenly over the set, in all flips; their edge is left out."""
    shape = centred.shape[1:]
    inside = _inside(shape)
    rows = np.unique(np.linspace(0, len(centred) - 1, MOST).round().astype(np.int64))
    flips = [Move(each, ()) for each in itertools.product((False, True), repeat=len(shape))]
    several = len(rows) < MOST
    held = [rows if several else rows[k :: len(flips)] for k in range(len(flips))]
    views = [
        _flipped(centred[part], flip)[inside].reshape(len(part), -1)
        for part, flip in zip(held, flips, strict=True)
    ]
    axes, middle = _components(np.concatenate(views))
    whole = np.zeros((len(axes), *shape), dtype=np.float32)
    whole[inside] = axes.reshape(whole[inside].shape)
    return _Basis(whole, middle)


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


def _described(views: Array, squares: Array, basis: _Basis, move: Move) -> Array:
    """(n, k) of length 1, of images as blocks and of their squares.

    The sum of a component is 0, so that a mean changes nothing but an image's length.
    """
    k, *shape = basis.axes.shape
    window = np.zeros((1, *shape), dtype=np.float32)
    window[_inside(shape)] = 1
    placed = _flipped(_shifted(np.concatenate([basis.axes, window]), move.shift), move)
    inside = placed[-1].ravel()
    summed = _blocks(placed, np.sum).reshape(k + 1, -1)
    along = views @ summed.T
    square = squares @ inside - along[:, k] ** 2 / inside.sum()
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
