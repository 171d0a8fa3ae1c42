"""Images made small, with a digest and a few facts of each: all that an audit keeps of them."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.audit.collected import Images

FLAT, DEEP = 64, 28
"""Pixels along an edge of a small copy, at most, of images and of volumes."""
AT_ONCE = 2**24
"""Pixels that are looked at together."""


def looked_at(pixels: NDArray[np.generic]) -> Images:
    """Of (n, C, H, W) or (n, C, D, H, W), a part of them after the other."""
    step = max(1, AT_ONCE // max(1, pixels[0].size))
    return joined([_part(pixels[start : start + step]) for start in range(0, len(pixels), step)])


def joined(parts: Sequence[Images]) -> Images:
    """One after the other; all have small copies of one size."""
    names = [field.name for field in dataclasses.fields(Images) if field.name != "step"]
    held = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Images(**held, step=parts[0].step)


def _part(pixels: NDArray[np.generic]) -> Images:
    rows = pixels.reshape(len(pixels), -1)
    finite = np.isfinite(rows).all(axis=1)
    values = rows.astype(np.float64)
    if not finite.all():
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    copies, step = small(values.reshape(pixels.shape).mean(axis=1))
    return Images(
        small=copies,
        step=step,
        digest=np.array([digest(image) for image in pixels]),
        mean=values.mean(axis=1),
        spread=values.std(axis=1),
        low=values.min(axis=1),
        high=values.max(axis=1),
        finite=finite,
    )


def digest(array: NDArray[np.generic]) -> str:
    """Of the values, wherever they lie."""
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).hexdigest()


def small(images: NDArray[np.float64]) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    """(n, ...) as means of blocks of whole pixels, and what share of one a pixel was.

    Around the middle; axes of one pixel go, but for one.
    """
    most = FLAT if images.ndim == 3 else DEEP
    factors = [-(-side // most) for side in images.shape[1:]]
    for axis, factor in enumerate(factors, 1):
        images = _shrunk(images, axis, factor)
    kept = [axis for axis, side in enumerate(images.shape[1:]) if side > 1] or [0]
    copies = images.reshape(len(images), *(images.shape[axis + 1] for axis in kept))
    return copies.astype(np.float32), tuple(1 / factors[axis] for axis in kept)


def _shrunk(images: NDArray[np.float64], axis: int, factor: int) -> NDArray[np.float64]:
    """Blocks of `factor` along an axis; what is over is left out at both ends alike."""
    if factor == 1:
        return images
    side = images.shape[axis]
    first, many = side % factor // 2, side // factor
    kept = images.take(range(first, first + many * factor), axis)
    shape = (*images.shape[:axis], many, factor, *images.shape[axis + 1 :])
    blocks: NDArray[np.float64] = kept.reshape(shape).mean(axis=axis + 1)
    return blocks
