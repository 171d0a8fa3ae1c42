"""Image files and arrays as pixels of one shape, channels first."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError

CHANNELS = {"HW": None, "HWC": 2, "CHW": 0, "DHW": None, "CDHW": 0}
"""Layout of an image -> the axis of its channels, if it has one."""
BY_AXES = {2: "HW", 3: "DHW", 4: "CDHW"}
MODES = {"1": "L", "LA": "L", "RGBA": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
"""Modes of pillow -> what they are read as; any other is read as it is."""


def read(paths: Sequence[Path], layout: str = "") -> NDArray[Any]:
    """(n, C, H, W) or (n, C, D, H, W) of image files of one size, each read once.

    Raises HarnessError where one is missing, is no image, or is not of the first's size and type.
    """
    first = _one(paths[0], layout)
    pixels = np.empty((len(paths), *first.shape), first.dtype)
    for row, path in zip(pixels, paths, strict=True):
        image = _one(path, layout)
        if (image.shape, image.dtype) != (first.shape, first.dtype):
            raise HarnessError(
                f"{path} must be {first.dtype} {first.shape} as {paths[0].name}, got "
                f"{image.dtype} {image.shape}; bring all images to one size and type"
            )
        row[:] = image
    return pixels


def _one(path: Path, layout: str) -> NDArray[Any]:
    try:
        image = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _picture(path)
    except Exception as error:  # decoders raise whatever a broken file makes them
        reason = str(error).partition("\n")[0]
        raise HarnessError(f"{path} must be an image, got: {reason}") from None
    whole: NDArray[Any] = arranged(image[None], layout, path)[0]
    return whole


def _picture(path: Path) -> NDArray[Any]:
    """What pillow makes of a file of one frame; transparency is left out."""
    from PIL import Image

    with Image.open(path) as file:
        frames = getattr(file, "n_frames", 1)
        if frames > 1 and file.format != "MPO":
            raise ValueError(f"{frames} frames in a file; save them as .npy")
        image = file.convert("RGBA") if file.mode in ("P", "PA") else file
        return np.asarray(image.convert(MODES.get(image.mode, image.mode)))


def arranged(images: NDArray[Any], layout: str, path: Path) -> NDArray[Any]:
    """(n, ...) with the axes of `layout`, or those that its number of axes says, channels first.

    Raises HarnessError where the numbers are not real, or the axes do not fit.
    """
    axes = images.ndim - 1
    colour = axes == 3 and images.shape[-1] == 3
    layout = layout or ("HWC" if colour else BY_AXES.get(axes, ""))
    if layout not in CHANNELS or len(layout) != axes or images.dtype.kind not in "uif":
        known = ", ".join(CHANNELS)
        raise HarnessError(
            f"{path} must hold images of numbers, their axes one of {known}, got {images.dtype} "
            f"{images.shape} as {layout or 'none of them'}; set args.layout"
        )
    channel = CHANNELS[layout]
    return images[:, None] if channel is None else np.moveaxis(images, 1 + channel, 1)


def white(pixels: NDArray[Any]) -> float:
    """The value that counts as 1."""
    return float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind in "ui" else 1.0


def content(path: Path) -> bytes:
    """A digest of a file. Raises HarnessError where it is missing."""
    try:
        stat = path.stat()
        return _digest(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise HarnessError(f"{path} must be a readable file, got: {error.strerror}") from None


@functools.lru_cache(maxsize=2**17)
def _digest(path: Path, modified: int, size: int) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
