"""Descriptors of images that neither flipping nor moving changes much, and who is near whom.

The magnitudes of low spatial frequencies: to move an image changes their phases, to flip it only
their signs, over which the larger is taken. In a set where all images look alike what varies
counts: the magnitudes are brought to principal components of variance 1.
"""

import numpy as np
from numpy.typing import NDArray

FREQUENCIES = 4
"""Along each axis, so many and 0."""
COMPONENTS, EACH = 32, 5
"""At most, and images for each."""
NEIGHBOURS = 16
FLOOR = 1e-6
"""Of the largest variance: below it is rounding."""

Array = NDArray[np.float32]


def neighbours(images: Array) -> NDArray[np.int64]:
    """(n, ...) images, none of them constant -> (pairs, 2) rows a < b that are worth a look.

    Each with its nearest ones, by the angle between their descriptors.
    """
    from sklearn.neighbors import NearestNeighbors

    n = len(images)
    if n < 2:
        return np.empty((0, 2), dtype=np.int64)
    described = _whitened(_magnitudes(images))
    asked = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, n), algorithm="brute").fit(described)
    found = asked.kneighbors(described, return_distance=False)
    pairs = np.stack([np.repeat(np.arange(n), found.shape[1]), found.ravel()], axis=1)
    pairs.sort(axis=1)
    distinct: NDArray[np.int64] = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    return distinct


def _magnitudes(images: Array) -> Array:
    """(n, frequencies), of images with mean 0 and length 1."""
    axes = tuple(range(1, images.ndim))
    centred = images - images.mean(axis=axes, keepdims=True)
    centred /= np.sqrt(np.square(centred).sum(axis=axes, keepdims=True))
    found = np.abs(np.fft.rfftn(centred, axes=axes))
    for axis in axes[:-1]:
        known = min(FREQUENCIES, (images.shape[axis] - 1) // 2) + 1
        ahead = found.take(range(known), axis)
        back = found.take([-k for k in range(known)], axis)
        found = np.maximum(ahead, back)
    kept = found[..., : FREQUENCIES + 1]
    return np.asarray(kept.reshape(len(images), -1), dtype=np.float32)


def _whitened(described: Array) -> Array:
    """(n, components) of length 1."""
    centred = described - described.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = np.argsort(variances)[::-1][: max(2, min(COMPONENTS, len(described) // EACH))]
    kept = kept[variances[kept] > FLOOR * variances.max()]
    if not len(kept):
        return np.ones((len(described), 1), dtype=np.float32)
    found = centred @ (axes[:, kept] / np.sqrt(variances[kept]))
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, FLOOR), dtype=np.float32)
