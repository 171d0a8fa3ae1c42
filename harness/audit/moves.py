"""Moves of an image: flips along its axes, and shifts by a pixel."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOM = 8
"""Pixels along an axis from which on images are moved along it."""

Array = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """Along each axis whether an image is flipped, and by how many pixels it is moved then."""

    flip: tuple[bool, ...]
    shift: tuple[float, ...]


def flipped(images: Array, move: Move) -> Array:
    """Along the last axes."""
    first = images.ndim - len(move.flip)
    return np.flip(images, [first + axis for axis, flip in enumerate(move.flip) if flip])


def shifted(images: Array, shift: Sequence[float]) -> Array:
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


def inside(shape: Sequence[int]) -> Any:
    """What of the last axes is looked at."""
    return (..., *(slice(_edge(side), side - _edge(side)) for side in shape))


def flips(axes: int) -> Iterator[tuple[bool, ...]]:
    """All of them, none first."""
    yield from itertools.product((False, True), repeat=axes)


def moves(shape: tuple[int, ...], step: Sequence[float]) -> Iterator[Move]:
    """That which changes nothing, and all others."""
    shifts = [
        (0.0, -by, by) if _edge(side) else (0.0,) for side, by in zip(shape, step, strict=True)
    ]
    for flip in flips(len(shape)):
        for shift in itertools.product(*shifts):
            yield Move(flip, shift)
