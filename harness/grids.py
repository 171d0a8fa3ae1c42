"""Grids and intensities: a case brought to what a network works on, and what it found back again.

Axes are stretched so that the outer faces of the first and last voxel stay where they are. Between
voxels images and probabilities are linear, where an axis linears over as many as fall into one
(torch's antialiased interpolation, which is that of pillow); a mask is never anything but the
nearest voxel, so that no label and no small lesion is made or lost by a mean.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.suite import Input

Array = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Raw intensities (C, ...) -> what a network sees: clipped, then times `gain` plus `offset`.

    gain, offset: one a channel. clip: low and high, before they are scaled.
    """

    gain: tuple[float, ...]
    offset: tuple[float, ...]
    clip: tuple[float, float] | None = None

    def __call__(self, raw: NDArray[Any]) -> Array:
        """(C, ...) of any number type -> float32."""
        values = raw.astype(np.float32)
        if self.clip:
            values = values.clip(np.float32(self.clip[0]), np.float32(self.clip[1]), out=values)
        wide = (-1, *[1] * (raw.ndim - 1))
        values *= np.array(self.gain, dtype=np.float32).reshape(wide)
        values += np.array(self.offset, dtype=np.float32).reshape(wide)
        return values


def given(image: NDArray[Any], spacing: Sequence[float], input: Input) -> Array:
    """(C, X, Y, Z) as stored, `spacing` in mm -> (C, x, y, z) float32 as the network sees it.

    Raises HarnessError as `scale` does.
    """
    raw = resampled(image, shape_of(image.shape[1:], spacing, input))
    return scale(raw, input)(raw)


def shape_of(shape: Sequence[int], spacing: Sequence[float], input: Input) -> tuple[int, ...]:
    """The (x, y, z) that the network works on; axes that `input` does not name keep theirs.

    At least 1; as numbers are whole, the spacing is what was asked to within half a voxel over the
    whole length.
    """
    if input.resize:
        return (*input.resize, *shape[2:])
    if not input.spacing:
        return tuple(shape)
    asked = zip(shape, spacing, input.spacing, strict=False)
    near = [max(1, round(n * mm / wanted)) for n, mm, wanted in asked]
    return (*near, *shape[len(near) :])


def scale(raw: NDArray[Any], input: Input) -> Scale:
    """How the intensities of one case, (C, ...) on the network's grid, are changed.

    "window": `input.window`, or 0 to 255 of 8-bit images, becomes `input.range`. "zscore": each
    channel has mean 0 and deviation 1 over the whole case.
    Raises HarnessError where there is no window for other than 8 bits, or an image is constant, or
    has a value that is not finite.
    """
    if raw.dtype.kind == "f" and not np.isfinite(raw).all():
        raise HarnessError("an image must have finite intensities, got NaN or infinity; mend it")
    if input.intensity == "zscore":
        return _zscore(raw)
    window = input.window or ((0.0, 255.0) if raw.dtype == np.uint8 else None)
    if window is None:
        raise HarnessError(
            f"input.window must be given for {raw.dtype} images, got none; "
            'name the values that become black and white, or set input.intensity = "zscore"'
        )
    (low, high), (black, white) = window, input.range
    gain = (white - black) / (high - low)
    channels = len(raw)
    return Scale(gain=(gain,) * channels, offset=(black - low * gain,) * channels, clip=window)


def _zscore(raw: NDArray[Any]) -> Scale:
    moments = [_moments(channel) for channel in raw]
    if any(deviation == 0 for _, deviation in moments):
        raise HarnessError("an image must vary to be brought to deviation 1, got a constant one")
    return Scale(
        gain=tuple(1 / deviation for _, deviation in moments),
        offset=tuple(-mean / deviation for mean, deviation in moments),
    )


def _moments(channel: NDArray[Any]) -> tuple[float, float]:
    """Mean and standard deviation (over n), a layer at a time in float64, whatever the order."""
    flat = channel.ravel(order="K")
    layers = np.array_split(flat, max(1, flat.size // 2**20))
    mean = sum(float(layer.sum(dtype=np.float64)) for layer in layers) / flat.size
    square = sum(float(np.square(layer - mean, dtype=np.float64).sum()) for layer in layers)
    return mean, float(np.sqrt(square / flat.size))


def resampled(image: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """(C, X, Y, Z) -> (C, *shape): linear; itself where the shape is the same.

    Of 8-bit images whole grey levels, so that white is white at any size; else float32.
    """
    if image.shape[1:] == tuple(shape):
        return image
    import torch
    from torch.nn.functional import interpolate

    linear = functools.partial(interpolate, mode="bilinear", antialias=True)
    slices = np.ascontiguousarray(np.moveaxis(image, 3, 1), dtype=np.float32)
    across = linear(torch.from_numpy(slices), size=tuple(shape[:2]))
    if shape[2] != image.shape[3]:
        columns = across.flatten(2).transpose(1, 2)
        columns = linear(columns[None].contiguous(), size=(columns.shape[1], shape[2]))[0]
        across = columns.transpose(1, 2).reshape(len(image), shape[2], *shape[:2])
    found = np.moveaxis(across.numpy(), 1, 3)
    return found.round().astype(np.uint8) if image.dtype == np.uint8 else found


def nearest(mask: NDArray[np.uint8], shape: Sequence[int]) -> NDArray[np.uint8]:
    """(X, Y, Z) -> `shape`: of each voxel's centre, the voxel that it is in; the upper of two."""
    if mask.shape == tuple(shape):
        return mask
    places = [
        (2 * np.arange(new) + 1) * old // (2 * new)
        for old, new in zip(mask.shape, shape, strict=True)
    ]
    return mask[np.ix_(*places)]


def restore(probabilities: Array, shape: Sequence[int]) -> Array:
    """(K, x, y, z) of the network's grid -> (K, *shape) of the case's own, linear."""
    return resampled(probabilities, shape)
